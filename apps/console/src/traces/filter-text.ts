/** `field:value` as the filter grammar takes it; quotes where the value needs them. */
export function filterTerm(field: string, value: string): string {
  const name = /^[\w.]+$/.test(field) ? field : `"${field.replaceAll('"', '')}"`;
  const isPlain = /^[^\s()"'<>=*\\/[{][^\s()"'*\\]*$/.test(value);
  return `${name}:${isPlain ? value : `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`}`;
}

/** Adds a term to a filter that is there; a term that is in it already is taken out. */
export function toggleTerm(filter: string, term: string): string {
  const terms = splitTerms(filter);
  const without = terms.filter((known) => known !== term);
  if (without.length < terms.length) return without.join(' ');
  const needsParentheses = / OR /.test(filter) && !/^\(.*\)$/.test(filter.trim());
  return [...(needsParentheses ? [`(${filter.trim()})`] : terms), term].join(' ');
}

/** The terms of a filter, as they are written. */
export function splitTerms(filter: string): string[] {
  return filter.match(/(?:[^\s"']|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')+/g) ?? [];
}
