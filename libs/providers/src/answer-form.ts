/** How the bytes of an answer are to be read. */
export type AnswerForm = 'stream' | 'body';

const fields = ['data:', 'event:', 'id:', 'retry:', ':'];
/** Longer than a byte order mark, white space and the name of a field. Bytes. */
const startBytesMax = 256;

/**
 * What the first bytes of an answer are, whatever its content type says: a stream begins with a field or a comment, or in
 * AWS's framing with a length below 16 MiB; all else is a body. Null while too little is there to say.
 */
export function formOf(bytes: Buffer, framing: 'sse' | 'eventstream'): AnswerForm | null {
  if (bytes.length === 0) return null;
  if (framing === 'eventstream' && bytes[0] === 0) return 'stream';
  const start = bytes.toString('utf8', 0, startBytesMax).replace(/^\ufeff?\s*/, '');
  if (start === '') return bytes.length < startBytesMax ? null : 'body';
  if (framing === 'eventstream') return 'body';
  if (fields.some((field) => start.startsWith(field))) return 'stream';
  return fields.some((field) => field.startsWith(start)) ? null : 'body';
}

/** Whether bytes that are all there are a stream; `expected` where they do not say. */
export function isStream(bytes: Buffer, framing: 'sse' | 'eventstream', expected: boolean): boolean {
  const form = formOf(bytes, framing);
  return form === null ? expected : form === 'stream';
}
