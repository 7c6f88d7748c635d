import { readFileSync, writeFileSync } from 'node:fs';

const begin = '<!-- prettier-ignore-start -->\n';
const end = '<!-- prettier-ignore-end -->';

/**
 * The part of a document that is made from code, as it stands in the file. With `LOOM_UPDATE_REFERENCES=1` the file is
 * brought up to date first, so that the comparison after it holds.
 */
export function generatedSection(path: string, current: string): string {
  const text = readFileSync(path, 'utf8');
  const from = text.indexOf(begin) + begin.length;
  const to = text.indexOf(end);
  if (from < begin.length || to < from) throw new Error(`${path} has no generated section`);
  if (process.env.LOOM_UPDATE_REFERENCES !== '1') return text.slice(from, to);
  writeFileSync(path, text.slice(0, from) + current + text.slice(to));
  return current;
}
