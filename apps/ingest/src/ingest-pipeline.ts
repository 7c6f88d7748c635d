import type { Batch } from '@loom/event-stream';
import type { DeadLetters, FaultyRecord } from '@loom/service-kit';
import { batchToken, type TraceWriter, type WriteBatch } from '@loom/trace-store';
import { readEvent, type StoredEvent } from './read-event.ts';
import { type EventReaders, rowsOfEvent } from './rows-of-event.ts';

export interface IngestPipelineDeps extends EventReaders {
  readonly store: TraceWriter;
  readonly deadLetters: Pick<DeadLetters, 'append'>;
  /** Raised by a restore or replay into a store that remembers batches; 1 when there was none. */
  readonly generation?: number;
}

export interface IngestedBatch {
  readonly events: number;
  readonly deadLetters: number;
}

/**
 * Events in, rows out. A batch becomes one write under a token made of its events' ids, so that the same batch again
 * changes nothing. What can not be read becomes a dead letter and does not hold up the rest.
 */
export class IngestPipeline {
  readonly #deps: IngestPipelineDeps;

  constructor(deps: IngestPipelineDeps) {
    this.#deps = deps;
  }

  /** Resolves when all rows and dead letters are durable: the batch may be committed. Rejects when it has to come again. */
  async handle(batch: Batch): Promise<IngestedBatch> {
    const events = new Map<string, StoredEvent>();
    const faulty: FaultyRecord[] = [];
    for (const record of batch.records) {
      const read = readEvent(record);
      if (read.outcome === 'ok') events.set(read.event.id, read.event);
      else if (read.outcome === 'dead-letter') faulty.push({ ...read, record });
    }
    if (faulty.length > 0) await this.#deps.deadLetters.append(faulty);
    if (events.size > 0) await this.#deps.store.writeBatch(this.#writeBatch(events));
    return { events: events.size, deadLetters: faulty.length };
  }

  #writeBatch(events: ReadonlyMap<string, StoredEvent>): WriteBatch {
    const token = batchToken([...events.keys()], this.#deps.generation ?? 1);
    const rows = [...events.values()].map((event) => rowsOfEvent(event, this.#deps));
    return {
      token,
      spans: rows.flatMap(({ spans = [] }) => spans),
      accepted: rows.flatMap(({ accepted = [] }) => accepted),
      payloads: rows.flatMap(({ payloads = [] }) => payloads),
      texts: rows.flatMap(({ texts = [] }) => texts),
      costs: rows.flatMap(({ costs = [] }) => costs),
      captureEvents: rows.flatMap(({ captureEvents = [] }) => captureEvents),
    };
  }
}
