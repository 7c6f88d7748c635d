/** The value as a JSON object, or null when it is none. */
export function record(value: unknown): Readonly<Record<string, unknown>> | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : null;
}

/** The objects of a JSON array; none when it is no array. */
export function records(value: unknown): Readonly<Record<string, unknown>>[] {
  if (!Array.isArray(value)) return [];
  return value.map(record).filter((item) => item !== null);
}

/** A text that is not empty, or null. */
export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A count of tokens; 0 for everything that is none. */
export function count(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}

/** A finite number, or null. */
export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A JSON text as an object, or null when it is none or broken. */
export function parseRecord(json: string): Readonly<Record<string, unknown>> | null {
  try {
    return record(JSON.parse(json));
  } catch {
    return null;
  }
}
