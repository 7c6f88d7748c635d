import { LoomError } from '@loom/errors';
import { parseExactJson } from '@loom/trace-schema';

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

/** Whether it is a JSON array of nothing but objects. */
export function isRecordList(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => record(item) !== null);
}

/** A text that is not empty, or null. */
export function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}

/** A member's name in snake case: `top_p` for `topP`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A count of tokens, which some servers tell as a text, `12` or `12.0`; 0 for everything that is none. */
export function count(value: unknown): number {
  const number = typeof value === 'string' && /^\s*\d+(?:\.0+)?\s*$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) && number >= 0 ? number : 0;
}

/** A finite number, or null. */
export function numberOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

/** A JSON text as an object, or null when it is none or broken. A byte order mark before it is passed over. */
export function parseRecord(json: string): Readonly<Record<string, unknown>> | null {
  try {
    return record(JSON.parse(json.charCodeAt(0) === 0xfeff ? json.slice(1) : json));
  } catch {
    return null;
  }
}

/** The arguments of a tool call as an object whose numbers keep their digits; null when they are no JSON object. */
export function parseArguments(json: string): Readonly<Record<string, unknown>> | null {
  try {
    return record(parseExactJson(json));
  } catch {
    return null;
  }
}

/**
 * What an event of a provider's stream says; null for one that says nothing. Throws `upstream_failed` for one that is no
 * JSON object: a piece of the answer is lost with it, so what comes after it is not the answer.
 */
export function eventObject(data: string): Readonly<Record<string, unknown>> | null {
  if (data.trim() === '') return null;
  const event = parseRecord(data);
  if (event) return event;
  throw new LoomError('upstream_failed', 'an event of the answer is no JSON object', {
    reason: 'malformed_answer',
  });
}
