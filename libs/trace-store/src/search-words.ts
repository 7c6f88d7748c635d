/*
 * What full-text search finds. The index splits at ASCII characters that are neither letters nor digits, and takes
 * everything beyond ASCII for part of a word. So a text is written in a form in which that is right.
 */

const separators = /[\p{P}\p{Z}\p{C}]+/gu;
const symbols = /[\p{S}]/gu;
/** Scripts that put no space between words. */
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}][\p{M}ー]*/gu;
const unspacedRun = new RegExp(`(?:${unspaced.source})+`, 'gu');
const words = /[a-z0-9\u{80}-\u{10ffff}]+/gu;

/**
 * Returns a text as it is indexed: lower case, compatibility forms folded (NFKC), punctuation and spaces of every script as
 * spaces, each symbol a word, and scripts without spaces as overlapping pairs of characters.
 */
export function searchForm(text: string): string {
  const lower = text.toLowerCase().toWellFormed();
  if (/^[\n\r\t\x20-\x7e]*$/.test(lower)) return lower;
  return lower
    .normalize('NFKC')
    .toLowerCase()
    .replace(separators, ' ')
    .replace(symbols, ' $& ')
    .replace(unspacedRun, (run) => ` ${pairsOf(run).join(' ')} `);
}

/** The words to look for: whole ones, and characters of a script without spaces that stand alone. */
export interface SearchedWords {
  readonly whole: readonly string[];
  /** Found anywhere in a text, not by the index. */
  readonly single: readonly string[];
}

export function searchedWords(query: string): SearchedWords {
  const found = [...new Set(searchForm(query).match(words) ?? [])];
  const isSingle = (word: string) => word.match(unspaced)?.[0] === word;
  return { whole: found.filter((word) => !isSingle(word)), single: found.filter(isSingle) };
}

function pairsOf(run: string): string[] {
  const characters = run.match(unspaced) ?? [];
  if (characters.length < 2) return characters;
  return characters.slice(1).map((character, index) => (characters[index] ?? '') + character);
}
