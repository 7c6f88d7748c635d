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

const unreadableMax = 20;

/**
 * Checks items together, and where that fails by halves, so that damage of one is a finding of its own. Rejects when it was
 * told to end, when the store does not answer, and when many in a row fail by themselves: then it is no damage of one.
 */
export async function checkEach<Item>(
  items: readonly Item[],
  check: (items: readonly Item[]) => Promise<string[]>,
  tell: (item: Item) => string,
): Promise<string[]> {
  let failedInRow = 0;
  const run = async (part: readonly Item[]): Promise<string[]> => {
    const [only] = part;
    if (only === undefined) return [];
    try {
      const found = await check(part);
      failedInRow = 0;
      return found;
    } catch (error) {
      if (isEnd(error)) throw error;
      if (part.length > 1) {
        const middle = Math.ceil(part.length / 2);
        return [...(await run(part.slice(0, middle))), ...(await run(part.slice(middle)))];
      }
      failedInRow += 1;
      if (failedInRow > unreadableMax) throw error;
      return [tell(only)];
    }
  };
  return run(items);
}

/** An error that says nothing of what was read: nobody waits any more, or the store is away. */
function isEnd(error: unknown): boolean {
  if (isLoomError(error)) return error.code === 'unavailable';
  return typeof error === 'object' && error !== null && 'name' in error && error.name === 'AbortError';
}
