import type { LiveEvent } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import type { EventStream, StreamRecord, Subscription } from '@loom/event-stream';
import {
  CostComputed,
  eventReader,
  readEventOf,
  nanosOfMillis,
  topics,
  TraceEvent,
} from '@loom/trace-schema';
import { toInstant } from './instants.ts';
import { toLiveEvent } from './live-event.ts';

/** Where a reader's events go. `write` is false when it should not be given more until `drained` is called. */
export interface LiveSink {
  write(event: LiveEvent): boolean;
}

/** Whose events a reader gets, and who reads. */
export interface LiveReaderOwner {
  readonly projectId: string;
  readonly organizationId: string;
  /** A person or a key. */
  readonly actorId: string;
}

export const liveReadersMax = 200;
export const liveReadersOfOrganizationMax = 60;
export const liveReadersOfActorMax = 10;
const retryAfterMs = 5000;
const queuedEventsMax = 500;
const callsSeenMax = 20_000;

/**
 * The events of the stream as they come, for any number of readers, each of one project. One tail for all; nothing is
 * decoded while nobody reads. A reader that is slow gets a queue of 500 events and then a count of what it missed.
 */
export class LiveTail {
  readonly #stream: Pick<EventStream, 'tail'>;
  readonly #readers = new Set<LiveReader>();
  /** Calls whose first chunk was told, the oldest first. */
  readonly #started = new Set<string>();
  #subscription: Promise<Subscription> | null = null;

  constructor(stream: Pick<EventStream, 'tail'>) {
    this.#stream = stream;
  }

  /** Adds a reader; events from now on. Rejects with `overloaded` when its owner or all together have too many. */
  async open(owner: LiveReaderOwner, sink: LiveSink): Promise<LiveReader> {
    this.#refuseTooMany(owner);
    const reader = new LiveReader(owner, sink, () => this.#readers.delete(reader));
    this.#readers.add(reader);
    try {
      this.#subscription ??= this.#stream.tail(
        { topics: [topics.traces, topics.costs], from: 'now' },
        (records) => this.#take(records),
      );
      await this.#subscription;
    } catch (error) {
      this.#subscription = null;
      reader.close();
      throw error;
    }
    return reader;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  async close(): Promise<void> {
    this.#readers.clear();
    await (await this.#subscription)?.close();
    this.#subscription = null;
  }

  #refuseTooMany({ organizationId, actorId }: LiveReaderOwner): void {
    const owners = [...this.#readers].map(({ owner }) => owner);
    const refuse = (text: string) => new LoomError('overloaded', text, { retryAfterMs });
    if (owners.filter((owner) => owner.actorId === actorId).length >= liveReadersOfActorMax)
      throw refuse(`${liveReadersOfActorMax} live readers of this person or key are connected; close one`);
    if (
      owners.filter((owner) => owner.organizationId === organizationId).length >= liveReadersOfOrganizationMax
    )
      throw refuse(`${liveReadersOfOrganizationMax} live readers of this organization are connected`);
    if (owners.length >= liveReadersMax)
      throw refuse(`${liveReadersMax} live readers of the deployment are connected`);
  }

  #take(records: readonly StreamRecord[]): void {
    if (this.#readers.size === 0) return;
    for (const record of records) {
      if (this.#isLaterChunk(record)) continue;
      const event = read(record);
      if (!event || (event.type === 'call.chunks' && !this.#isFirstChunk(event.callId))) continue;
      const readers = [...this.#readers].filter(({ owner }) => owner.projectId === event.projectId);
      const live = readers.length > 0 ? toLiveEvent(event) : null;
      if (live) for (const reader of readers) reader.push(live);
    }
  }

  /** Told by the headers, without decoding. */
  #isLaterChunk({ headers }: StreamRecord): boolean {
    if (headers.ce_type === 'loom.call.part') return true;
    return headers.ce_type === 'loom.call.chunks' && this.#started.has(headers.ce_subject ?? '');
  }

  #isFirstChunk(callId: string): boolean {
    if (this.#started.has(callId)) return false;
    this.#started.add(callId);
    const [oldest] = this.#started;
    if (this.#started.size > callsSeenMax && oldest !== undefined) this.#started.delete(oldest);
    return true;
  }
}

/** One reader's place: writes through while it can, queues while it cannot, counts what it had to leave out. */
export class LiveReader {
  readonly owner: LiveReaderOwner;
  readonly #sink: LiveSink;
  readonly #onClose: () => void;
  readonly #queue: LiveEvent[] = [];
  #writable = true;
  #dropped = 0;

  constructor(owner: LiveReaderOwner, sink: LiveSink, onClose: () => void) {
    this.owner = owner;
    this.#sink = sink;
    this.#onClose = onClose;
  }

  push(event: LiveEvent): void {
    if (this.#dropped > 0 || this.#queue.length >= queuedEventsMax) this.#dropped += 1;
    else this.#queue.push(event);
    this.#flush();
  }

  /** The sink takes events again. */
  drained(): void {
    this.#writable = true;
    this.#flush();
  }

  close(): void {
    this.#queue.length = 0;
    this.#onClose();
  }

  #flush(): void {
    while (this.#writable) {
      const event = this.#queue.shift() ?? this.#notice();
      if (!event) return;
      this.#writable = this.#sink.write(event);
    }
  }

  #notice(): LiveEvent | null {
    if (this.#dropped === 0) return null;
    const count = this.#dropped;
    this.#dropped = 0;
    return { type: 'events.dropped', time: toInstant(nanosOfMillis(Date.now())), count };
  }
}

const readers = { costs: eventReader(CostComputed), traces: eventReader(TraceEvent) };

// Ingest stores what is unreadable as a dead letter.
function read({ topic, value }: StreamRecord): TraceEvent | CostComputed | null {
  return topic === topics.costs ? readEventOf(readers.costs, value) : readEventOf(readers.traces, value);
}
