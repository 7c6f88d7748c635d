import { isLoomError } from '@loom/errors';
import { columnOf } from '@loom/trace-schema/stored-columns';
import type { ReadLeaf } from '../leaf-rows.ts';

/** The call and the leaf that a finding is about, for people. */
export function placeOf({ index, envelope: { callId } }: ReadLeaf): string {
  return callId === undefined ? `leaf ${index}` : `call ${callId}, leaf ${index}`;
}

/** That columns of a leaf's row have other values. */
export function otherValues(leaf: ReadLeaf, table: string, fields: readonly string[]): string {
  return `${placeOf(leaf)}: not as sealed in ${table}: ${fields.map(columnOf).join(', ')}`;
}

/** Those that are told of one by one. */
const unreadableMax = 1000;

/**
 * Checks items together, and where that fails by halves, so that damage of one is a finding of its own: `tell` gets the
 * items that cannot be checked, one by one until they are too many. Rejects when nobody waits and when the store is away.
 */
export async function checkEach<Item>(
  items: readonly Item[],
  check: (items: readonly Item[]) => Promise<string[]>,
  tell: (items: readonly Item[]) => string,
): Promise<string[]> {
  let unreadable = 0;
  const run = async (part: readonly Item[]): Promise<string[]> => {
    if (part.length === 0) return [];
    try {
      return await check(part);
    } catch (error) {
      if (isEnd(error)) throw error;
      if (part.length > 1 && unreadable < unreadableMax) {
        const middle = Math.ceil(part.length / 2);
        return [...(await run(part.slice(0, middle))), ...(await run(part.slice(middle)))];
      }
      unreadable += 1;
      return [tell(part)];
    }
  };
  return run(items);
}

const ends: ReadonlySet<string> = new Set([
  'unavailable',
  'overloaded',
  'upstream_timed_out',
  'client_closed',
]);

/** An error that says nothing of what was read: nobody waits any more, or the store is away or busy. */
function isEnd(error: unknown): boolean {
  if (isLoomError(error)) return ends.has(error.code);
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}
