import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Batch, BatchHandler, SubscribeOptions, Subscription } from '../../event-stream.ts';
import {
  type GroupOffsets,
  joinGroup,
  type PartitionOffsets,
  readGroupOffsets,
  writeGroupOffsets,
} from './group-offsets.ts';
import { listPartitions } from './layout.ts';
import { PartitionReader } from './partition-reader.ts';

/** How often new partitions are looked for. */
const discoverMs = 200;
const pollMs = 25;
/** Between two deliveries of one partition, unless a batch is full: each batch is one insert per table. */
const lingerMs = 150;
const retryMsMin = 200;
const retryMsMax = 5_000;

interface PartitionState {
  readonly id: string;
  readonly reader: PartitionReader;
  /** The offset after the last batch; null before the first. */
  expected: number | null;
  /** A batch that was read and is not committed: what fails is tried again with it, as it was. */
  pending: Batch | null;
  failures: number;
  notBefore: number;
}

/** The live member of a consumer group: one loop over all partitions of its topics, one batch at a time. */
export class GroupConsumer implements Subscription {
  readonly #root: string;
  readonly #options: SubscribeOptions;
  readonly #handler: BatchHandler;
  readonly #stop = new AbortController();
  #discoveredAtMs = Number.NEGATIVE_INFINITY;
  readonly #partitions = new Map<string, PartitionState>();
  #offsets: GroupOffsets = new Map();
  #running: Promise<void>;

  constructor(root: string, options: SubscribeOptions, handler: BatchHandler) {
    this.#root = root;
    this.#options = options;
    this.#handler = handler;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    let lock: FileHandle | null = null;
    try {
      lock = await joinGroup(this.#root, this.#options.group, this.#stop.signal);
      if (lock) this.#offsets = await readGroupOffsets(this.#root, this.#options.group);
      while (lock && !this.#stop.signal.aborted) await this.#turn();
    } catch (error) {
      this.#options.onError?.(error, null);
    } finally {
      for (const { reader } of this.#partitions.values()) await reader.close();
      await lock?.close();
    }
  }

  async #turn(): Promise<void> {
    let worked = false;
    try {
      await this.#discover();
      for (const partition of this.#partitions.values()) {
        if (this.#stop.signal.aborted) return;
        worked = (await this.#deliverNext(partition)) || worked;
      }
    } catch (error) {
      this.#options.onError?.(error, null); // reading or the offset file failed: look again after a pause
      await delay(retryMsMin);
    }
    if (!worked) await delay(pollMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  async #discover(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#discoveredAtMs < discoverMs) return;
    this.#discoveredAtMs = nowMs;
    for (const topic of this.#options.topics) {
      for (const name of await listPartitions(this.#root, topic)) {
        const id = `${topic}/${name}`;
        if (this.#partitions.has(id)) continue;
        const reader = new PartitionReader(
          join(this.#root, topic, name),
          this.#offsets.get(id)?.committed ?? 0,
        );
        this.#partitions.set(id, { id, reader, expected: null, pending: null, failures: 0, notBefore: 0 });
      }
    }
  }

  async #deliverNext(partition: PartitionState): Promise<boolean> {
    if (Date.now() < partition.notBefore) return false;
    partition.pending ??= await this.#nextBatch(partition);
    const batch = partition.pending;
    if (!batch) return false;
    partition.notBefore = Date.now() + lingerMs;
    try {
      await this.#plan(partition.id, batch);
      await this.#handler(batch, this.#stop.signal);
      await this.#store(partition.id, { committed: batch.lastOffset + 1, planned: null });
      partition.pending = null;
      partition.failures = 0;
    } catch (error) {
      partition.pending = { ...batch, redelivered: true };
      partition.notBefore = Date.now() + Math.min(retryMsMax, retryMsMin * 2 ** partition.failures);
      partition.failures += 1;
      this.#options.onError?.(error, batch);
    }
    return true;
  }

  // The end of a batch is on disk before the batch is handed out: it comes again with the same boundaries.
  async #plan(id: string, { lastOffset }: Batch): Promise<void> {
    const { committed, planned } = this.#offsetsOf(id);
    if (planned === null) await this.#store(id, { committed, planned: lastOffset + 1 });
  }

  async #nextBatch(partition: PartitionState): Promise<Batch | null> {
    if (partition.reader.finished) return null;
    const { planned } = this.#offsetsOf(partition.id);
    const records = await partition.reader.read(
      planned === null
        ? {
            recordsMax: this.#options.batchRecordsMax ?? 1000,
            bytesMax: this.#options.batchBytesMax ?? 8 * 1024 * 1024,
          }
        : {
            recordsMax: Number.MAX_SAFE_INTEGER,
            bytesMax: Number.MAX_SAFE_INTEGER,
            endOffset: planned,
          },
    );
    const first = records[0];
    const last = records.at(-1);
    if (!first || !last) return null;
    const { topic, partition: name, startOffset } = partition.reader;
    const begin = partition.expected ?? startOffset ?? first.offset;
    const unreadable = last.offset + 1 - begin - records.length;
    partition.expected = last.offset + 1;
    return {
      topic,
      partition: name,
      firstOffset: first.offset,
      lastOffset: last.offset,
      records,
      redelivered: planned !== null,
      ...(unreadable > 0 && { unreadable }),
    };
  }

  #offsetsOf(id: string): PartitionOffsets {
    return this.#offsets.get(id) ?? { committed: 0, planned: null };
  }

  // What the file does not say is not so: after a failure the same is tried again.
  async #store(id: string, offsets: PartitionOffsets): Promise<void> {
    const next = new Map(this.#offsets).set(id, offsets);
    await writeGroupOffsets(this.#root, this.#options.group, next);
    this.#offsets = next;
  }
}
