import { LoomError } from '@loom/errors';

export type CanonicalValue =
  string | number | boolean | null | readonly CanonicalValue[] | { readonly [name: string]: CanonicalValue };

const depthMax = 32;

/**
 * RFC 8785 for what the ledger writes: texts, booleans, null, whole numbers below 2^53, arrays and objects of these.
 * The same value always becomes the same bytes. Throws `invalid_request` for other numbers, and for text that is no Unicode.
 */
export function canonicalJson(value: CanonicalValue, depth = 0): string {
  if (depth > depthMax) throw new LoomError('invalid_request', `nested deeper than ${depthMax} levels`);
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new LoomError('invalid_request', 'a text has half a surrogate pair');
    return JSON.stringify(value);
  }
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || Object.is(value, -0))
      throw new LoomError('invalid_request', `${value} is no whole number below 2^53`);
    return String(value);
  }
  if (typeof value === 'boolean' || value === null) return String(value);
  if (Array.isArray(value))
    return `[${value.map((item: CanonicalValue) => canonicalJson(item, depth + 1)).join(',')}]`;
  // Names are sorted by their UTF-16 code units, as JavaScript compares.
  const entries = Object.entries(value as Readonly<Record<string, CanonicalValue>>).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  return `{${entries.map(([name, member]) => `${canonicalJson(name)}:${canonicalJson(member, depth + 1)}`).join(',')}}`;
}
