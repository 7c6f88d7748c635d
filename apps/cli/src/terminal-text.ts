/**
 * Recorded content is somebody else's text: escape sequences, other control characters and marks that turn the
 * direction of writing are shown as `�`, so that it cannot move the cursor, recolour or rewrite the screen.
 */
export function safeText(text: string): string {
  return text.replace(/\r\n?/g, '\n').replace(
    // eslint-disable-next-line no-control-regex -- these are what must not reach a terminal
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    '�',
  );
}

/** On one line, at most so many characters. */
export function oneLine(text: string, lengthMax: number): string {
  const line = safeText(text).replace(/\s+/g, ' ').trim();
  return line.length > lengthMax ? `${line.slice(0, lengthMax - 1)}…` : line;
}

/** Columns as wide as their widest cell; the last one as it is. */
export function toTable(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Every line of a text moved to the right. */
export function indent(text: string, by: string): string {
  return text.replace(/^/gm, by);
}

export function milliseconds(value: number): string {
  if (value >= 10_000) return `${(value / 1000).toFixed(1)} s`;
  return value >= 100 ? `${value.toFixed(0)} ms` : `${value.toFixed(1)} ms`;
}
