import { messageOf } from '@loom/errors';
import type { StreamRecord } from '@loom/event-stream';
import { CostComputed, type DeadLetter, eventReader, topics, TraceEvent } from '@loom/trace-schema';

type StoredEvent = TraceEvent | CostComputed;

/** What a record becomes: an event, nothing (ingest has no use for it), or a dead letter. */
export type ReadEvent =
  | {
      readonly outcome: 'ok';
      readonly event: StoredEvent;
      /** Paths of the facts that could not be read. */
      readonly lost: readonly string[];
    }
  | { readonly outcome: 'drop' }
  | { readonly outcome: 'dead-letter'; readonly reason: DeadLetter['reason']; readonly message: string };

const faultsShown = 5;
const readers = { costs: eventReader(CostComputed), traces: eventReader(TraceEvent) };

export function readEvent(record: StreamRecord): ReadEvent {
  // Most records are chunk groups; the header tells without reading the value.
  if (record.headers['ce_type'] === 'loom.call.chunks') return { outcome: 'drop' };
  let value: unknown;
  try {
    value = JSON.parse(record.value.toString('utf8'));
  } catch (error) {
    return { outcome: 'dead-letter', reason: 'malformed', message: messageOf(error) };
  }
  const read = record.topic === topics.costs ? readers.costs(value) : readers.traces(value);
  // Kept, so that a newer version can take it in.
  if (read.outcome === 'unknown')
    return { outcome: 'dead-letter', reason: 'invalid', message: `unknown event type ${read.type}` };
  if (read.outcome === 'invalid') {
    const faults = read.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    return { outcome: 'dead-letter', reason: 'invalid', message: faults.slice(0, faultsShown).join('; ') };
  }
  return { outcome: 'ok', event: read.event, lost: read.lost };
}
