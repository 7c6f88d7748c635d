import { LoomError } from '@loom/errors';
import { ZxcvbnFactory } from '@zxcvbn-ts/core';
import { adjacencyGraphs, dictionary } from '@zxcvbn-ts/language-common';

/** Estimated guesses that a password must outlast: ten to this power. A common one with a few digits does not. */
const guessesLog10Min = 7.5;
/** What is longer is judged by its beginning: the time grows with the square of the length. */
const judgedCharsMax = 64;

/** Tens of thousands of common passwords are read when the first one is chosen, and stay. */
let judge: ZxcvbnFactory | null = null;

/**
 * Throws `invalid_request` for a password that is common, a common one with ornaments, a repetition, a row of the
 * keyboard, or made of `words`, such as the person's name. Nothing of it leaves the process.
 */
export function refuseWeakPassword(
  password: string,
  { param, words }: { readonly param: string; readonly words: readonly string[] },
): void {
  judge ??= new ZxcvbnFactory({ dictionary, graphs: adjacencyGraphs });
  const own = words.flatMap(ownForms).filter((word) => word.length > 2);
  const { guessesLog10 } = judge.check(password.slice(0, judgedCharsMax), [...own, 'loom']);
  if (guessesLog10 >= guessesLog10Min) return;
  throw new LoomError(
    'invalid_request',
    'this password is common or easy to guess; three or four words that do not belong together are better',
    { param },
  );
}

/** A name or an address as it is, in its parts, and run together. */
function ownForms(word: string): string[] {
  const parts = word.split(/[^\p{L}\p{N}]+/u);
  return [word, ...parts, parts.join('')];
}
