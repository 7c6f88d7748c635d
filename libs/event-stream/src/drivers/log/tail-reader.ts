import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { StreamRecord, Subscription, TailOptions } from '../../event-stream.ts';
import { listPartitions } from './layout.ts';
import { PartitionReader } from './partition-reader.ts';

/** How often new partitions are looked for. */
const discoverMs = 200;
const pollMs = 50;
const readLimits = { recordsMax: 1000, bytesMax: 4 * 1024 * 1024 };

/** Reads topics without a group: what is there (or not), then what comes. */
export class TailReader implements Subscription {
  readonly #root: string;
  readonly #topics: readonly string[];
  readonly #onRecords: (records: StreamRecord[]) => void;
  readonly #readers = new Map<string, PartitionReader>();
  readonly #stop = new AbortController();
  #discoveredAtMs = Number.NEGATIVE_INFINITY;
  #running: Promise<void> = Promise.resolve();

  private constructor(root: string, topics: readonly string[], onRecords: (records: StreamRecord[]) => void) {
    this.#root = root;
    this.#topics = topics;
    this.#onRecords = onRecords;
  }

  static async start(root: string, options: TailOptions, onRecords: (records: StreamRecord[]) => void) {
    const tail = new TailReader(root, options.topics, onRecords);
    await tail.#discover();
    if (options.from === 'now') {
      for (const reader of tail.#readers.values()) await reader.skipToEnd();
    } else {
      while (await tail.#readAll());
    }
    tail.#running = tail.#run();
    return tail;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
    for (const reader of this.#readers.values()) await reader.close();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#discover();
        if (await this.#readAll()) continue;
      } catch {
        // a directory may vanish between listing and reading; the next turn looks again
      }
      await delay(pollMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  async #discover(): Promise<void> {
    const nowMs = performance.now();
    if (nowMs - this.#discoveredAtMs < discoverMs) return;
    this.#discoveredAtMs = nowMs;
    for (const topic of this.#topics) {
      const names = await listPartitions(this.#root, topic);
      for (const name of names) {
        const id = `${topic}/${name}`;
        if (!this.#readers.has(id))
          this.#readers.set(id, new PartitionReader(join(this.#root, topic, name), 0));
      }
    }
  }

  async #readAll(): Promise<boolean> {
    let found = false;
    for (const reader of this.#readers.values()) {
      if (this.#stop.signal.aborted) return false;
      const records = await reader.read(readLimits);
      if (records.length === 0) continue;
      found = true;
      this.#onRecords(records);
    }
    return found;
  }
}
