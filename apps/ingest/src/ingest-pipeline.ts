import type { Batch, NewRecord, Producer, StreamRecord } from '@loom/event-stream';
import { cloudEventHeaders, type DeadLetter, eventIds, newUuid } from '@loom/trace-schema';
import { batchToken, type TraceWriter, type WriteBatch } from '@loom/trace-store';
import { readEvent, type StoredEvent } from './read-event.ts';
import { type EventReaders, rowsOfEvent } from './rows-of-event.ts';

export interface IngestPipelineDeps extends EventReaders {
  readonly store: TraceWriter;
  /** Of topic `loom.dead-letters.v1`. */
  readonly deadLetters: Producer;
  /** Raised by a restore or replay into a store that remembers batches; 1 when there was none. */
  readonly generation?: number;
  /** Unix milliseconds; the system's clock unless a test says otherwise. */
  readonly now?: () => number;
}

export interface IngestedBatch {
  readonly events: number;
  readonly deadLetters: number;
}

const group = 'ingest';

/**
 * Events in, rows out. A batch becomes one write under a token made of its events' ids, so that the same batch again
 * changes nothing. What can not be read becomes a dead letter and does not hold up the rest.
 */
export class IngestPipeline {
  readonly #deps: IngestPipelineDeps;
  readonly #now: () => number;
  readonly #emitter: string;

  constructor(deps: IngestPipelineDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#emitter = newUuid(this.#now());
  }

  /** Resolves when all rows and dead letters are durable: the batch may be committed. Rejects when it has to come again. */
  async handle(batch: Batch): Promise<IngestedBatch> {
    const events = new Map<string, StoredEvent>();
    const dead: DeadLetter[] = [];
    for (const record of batch.records) {
      const read = readEvent(record);
      if (read.outcome === 'ok') events.set(read.event.id, read.event);
      else if (read.outcome === 'dead-letter') dead.push(this.#deadLetter(record, read));
    }
    if (dead.length > 0) await this.#deps.deadLetters.append(dead.map((letter) => this.#deadRecord(letter)));
    if (events.size > 0) await this.#deps.store.writeBatch(this.#writeBatch(events));
    return { events: events.size, deadLetters: dead.length };
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

  #deadLetter(record: StreamRecord, fault: { reason: DeadLetter['reason']; message: string }): DeadLetter {
    return {
      id: eventIds.deadLetter(group, record.topic, record.partition, record.offset),
      type: 'dead-letter',
      group,
      topic: record.topic,
      partition: record.partition,
      offset: record.offset,
      reason: fault.reason,
      message: fault.message.slice(0, 2000),
      headers: { ...record.headers },
      value: record.value.toString('base64'),
      time: `${BigInt(this.#now()) * 1_000_000n}`,
    };
  }

  #deadRecord(letter: DeadLetter): NewRecord {
    const { id, type } = letter;
    const cause = { traceparent: letter.headers.ce_traceparent };
    return {
      key: `${letter.topic}/${letter.partition}`,
      headers: cloudEventHeaders({
        id,
        type,
        source: this.#emitter,
        subject: id,
        timeMs: this.#now(),
        ...cause,
      }),
      value: Buffer.from(JSON.stringify(letter)),
    };
  }
}
