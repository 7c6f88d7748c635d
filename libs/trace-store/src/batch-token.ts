import { createHash } from 'node:crypto';

/**
 * The deduplication token of a batch: the same events under the same generation give the same token. A restore or
 * replay into a store that remembers raises the generation.
 */
export function batchToken(eventIds: readonly string[], generation: number): string {
  const hash = createHash('sha256').update(`loom/batch/v1/${generation}`);
  for (const id of eventIds) hash.update(`\n${id.length}:${id}`);
  return hash.digest('hex');
}
