import { messageOf } from '@loom/errors';
import type { StreamRecord } from '@loom/event-stream';
import { CostComputed, type DeadLetter, eventReader, topics, TraceEvent } from '@loom/trace-schema';

type StoredEvent = TraceEvent | CostComputed;

/** What becomes of a record: an event, nothing (it is of no use here), or a dead letter. */
export type ReadEvent =
  | { readonly outcome: 'ok'; readonly event: StoredEvent }
  | { readonly outcome: 'drop' }
  | { readonly outcome: 'dead-letter'; readonly reason: DeadLetter['reason']; readonly message: string };

/** The last instant that the store can hold: 2262-04-11. */
const unixNanosMax = 9_223_372_036_854_775_807n;
const statusMax = 999;
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
  const fault = faultOf(read.event);
  return fault === null
    ? { outcome: 'ok', event: read.event }
    : { outcome: 'dead-letter', reason: 'invalid', message: fault };
}

/** What the schema allows and the store's columns do not: one such row would hold up its batch for ever. */
function faultOf(event: StoredEvent): string | null {
  const times = [event.time];
  if ('startTime' in event) times.push(event.startTime);
  if ('timing' in event) times.push(event.timing.startTime);
  for (const time of times) {
    if (!/^\d{1,19}$/.test(time) || BigInt(time) > unixNanosMax) return `${time} is no instant before 2262`;
  }
  if ('status' in event && event.status > statusMax) return `status ${event.status} is no HTTP status`;
  if ('totalUsd' in event && /^\d{19}/.test(event.totalUsd)) return `${event.totalUsd} dollars is no price`;
  return null;
}
