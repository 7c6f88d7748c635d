/*
 * Server-sent events (WHATWG HTML 9.2): lines end in LF, CR LF or CR; an empty line ends an event; a line that begins
 * with a colon is a comment; several data lines of one event are joined by LF.
 */

/** The data of each whole event of a stream that is all there, in order. Comments and other fields are left out. */
export function* sseData(stream: Buffer): Generator<string> {
  let text = stream.toString('utf8');
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  if (text.includes('\r')) text = text.replaceAll(/\r\n?/g, '\n');
  let data: string[] = [];
  for (let start = 0; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline < 0 ? text.length : newline;
    if (end === start) {
      if (data.length > 0) yield data.join('\n');
      data = [];
    } else if (text.startsWith('data:', start)) {
      data.push(text.slice(text[start + 5] === ' ' ? start + 6 : start + 5, end));
    }
    start = end + 1;
  }
  if (data.length > 0) yield data.join('\n'); // a stream may end without its last empty line
}

/** Where the last whole event ends: the offset after its empty line, or 0 when none is whole. */
export function lastEventEnd(bytes: Buffer): number {
  const lf = bytes.lastIndexOf('\n\n');
  const crlf = bytes.lastIndexOf('\n\r\n');
  const end = Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 3);
  if (end > 0 || bytes.includes(0x0a)) return end;
  const cr = bytes.lastIndexOf('\r\r');
  return cr < 0 ? 0 : cr + 2;
}

/** Where the first event ends: the offset after its empty line, or null when none is whole. */
export function firstEventEnd(bytes: Buffer): number | null {
  const lf = bytes.indexOf('\n\n');
  const crlf = bytes.indexOf('\n\r\n');
  const ends = [lf < 0 ? Infinity : lf + 2, crlf < 0 ? Infinity : crlf + 3];
  if (!bytes.includes(0x0a)) {
    const cr = bytes.indexOf('\r\r');
    ends.push(cr < 0 ? Infinity : cr + 2);
  }
  const end = Math.min(...ends);
  return end === Infinity ? null : end;
}
