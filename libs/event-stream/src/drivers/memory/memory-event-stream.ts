import { setTimeout as delay } from 'node:timers/promises';
import type { EventStreamDeps } from '../../open.ts';
import type {
  Batch,
  BatchHandler,
  EventStream,
  NewRecord,
  Producer,
  StreamEnds,
  StreamRecord,
  SubscribeOptions,
  Subscription,
  TailOptions,
} from '../../event-stream.ts';

const partition = '0';
const retryMs = 20;

interface GroupState {
  committed: number;
  planned: number | null;
  /** The running member; the next one waits for it. */
  member: Promise<void>;
}

/** The stream of one process, for tests: one partition a topic, nothing survives. */
export class MemoryEventStream implements EventStream {
  readonly #topics = new Map<string, StreamRecord[]>();
  readonly #groups = new Map<string, GroupState>();
  readonly #listeners = new Set<() => void>();
  readonly #subscriptions = new Set<Subscription>();

  producer(topic: string): Promise<Producer> {
    return Promise.resolve({
      append: (records: readonly NewRecord[]) => {
        const log = this.#log(topic);
        for (const record of records) {
          const value = Buffer.from(record.value);
          log.push({ ...record, value, topic, partition, offset: log.length, timestampMs: Date.now() });
        }
        for (const wake of this.#listeners) wake();
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    });
  }

  subscribe(options: SubscribeOptions, handler: BatchHandler): Promise<Subscription> {
    const stop = new AbortController();
    const loops = options.topics.map((topic) => {
      const state = this.#group(options.group, topic);
      state.member = state.member.then(() => this.#consume(topic, state, options, handler, stop.signal));
      return state.member;
    });
    return Promise.resolve(
      this.#track({
        close: async () => {
          stop.abort();
          this.#wakeAll();
          await Promise.all(loops);
        },
      }),
    );
  }

  tail(options: TailOptions, onRecords: (records: StreamRecord[]) => void): Promise<Subscription> {
    const positions = new Map<string, number>();
    for (const topic of options.topics)
      positions.set(topic, options.from === 'now' ? this.#log(topic).length : 0);
    const pump = () => {
      for (const [topic, position] of positions) {
        const fresh = this.#log(topic).slice(position);
        positions.set(topic, position + fresh.length);
        if (fresh.length > 0) onRecords(fresh);
      }
    };
    pump();
    this.#listeners.add(pump);
    return Promise.resolve(
      this.#track({
        close: () => {
          this.#listeners.delete(pump);
          return Promise.resolve();
        },
      }),
    );
  }

  ping(): Promise<void> {
    return Promise.resolve();
  }

  async lag(group: string, topics: readonly string[]): Promise<number> {
    return this.lagBehind(group, await this.ends(topics));
  }

  ends(topics: readonly string[]): Promise<StreamEnds> {
    return Promise.resolve(
      new Map(topics.map((topic) => [`${topic}/0`, { low: 0, high: this.#log(topic).length }])),
    );
  }

  lagBehind(group: string, ends: StreamEnds): Promise<number> {
    let lag = 0;
    for (const [id, { high }] of ends)
      lag += Math.max(0, high - this.#group(group, id.slice(0, id.lastIndexOf('/'))).committed);
    return Promise.resolve(lag);
  }

  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) await subscription.close();
  }

  async #consume(
    topic: string,
    state: GroupState,
    options: SubscribeOptions,
    handler: BatchHandler,
    signal: AbortSignal,
  ): Promise<void> {
    while (!signal.aborted) {
      const redelivered = state.planned !== null;
      const end = state.planned ?? state.committed + (options.batchRecordsMax ?? 1000);
      const records = this.#log(topic).slice(state.committed, end);
      const batch = batchOf(topic, records, redelivered);
      if (!batch) {
        await this.#nextAppend();
        continue;
      }
      state.planned = batch.lastOffset + 1;
      try {
        await handler(batch, signal);
        state.committed = state.planned;
        state.planned = null;
      } catch (error) {
        options.onError?.(error, batch);
        await delay(retryMs);
      }
    }
  }

  #nextAppend(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#listeners.delete(wake);
        resolve();
      };
      this.#listeners.add(wake);
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#listeners]) wake();
  }

  #log(topic: string): StreamRecord[] {
    const log = this.#topics.get(topic) ?? [];
    this.#topics.set(topic, log);
    return log;
  }

  #group(group: string, topic: string): GroupState {
    const key = `${group} ${topic}`;
    const state = this.#groups.get(key) ?? { committed: 0, planned: null, member: Promise.resolve() };
    this.#groups.set(key, state);
    return state;
  }

  #track(subscription: Subscription): Subscription {
    this.#subscriptions.add(subscription);
    return subscription;
  }
}

function batchOf(topic: string, records: StreamRecord[], redelivered: boolean): Batch | null {
  const first = records[0];
  const last = records.at(-1);
  if (!first || !last) return null;
  return { topic, partition, firstOffset: first.offset, lastOffset: last.offset, records, redelivered };
}

const streams = new Map<string, MemoryEventStream>();

/** `memory:` is a stream of its own; `memory:<name>` is the same one for everybody in the process. */
export function openMemoryEventStream(url: URL, _deps: EventStreamDeps): Promise<EventStream> {
  if (url.pathname === '') return Promise.resolve(new MemoryEventStream());
  const stream = streams.get(url.pathname) ?? new MemoryEventStream();
  streams.set(url.pathname, stream);
  return Promise.resolve(stream);
}
