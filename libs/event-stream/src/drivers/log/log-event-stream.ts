import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LoomError } from '@loom/errors';
import { newUuid } from '@loom/trace-schema';
import type { EventStreamDeps } from '../../open.ts';
import type {
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
import { GroupConsumer } from './group-consumer.ts';
import { readGroupOffsets } from './group-offsets.ts';
import { listPartitions, makeDirectory } from './layout.ts';
import { PartitionReader } from './partition-reader.ts';
import { PartitionWriter } from './partition-writer.ts';
import { TailReader } from './tail-reader.ts';

/** The embedded stream: segment files under one directory, shared by the processes of one machine. */
class LogEventStream implements EventStream {
  readonly #root: string;
  readonly #deps: EventStreamDeps;
  readonly #producers: Producer[] = [];
  readonly #subscriptions = new Set<Subscription>();
  // Offsets of partition ends, remembered so that a look at the lag reads only what came since the last look.
  readonly #ends = new Map<string, PartitionReader>();
  #looking: Promise<unknown> = Promise.resolve();

  constructor(root: string, deps: EventStreamDeps) {
    this.#root = root;
    this.#deps = deps;
  }

  async producer(topic: string): Promise<Producer> {
    await closeAbandonedPartitions(this.#root, topic);
    const producer = new LazyProducer(() =>
      PartitionWriter.create(this.#root, topic, newUuid(), {
        ...(this.#deps.onFailure ? { onFailure: this.#deps.onFailure } : {}),
        ...(this.#deps.segmentAgeMsMax ? { segmentAgeMsMax: this.#deps.segmentAgeMsMax } : {}),
      }),
    );
    this.#producers.push(producer);
    return producer;
  }

  subscribe(options: SubscribeOptions, handler: BatchHandler): Promise<Subscription> {
    return Promise.resolve(this.#track(new GroupConsumer(this.#root, options, handler)));
  }

  async tail(options: TailOptions, onRecords: (records: StreamRecord[]) => void): Promise<Subscription> {
    return this.#track(await TailReader.start(this.#root, options, onRecords));
  }

  async lag(group: string, topics: readonly string[]): Promise<number> {
    return this.lagBehind(group, await this.ends(topics));
  }

  ends(topics: readonly string[]): Promise<StreamEnds> {
    // One look at a time: a reader of the ends has one user.
    const ends = this.#looking.then(() => this.#readEnds(topics));
    this.#looking = ends.catch(() => undefined);
    return ends;
  }

  async #readEnds(topics: readonly string[]): Promise<StreamEnds> {
    const ends = new Map<string, { low: number; high: number }>();
    for (const topic of topics) {
      for (const name of await listPartitions(this.#root, topic)) {
        const id = `${topic}/${name}`;
        const reader = this.#ends.get(id) ?? new PartitionReader(join(this.#root, topic, name), 0);
        this.#ends.set(id, reader);
        ends.set(id, { low: 0, high: await reader.skipToEnd() });
      }
    }
    return ends;
  }

  async lagBehind(group: string, ends: StreamEnds): Promise<number> {
    const offsets = await readGroupOffsets(this.#root, group);
    let lag = 0;
    for (const [id, { high }] of ends) lag += Math.max(0, high - (offsets.get(id)?.committed ?? 0));
    return lag;
  }

  async ping(): Promise<void> {
    try {
      await readdir(this.#root);
    } catch (cause) {
      throw new LoomError('unavailable', 'the directory of the event log cannot be read', { cause });
    }
  }

  async close(): Promise<void> {
    for (const subscription of this.#subscriptions) await subscription.close();
    for (const producer of this.#producers) await producer.close();
    for (const reader of this.#ends.values()) await reader.close();
  }

  #track(subscription: Subscription): Subscription {
    this.#subscriptions.add(subscription);
    return {
      close: async () => {
        this.#subscriptions.delete(subscription);
        await subscription.close();
      },
    };
  }
}

/** Makes its partition when there is something to put into it: a process that says nothing leaves no directory. */
class LazyProducer implements Producer {
  readonly #create: () => Promise<PartitionWriter>;
  #writer: Promise<PartitionWriter> | null = null;
  #closed = false;

  constructor(create: () => Promise<PartitionWriter>) {
    this.#create = create;
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    if (this.#closed) throw new LoomError('unavailable', 'event log is closing');
    await (await this.#open()).append(records);
  }

  // A partition that could not be made is tried again with the next record.
  #open(): Promise<PartitionWriter> {
    this.#writer ??= this.#create().catch((error: unknown) => {
      this.#writer = null;
      throw error;
    });
    return this.#writer;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const writer = await this.#writer?.catch(() => null); // its append was told
    await writer?.close();
  }
}

export async function openLogEventStream(url: URL, deps: EventStreamDeps): Promise<EventStream> {
  const root = logRootOf(url);
  await makeDirectory(root);
  return new LogEventStream(root, deps);
}

/** The directory of a `log:` URL: `log:./stream`, `log:/var/lib/loom/stream`. */
export function logRootOf(url: URL): string {
  if (url.protocol !== 'log:' || url.pathname === '') {
    throw new LoomError('config_invalid', `event stream ${url.href}: expected log:<directory>`);
  }
  return decodeURIComponent(url.pathname);
}

// A producer that died leaves its partition open for ever; the next producer of the topic cuts and closes it.
async function closeAbandonedPartitions(root: string, topic: string): Promise<void> {
  for (const name of await listPartitions(root, topic)) {
    const abandoned = await PartitionWriter.adopt(join(root, topic, name));
    await abandoned?.close();
  }
}
