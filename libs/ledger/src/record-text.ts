import { canonicalJson, type CanonicalValue } from './canonical-json.ts';

/** The one text of a record of control, such as an audit entry: what the part `record` of its leaf is committed to. */
export function recordText(record: Readonly<Record<string, unknown>>): string {
  return canonicalJson(asCanonical(record));
}

/** Numbers that are not whole are written as texts. */
function asCanonical(value: unknown): CanonicalValue {
  if (Array.isArray(value)) return value.map(asCanonical);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name.toWellFormed(), asCanonical(member)]),
    );
  if (typeof value === 'string') return value.toWellFormed();
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : String(value);
  return typeof value === 'boolean' ? value : null;
}
