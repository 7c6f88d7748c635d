import { setImmediate } from 'node:timers/promises';
import type { Batch, StreamRecord } from '@loom/event-stream';
import type { DeadLetters, FaultyRecord } from '@loom/service-kit';
import {
  batchToken,
  type EventReaders,
  type EventRows,
  rowsOfEvent,
  type TraceWriter,
  type WriteBatch,
} from '@loom/trace-store';
import { readEvent } from './read-event.ts';

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

/** What a batch becomes: rows by the id of their event, and what cannot be read. */
interface DecodedBatch {
  readonly rows: ReadonlyMap<string, EventRows>;
  readonly faulty: readonly FaultyRecord[];
}

/** So many events are read before sockets have their turn: a batch at once would keep the engine waiting. */
const eventsPerTurn = 32;

/**
 * Events in, rows out. A batch becomes one write under a token made of its events' ids, so that the same batch again
 * changes nothing. What can not be read becomes a dead letter and does not hold up the rest.
 */
export class IngestPipeline {
  readonly #deps: IngestPipelineDeps;
  /** Batches that are decoded ahead, by their records. */
  readonly #ahead = new WeakMap<readonly StreamRecord[], Promise<DecodedBatch>>();

  constructor(deps: IngestPipelineDeps) {
    this.#deps = deps;
  }

  /** Decodes a batch that is to come, while the one before is written. */
  prepare({ records }: Batch): void {
    const decoding = this.#decode(records);
    decoding.catch(() => undefined); // told when the batch is handled
    this.#ahead.set(records, decoding);
  }

  /** Resolves when all rows and dead letters are durable: the batch may be committed. Rejects when it has to come again. */
  async handle({ records }: Batch): Promise<IngestedBatch> {
    const decoding = this.#ahead.get(records) ?? this.#decode(records);
    this.#ahead.delete(records);
    const { rows, faulty } = await decoding;
    if (faulty.length > 0) await this.#deps.deadLetters.append(faulty);
    if (rows.size > 0) await this.#deps.store.writeBatch(this.#writeBatch(rows));
    return { events: rows.size, deadLetters: faulty.length };
  }

  async #decode(records: readonly StreamRecord[]): Promise<DecodedBatch> {
    const rows = new Map<string, EventRows>();
    const faulty: FaultyRecord[] = [];
    for (const [index, record] of records.entries()) {
      if (index % eventsPerTurn === eventsPerTurn - 1) await setImmediate();
      const read = readEvent(record);
      if (read.outcome === 'ok') rows.set(read.event.id, rowsOfEvent(read.event, this.#deps, read.lost));
      else if (read.outcome === 'dead-letter') faulty.push({ ...read, record });
    }
    return { rows, faulty };
  }

  #writeBatch(rowsById: ReadonlyMap<string, EventRows>): WriteBatch {
    const rows = [...rowsById.values()];
    return {
      token: batchToken([...rowsById.keys()], this.#deps.generation ?? 1),
      spans: rows.flatMap(({ spans = [] }) => spans),
      accepted: rows.flatMap(({ accepted = [] }) => accepted),
      payloads: rows.flatMap(({ payloads = [] }) => payloads),
      texts: rows.flatMap(({ texts = [] }) => texts),
      costs: rows.flatMap(({ costs = [] }) => costs),
      captureEvents: rows.flatMap(({ captureEvents = [] }) => captureEvents),
    };
  }
}
