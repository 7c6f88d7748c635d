/**
 * The metadata of a committed offset while a batch is out: the version of this form and the batch's end (exclusive).
 * Grammar: `loom1:` digits. Anything else is no plan.
 */
const syntax = /^loom1:(\d{1,15})$/;

export function encodePlannedEnd(end: number): string {
  return `loom1:${end}`;
}

/** The end of the batch that begins at `committed`, or null. */
export function decodePlannedEnd(metadata: string | null, committed: number): number | null {
  const end = Number(syntax.exec(metadata ?? '')?.[1] ?? -1);
  return end > committed ? end : null;
}
