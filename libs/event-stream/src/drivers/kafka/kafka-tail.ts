import { randomUUID } from 'node:crypto';
import type { Admin, Consumer, EachBatchPayload } from 'kafkajs';
import type { StreamRecord, Subscription, TailOptions } from '../../event-stream.ts';
import { toStreamError, within } from './kafka-client.ts';
import { recordOf } from './kafka-record.ts';
import { fetchOffsets } from './kafka-topics.ts';
import type { KafkaConfig } from './kafka-url.ts';
import { SupervisedConsumer } from './supervised-consumer.ts';

/** Longest time between two steps of a start: the join, then each batch of what is there. */
const startStepMsMax = 20_000;

export interface KafkaTailOptions {
  readonly config: KafkaConfig;
  readonly admin: Admin;
  readonly tail: TailOptions;
  readonly onRecords: (records: StreamRecord[]) => void;
}

/**
 * Reads topics from positions of its own. kafkajs reads only as a member of a group: this one has a random name, one
 * member and no commits, and the broker forgets it when the member leaves.
 */
export class KafkaTail implements Subscription {
  readonly #options: KafkaTailOptions;
  /** Next offset by partition; what was delivered is never delivered again. */
  readonly #positions = new Map<string, number>();
  /** Where `beginning` has caught up with what was there. */
  readonly #goals = new Map<string, number>();
  #stepped = Promise.withResolvers<void>();
  #hasJoined = false;
  #failure: unknown = null;
  #consumer: SupervisedConsumer | null = null;

  private constructor(options: KafkaTailOptions) {
    this.#options = options;
  }

  static async start(options: KafkaTailOptions): Promise<KafkaTail> {
    const tail = new KafkaTail(options);
    try {
      await tail.#findPositions();
      tail.#consume();
      while (!tail.#hasBegun()) await within(startStepMsMax, tail.#stepped.promise);
      return tail;
    } catch (error) {
      void tail.close();
      throw toStreamError(
        tail.#failure ?? error,
        options.config,
        `tail of ${options.tail.topics.join(', ')}`,
      );
    }
  }

  async close(): Promise<void> {
    await this.#consumer?.close();
  }

  async #findPositions(): Promise<void> {
    const { admin, config, tail } = this.#options;
    for (const topic of tail.topics) {
      for (const { partition, low, high } of await fetchOffsets(admin, config.prefix + topic)) {
        const id = `${config.prefix}${topic}/${partition}`;
        this.#positions.set(id, Number(tail.from === 'now' ? high : low));
        this.#goals.set(id, Number(high));
      }
    }
  }

  #consume(): void {
    const { config, tail } = this.#options;
    this.#consumer = new SupervisedConsumer({
      config,
      group: `${config.prefix}loom-tail-${randomUUID()}`,
      topics: tail.topics.map((topic) => config.prefix + topic),
      onJoin: (assignment, consumer) => this.#join(assignment, consumer),
      onLeave: () => undefined,
      eachBatch: (payload) => {
        this.#read(payload);
        return Promise.resolve();
      },
      onError: (error) => {
        this.#failure = error;
      },
    });
  }

  #join(assignment: Readonly<Record<string, number[]>>, consumer: Consumer): void {
    for (const [topic, partitions] of Object.entries(assignment)) {
      for (const partition of partitions) {
        const offset = this.#positions.get(`${topic}/${partition}`) ?? 0;
        consumer.seek({ topic, partition, offset: String(offset) });
      }
    }
    this.#hasJoined = true;
    this.#step();
  }

  #read(payload: EachBatchPayload): void {
    if (payload.isStale()) return;
    const { batch } = payload;
    const { config, onRecords } = this.#options;
    const id = `${batch.topic}/${batch.partition}`;
    const position = this.#positions.get(id) ?? 0;
    const records = batch.messages
      .map((message) => recordOf(batch.topic.slice(config.prefix.length), batch.partition, message))
      .filter(({ offset }) => offset >= position);
    this.#positions.set(id, Math.max(position, Number(batch.lastOffset()) + 1));
    payload.resolveOffset(batch.lastOffset());
    try {
      if (records.length > 0) onRecords(records);
    } finally {
      this.#step();
    }
  }

  #hasBegun(): boolean {
    return this.#hasJoined && [...this.#goals].every(([id, goal]) => (this.#positions.get(id) ?? 0) >= goal);
  }

  #step(): void {
    this.#stepped.resolve();
    this.#stepped = Promise.withResolvers();
  }
}
