import { setTimeout as delay } from 'node:timers/promises';
import { LoomError } from '@loom/errors';
import type { EachBatchPayload } from 'kafkajs';
import type { Batch, BatchHandler, StreamRecord } from '../../event-stream.ts';
import { recordOf } from './kafka-record.ts';
import { encodePlannedEnd } from './planned-end.ts';

/** Between two deliveries, unless a batch is full: each batch is one insert per table. */
const lingerMs = 150;
const retryMsMin = 200;
const retryMsMax = 5_000;

export interface Position {
  /** The first offset that is not committed; null for a group that is new to the partition. */
  readonly committed: number | null;
  /** End of the batch that was handed out from there. */
  readonly planned: number | null;
}

export interface PartitionWorkerOptions {
  /** As the port knows it. */
  readonly topic: string;
  readonly partition: number;
  readonly recordsMax: number;
  readonly bytesMax: number;
  readonly handler: BatchHandler;
  readonly prepare?: ((batch: Batch) => void) | undefined;
  /** What the group has committed, read under the generation that this worker lives in. */
  readonly load: () => Promise<Position>;
  /** One try under the generation of this moment; the worker sees to it that it is still its own. */
  readonly commit: (offset: number, metadata: string) => Promise<void>;
  readonly seek: (offset: number) => void;
  readonly onError: (error: unknown, batch: Batch | null) => void;
  /** The end of the worker that had this partition before in this process. */
  readonly previous: Promise<void>;
}

/**
 * One partition in one generation of a group. Kafka's fetch loop only fills it (`offer`) and goes on with the other
 * partitions and with heartbeats; this loop cuts batches, plans, delivers and commits them.
 */
export class PartitionWorker {
  readonly ended: Promise<void>;
  readonly #options: PartitionWorkerOptions;
  readonly #stop = new AbortController();
  #isAbandoned = false;
  #buffer: StreamRecord[] = [];
  #bytes = 0;
  /** Offset after the last one that was offered; null before the first, in a new group. */
  #next: number | null = null;
  #planned: number | null = null;
  /** True while a batch is with the handler. */
  #isOut = false;
  /** The batch after it, when that one is whole. Nobody has it yet: dropped, it is cut anew as anything else. */
  #ahead: Batch | null = null;
  /** Whether the commit of the batch before has planned the one that comes now. */
  #isAheadPlanned = false;
  #isLoaded = false;
  #gapAt = -1;
  #resume: (() => void) | null = null;
  #wake: () => void = () => undefined;

  constructor(options: PartitionWorkerOptions) {
    this.#options = options;
    this.ended = this.#run();
  }

