import { LoomError, messageOf } from '@loom/errors';
import { isInexactNumber, parseExactJson } from '@loom/trace-schema';

const header = 'x-loom-metadata';
const textLengthMax = 4096;
const entriesMax = 32;
const keyLengthMax = 64;
const valueLengthMax = 512;

/** `adapt` records metadata of another shape as well as it can; `refuse` answers 400. */
export type MetadataPolicy = 'adapt' | 'refuse';

/**
 * Reads the labels of a call: a flat JSON object of at most 32 strings, numbers or booleans. Numbers keep their digits.
 * Under `adapt`, nested values become their JSON text, what is too long is cut, and a header that is not an object is
 * recorded as its text under the header's name. Under `refuse` each of these throws `invalid_request`.
 */
export function readMetadata(
  text: string | string[] | undefined,
  policy: MetadataPolicy,
): Record<string, string> {
  if (text === undefined || text === '') return {};
  const given = typeof text === 'string' ? text : text.join(', ');
  try {
    return entriesOf(given, policy);
  } catch (error) {
    if (policy === 'refuse') throw error;
    return { [header]: given.slice(0, valueLengthMax) };
  }
}

function entriesOf(text: string, policy: MetadataPolicy): Record<string, string> {
  if (text.length > textLengthMax) throw invalid(`is longer than ${textLengthMax} characters`);
  const entries = Object.entries(objectOf(text));
  if (policy === 'refuse') {
    if (entries.length > entriesMax) throw invalid(`has more than ${entriesMax} entries`);
    for (const [key, entry] of entries) expectFlat(key, entry);
  }
  return Object.fromEntries(
    entries
      .slice(0, entriesMax)
      .map(([key, entry]) => [key.slice(0, keyLengthMax), textOf(entry).slice(0, valueLengthMax)]),
  );
}

function objectOf(text: string): object {
  let value: unknown;
  try {
    value = parseExactJson(text);
  } catch (error) {
    throw invalid(`is not JSON (${messageOf(error).slice(0, 100)})`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value) || isInexactNumber(value))
    throw invalid('is not an object');
  return value;
}

function expectFlat(key: string, entry: unknown): void {
  const name = key.slice(0, keyLengthMax);
  if (typeof entry === 'object' && entry !== null && !isInexactNumber(entry))
    throw invalid(`has a nested value at "${name}"`);
  if (key.length > keyLengthMax || textOf(entry).length > valueLengthMax)
    throw invalid(`has an entry that is too long at "${name}"`);
}

function textOf(entry: unknown): string {
  return typeof entry === 'string' ? entry : JSON.stringify(entry);
}

function invalid(fault: string): LoomError {
  return new LoomError(
    'invalid_request',
    `header ${header} ${fault}; send a flat JSON object of strings, numbers or booleans`,
    { param: header },
  );
}
