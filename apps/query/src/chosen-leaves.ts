import type { StoredLeaf } from '@loom/control-store';
import { parseEnvelope } from '@loom/ledger';
import { nanosOfMillis } from '@loom/trace-schema';
import { pageLimitMax, type TraceReader } from '@loom/trace-store';
import { parseFilter } from './filter-grammar.ts';

export interface ChosenRange {
  readonly projectId: string;
  /** Unix milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  readonly filter?: string | undefined;
}

/** A call whose end is in the range may have begun so long before it. Milliseconds. */
const callMsMax = 24 * 3_600_000;

/**
 * Returns what picks the leaves that a filter chooses: those of calls that match it, and those of no call. Throws
 * `invalid_request` for a filter that is wrong.
 */
export function chooseLeaves(
  store: Pick<TraceReader, 'matchSpans'>,
  { projectId, fromMs, toMs, filter: text }: ChosenRange,
): (leaves: readonly StoredLeaf[]) => Promise<readonly StoredLeaf[]> {
  const filter = text === undefined ? null : parseFilter(text);
  if (!filter) return (leaves) => Promise.resolve(leaves);
  const range = { from: nanosOfMillis(Math.max(0, fromMs - callMsMax)), to: nanosOfMillis(toMs + 1) };
  return async (leaves) => {
    const spanOf = new Map(leaves.map((leaf) => [leaf, parseEnvelope(leaf.envelope).spanId]));
    const spanIds = [...new Set([...spanOf.values()].filter((spanId) => spanId !== undefined))];
    const matching = new Set<string>();
    for (let at = 0; at < spanIds.length; at += pageLimitMax) {
      const query = { projectId, ...range, filter, spanIds: spanIds.slice(at, at + pageLimitMax) };
      for (const spanId of await store.matchSpans(query)) matching.add(spanId);
    }
    return leaves.filter((leaf) => {
      const spanId = spanOf.get(leaf);
      return spanId === undefined || matching.has(spanId);
    });
  };
}
