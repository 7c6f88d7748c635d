import type { LedgerStore, StoredLeaf } from '@loom/control-store';
import { parseEnvelope } from '@loom/ledger';

/** An event of a call that came and is in no leaf, because it could not be read. */
export interface UnreadEvent {
  /** `<call id>/accepted`, `<call id>/end`, `<call id>/refused`. */
  readonly event: string;
  /** The leaf that tells of it. */
  readonly leaf: number;
  readonly timeMs: number;
}

const toldMax = 1000;

/** The newest of those that a log tells of, at most 1,000. One that was replayed and sealed since is none. */
export async function findUnreadEvents(
  ledger: Pick<LedgerStore, 'listLeavesOfKinds' | 'readProgress'>,
  projectId: string,
): Promise<UnreadEvent[]> {
  const kinds = ['record.unread', 'record.set-aside'];
  const told = await ledger.listLeavesOfKinds({ projectId, kinds, limit: toldMax });
  const found = new Map(told.flatMap(unreadOf));
  const { knownIds } = await ledger.readProgress({ projectId, emitters: [], ids: [...found.keys()] });
  return [...found.values()].filter(({ event }) => !knownIds.has(event));
}

function unreadOf({ index, timeMs, envelope }: StoredLeaf): [string, UnreadEvent][] {
  const { resource: event = '' } = parseEnvelope(envelope);
  return /\/(accepted|end|refused)$/.test(event) ? [[event, { event, leaf: index, timeMs }]] : [];
}
