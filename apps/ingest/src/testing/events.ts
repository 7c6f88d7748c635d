import type { Batch, StreamRecord } from '@loom/event-stream';
import { topics } from '@loom/trace-schema';

/** A batch as the stream hands it out. Strings are values as they are, everything else goes as JSON. */
export function batchOfEvents(values: readonly unknown[], topic: string = topics.traces): Batch {
  const records = values.map((value, offset): StreamRecord => ({
    topic,
    partition: '0',
    offset,
    timestampMs: 0,
    key: 'k',
    headers: {},
    value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  }));
  return {
    topic,
    partition: '0',
    firstOffset: 0,
    lastOffset: records.length - 1,
    records,
    redelivered: false,
  };
}
