/** What every escape by number begins with, where the character is in a credential. */
const escapeMark = Buffer.from('\\u00');
/** JSON in JSON in JSON has so many; a bound, so that a run of them is read once. */
const backslashes = '\\\\{1,7}';
/** The longest spelling of a character. */
const escapeBytes = 12;
/** Compiled once for all calls with a credential. */
const compiled = new Map<string, EscapedSecret>();
const compiledMax = 1000;

/**
 * A secret as JSON may write it: any of its characters as an escape (`\u0073k-…`), whatever the provider's JSON writer
 * escapes, also in JSON within JSON, where backslashes are doubled. Costs a look for one mark where there are no such escapes.
 */
export class EscapedSecret {
  readonly #whole: RegExp;
  readonly #beginning: RegExp;
  readonly #bytesMax: number;

  private constructor(secret: string) {
    const characters = Array.from(secret, spellings);
    this.#whole = new RegExp(characters.join(''), 'g');
    this.#beginning = new RegExp(`(?:${beginnings(Array.from(secret))})$`);
    this.#bytesMax = secret.length * escapeBytes;
  }

  static of(secret: string): EscapedSecret {
    const known = compiled.get(secret);
    if (known) return known;
    if (compiled.size >= compiledMax) compiled.clear();
    const made = new EscapedSecret(secret);
    compiled.set(secret, made);
    return made;
  }

  /** Where the secret stands with an escape in it: offsets, the end is exclusive. */
  findIn(bytes: Buffer): { readonly start: number; readonly end: number }[] {
    if (!bytes.includes(escapeMark)) return [];
    const text = bytes.toString('latin1'); // one character a byte
    return Array.from(text.matchAll(this.#whole), ({ index, 0: found }) => ({
      start: index,
      end: index + found.length,
    }));
  }

  /** Where bytes end in what may be the beginning of the secret with an escape in it; their length where they do not. */
  beginningAt(bytes: Buffer): number {
    const from = Math.max(0, bytes.length - this.#bytesMax);
    if (bytes.indexOf('\\', from) < 0) return bytes.length;
    const at = bytes.toString('latin1', from).search(this.#beginning);
    return at < 0 ? bytes.length : from + at;
  }
}

function spellings(character: string): string {
  const short = '/"\\'.includes(character) ? `|${backslashes}${literal(character)}` : '';
  return `(?:${literal(character)}|${backslashes}u00${hexOf(character)}${short})`;
}

/** Any beginning of the characters, the last of which may be the beginning of its escape. */
function beginnings(characters: readonly string[]): string {
  return characters.reduceRight(
    (rest, character) => `(?:${spellings(character)}(?:${rest})?|${unfinished(character)})`,
    '',
  );
}

function unfinished(character: string): string {
  const [high = ''] = character.charCodeAt(0).toString(16).padStart(2, '0');
  return `${backslashes}(?:u(?:0(?:0${high}?)?)?)?`;
}

function hexOf(character: string): string {
  return character
    .charCodeAt(0)
    .toString(16)
    .padStart(2, '0')
    .replaceAll(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}

function literal(character: string): string {
  return character.replaceAll(/[$()*+./?[\\\]^{|}-]/g, '\\$&');
}
