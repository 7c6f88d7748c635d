/*
 * JSON numbers have any number of digits; a JavaScript number has about 16. What Loom records and returns keeps the digits
 * that were sent: `JSON.parse` with the source text of each number (ECMAScript proposal "JSON.parse source text access").
 */

interface ExactJson {
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
}

const exactJson = JSON as typeof JSON & ExactJson;

/** Says "maybe" for texts with a number of 16 digits or an exponent of two. Such a text is read with care. */
const mayLoseDigits = /\d[\d.]{15}|\d[eE][+-]?\d\d/;

/**
 * Parses JSON like `JSON.parse`, but a number that a 64-bit float would change becomes an opaque object that
 * `JSON.stringify` writes with its original digits. Throws SyntaxError.
 */
export function parseExactJson(text: string): unknown {
  if (!mayLoseDigits.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_name, value: unknown, context?: { readonly source?: string }) => {
    const source = context?.source;
    if (typeof value !== 'number' || source === undefined || isExact(source, value)) return value;
    return exactJson.rawJSON(source);
  });
}

/** True for a number of {@link parseExactJson} that a 64-bit float would change. */
export function isInexactNumber(value: unknown): boolean {
  return exactJson.isRawJSON(value);
}

/** The number that a JSON literal means, or the literal itself where a 64-bit float would change it. */
export function exactNumber(source: string): number | string {
  const value = Number(source);
  return isExact(source, value) ? value : source;
}

function isExact(source: string, value: number): boolean {
  if (!Number.isFinite(value)) return false;
  const digits = source
    .replace(/[eE].*$/, '')
    .replace(/[-.]/g, '')
    .replace(/^0+/, '');
  if (value === 0) return digits === '';
  return digits.length <= 15 || source === String(value) || isSameInteger(source, value);
}

function isSameInteger(source: string, value: number): boolean {
  return source.length <= 40 && /^-?\d+$/.test(source) && BigInt(source) === BigInt(value);
}
