/* Statements of the migrations that a check of the record runs again. The store's own copies could have been changed. */

/** The SELECT of a materialized view, as the last migration that makes it says. */
export function selectOfView(migrations: readonly string[], view: string): string {
  const pattern = new RegExp(`CREATE MATERIALIZED VIEW IF NOT EXISTS ${view} [^\\n]*\\bAS\\n([^;]*);`, 'g');
  const found = migrations.flatMap((text) => [...text.matchAll(pattern)]).at(-1)?.[1];
  if (found === undefined) throw new Error(`no migration makes the view ${view}`);
  return found.trim();
}

/** Expressions of materialized columns by the name of the column, of all tables. */
export function materializedColumns(migrations: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const text of migrations)
    for (const match of text.matchAll(/\b(\w+) [\w()]+ MATERIALIZED\s+/g))
      found.set(match[1] ?? '', expressionAt(text, match.index + match[0].length));
  return found;
}

/** Up to the comma or the end of the list or statement that it stands in. */
function expressionAt(text: string, start: number): string {
  let depth = 0;
  let end = start;
  for (; end < text.length; end += 1) {
    const char = text[end] ?? '';
    if (depth === 0 && ',;)'.includes(char)) break;
    if (char === '(') depth += 1;
    if (char === ')') depth -= 1;
  }
  return text.slice(start, end).trim();
}