  /** Takes what was fetched; throws when the group's position cannot be read (it is fetched again then). */
  async offer(payload: EachBatchPayload): Promise<void> {
    if (!this.#isLoaded) await this.#load();
    if (this.#stop.signal.aborted || payload.isStale()) return;
    const records = payload.batch.messages
      .map((message) => recordOf(this.#options.topic, payload.batch.partition, message))
      .filter(({ offset }) => this.#next === null || offset >= this.#next);
    const [first] = records;
    if (first) {
      if (this.#next !== null && first.offset > this.#next && !this.#acceptGap(this.#next, first.offset))
        return;
      this.#buffer.push(...records);
      this.#bytes += records.reduce((sum, { value }) => sum + value.byteLength, 0);
      this.#next = Number(payload.batch.lastOffset()) + 1;
    }
    payload.resolveOffset(payload.batch.lastOffset());
    this.#lookAhead();
    if (this.#isFull(2)) this.#resume = payload.pause();
    this.#wake();
  }

  /** The partition is no longer this member's, or not by this generation: no commit any more, the handler is told. */
  abandon(): void {
    this.#isAbandoned = true;
    this.stop();
  }

  /** Ends after the running batch, which is still committed. */
  stop(): void {
    this.#stop.abort();
    this.#wake();
  }

  async #load(): Promise<void> {
    const { committed, planned } = await this.#options.load();
    if (this.#isLoaded) return;
    this.#isLoaded = true;
    this.#next = committed;
    this.#planned = planned;
  }

  // What was fetched begins later than it should: fetched anew once; if it is the same again, the records between are
  // gone (the topic's retention was shorter than the lag), and that is told.
  #acceptGap(expected: number, first: number): boolean {
    if (this.#gapAt !== first) {
      this.#gapAt = first;
      this.#options.seek(expected);
      return false;
    }
    if (this.#planned !== null && this.#planned <= first) this.#planned = null;
    const { topic, partition, onError } = this.#options;
    const lost = `records ${expected} to ${first - 1} of ${topic}/${partition} are gone before they were read`;
    onError(new LoomError('unavailable', `${lost}; is the topic's retention long enough?`), null);
    return true;
  }

  #isFull(batches: number): boolean {
    if (this.#planned !== null && (this.#next ?? 0) < this.#planned) return false;
    const { recordsMax, bytesMax } = this.#options;
    return this.#buffer.length >= batches * recordsMax || this.#bytes >= bytesMax;
  }

  async #run(): Promise<void> {
    await this.#options.previous;
    let deliveredAtMs = Number.NEGATIVE_INFINITY;
    while (!this.#stop.signal.aborted) {
      const waitMs = this.#isFull(1) ? 0 : lingerMs - (performance.now() - deliveredAtMs);
      const batch = this.#ahead ?? (waitMs <= 0 ? this.#cut() : null);
      if (!batch) {
        await this.#woken(waitMs);
        continue;
      }
      this.#ahead = null;
      deliveredAtMs = performance.now();
      if (!this.#isFull(2)) this.#resumeFetching();
      await this.#process(batch);
    }
  }

  // Only a full batch is cut early: it could not become any other.
  #lookAhead(): void {
    if (!this.#isOut || this.#ahead || this.#stop.signal.aborted || !this.#isFull(1)) return;
    this.#ahead = this.#cut();
    if (!this.#ahead) return;
    this.#options.prepare?.(this.#ahead);
    if (!this.#isFull(2)) this.#resumeFetching();
  }

  #resumeFetching(): void {
    this.#resume?.();
    this.#resume = null;
  }

  async #woken(waitMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = waitMs > 0 ? setTimeout(resolve, waitMs) : null;
    if (this.#stop.signal.aborted) resolve();
    await promise;
    if (timer) clearTimeout(timer);
  }

  #cut(): Batch | null {
    const redelivered = this.#planned !== null;
    if (this.#planned !== null && (this.#next ?? 0) < this.#planned) return null;
    let bytes = 0;
    const end = this.#buffer.findIndex(({ offset, value }, index) => {
      if (this.#planned !== null) return offset >= this.#planned;
      bytes += value.byteLength;
      return index >= this.#options.recordsMax || (index > 0 && bytes > this.#options.bytesMax);
    });
    this.#planned = null;
    const records = this.#buffer.splice(0, end === -1 ? this.#buffer.length : end);
    const [first, last] = [records[0], records.at(-1)];
    if (!first || !last) return null;
    this.#bytes -= records.reduce((sum, { value }) => sum + value.byteLength, 0);
    const { topic, partition } = first;
    return { topic, partition, firstOffset: first.offset, lastOffset: last.offset, records, redelivered };
  }

  async #process(cut: Batch): Promise<void> {
    const { handler, onError } = this.#options;
    const { signal } = this.#stop;
    const end = cut.lastOffset + 1;
    const isPlanned = cut.redelivered || this.#isAheadPlanned;
    this.#isAheadPlanned = false;
    if (!isPlanned) await this.#commit(cut.firstOffset, encodePlannedEnd(end));
    let batch = cut;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        await this.#deliver(handler, batch);
        await this.#commitEnd(end);
        return;
      } catch (error) {
        if (this.#isAbandoned) return;
        onError(error, batch);
      }
      batch = { ...cut, redelivered: true };
      const pauseMs = Math.min(retryMsMax, retryMsMin * 2 ** failures);
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #deliver(handler: BatchHandler, batch: Batch): Promise<void> {
    this.#isOut = true;
    try {
      const delivered = handler(batch, this.#stop.signal);
      this.#lookAhead();
      await delivered;
    } finally {
      this.#isOut = false;
    }
  }

  // One request says that this batch is done and how far the next one goes.
  async #commitEnd(end: number): Promise<void> {
    const ahead = this.#stop.signal.aborted ? null : this.#ahead;
    if (!ahead) return this.#commit(end, '');
    this.#isAheadPlanned = true;
    await this.#commit(ahead.firstOffset, encodePlannedEnd(ahead.lastOffset + 1));
  }

  // Tried until it is done or this generation is over: what the broker refuses, the next generation reads again.
  async #commit(offset: number, metadata: string): Promise<void> {
    for (let failures = 0; ; failures += 1) {
      // In a turn of its own: a join that came in this one has then been told, and from the check to the request
      // nothing else runs, so that the request carries this worker's generation or is not made.
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#isAbandoned) return;
      try {
        await this.#options.commit(offset, metadata);
        return;
      } catch (error) {
        if (!this.#isAbandoned && failures > 2) this.#options.onError(error, null);
        if (this.#stop.signal.aborted && failures > 2) return; // closing: the batch comes again as it was
      }
      await delay(Math.min(retryMsMax, retryMsMin * 2 ** failures));
    }
  }
}
