import type { Admin, Consumer, EachBatchPayload } from 'kafkajs';
import type { BatchHandler, SubscribeOptions, Subscription } from '../../event-stream.ts';
import { toStreamError } from './kafka-client.ts';
import type { KafkaConfig } from './kafka-url.ts';
import { PartitionWorker, type Position } from './partition-worker.ts';
import { decodePlannedEnd } from './planned-end.ts';
import { SupervisedConsumer } from './supervised-consumer.ts';

const batchRecordsDefault = 1000;
const batchBytesDefault = 8 * 1024 * 1024;

export interface GroupMemberOptions {
  readonly config: KafkaConfig;
  readonly admin: Admin;
  readonly subscribe: SubscribeOptions;
  readonly handler: BatchHandler;
}

/**
 * One member of a consumer group. Each join of the group starts every partition anew from its committed position, also
 * those that stay: what was out is abandoned without commit and comes again with the same boundaries.
 */
export class GroupMember implements Subscription {
  readonly #options: GroupMemberOptions;
  readonly #consumer: SupervisedConsumer;
  #workers = new Map<string, PartitionWorker>();
  /** Ends of the last worker of each partition: a handler that still runs is waited for. */
  readonly #ends = new Map<string, Promise<void>>();
  #isClosing = false;

  constructor(options: GroupMemberOptions) {
    this.#options = options;
    const { config, subscribe } = options;
    this.#consumer = new SupervisedConsumer({
      config,
      group: config.prefix + subscribe.group,
      topics: subscribe.topics.map((topic) => config.prefix + topic),
      onJoin: (assignment, consumer) => this.#join(assignment, consumer),
      onLeave: () => this.#abandonAll(),
      eachBatch: (payload) => this.#offer(payload),
      onError: (error) => this.#tell(error, `group ${config.prefix}${subscribe.group}`),
    });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    for (const worker of this.#workers.values()) worker.stop();
    await Promise.all(this.#ends.values());
    await this.#consumer.close();
  }

  #tell(error: unknown, what: string): void {
    this.#options.subscribe.onError?.(toStreamError(error, this.#options.config, what), null);
  }

  #abandonAll(): void {
    for (const worker of this.#workers.values()) worker.abandon();
    this.#workers = new Map();
  }

  #join(assignment: Readonly<Record<string, number[]>>, consumer: Consumer): void {
    this.#abandonAll();
    if (this.#isClosing) return;
    for (const [topic, partitions] of Object.entries(assignment)) {
      consumer.resume([{ topic, partitions }]); // kafkajs keeps what was paused over a rejoin; whoever paused is gone
      for (const partition of partitions) this.#start(topic, partition, consumer);
    }
  }

  #start(topic: string, partition: number, consumer: Consumer): void {
    const { config, handler, subscribe } = this.#options;
    const id = `${topic}/${partition}`;
    const worker = new PartitionWorker({
      topic: topic.slice(config.prefix.length),
      partition,
      recordsMax: subscribe.batchRecordsMax ?? batchRecordsDefault,
      bytesMax: subscribe.batchBytesMax ?? batchBytesDefault,
      handler,
      prepare: subscribe.prepare,
      load: () => this.#load(topic, partition),
      commit: (offset, metadata) => this.#commit(topic, partition, offset, metadata),
      seek: (offset) => consumer.seek({ topic, partition, offset: String(offset) }),
      onError: (error, batch) =>
        batch ? subscribe.onError?.(error, batch) : this.#tell(error, `partition ${id}`),
      previous: this.#ends.get(id) ?? Promise.resolve(),
    });
    this.#workers.set(id, worker);
    this.#ends.set(id, worker.ended);
  }

  async #offer(payload: EachBatchPayload): Promise<void> {
    this.#send = (offsets) => payload.commitOffsetsIfNecessary(offsets);
    await this.#workers.get(`${payload.batch.topic}/${payload.batch.partition}`)?.offer(payload);
  }

  // The commit that a batch carries is one try under the generation of the moment. The consumer's own
  // `commitOffsets` tries again after a rebalance, under a generation in which the partition may be another member's.
  #send: EachBatchPayload['commitOffsetsIfNecessary'] = () => Promise.resolve();

  #commit(topic: string, partition: number, offset: number, metadata: string): Promise<void> {
    const entry = { partition, offset: String(offset), metadata };
    return this.#send({ topics: [{ topic, partitions: [entry] }] });
  }

  async #load(topic: string, partition: number): Promise<Position> {
    const { admin, config, subscribe } = this.#options;
    const groupId = config.prefix + subscribe.group;
    const offsets = await admin.fetchOffsets({ groupId, topics: [topic] });
    const found = offsets[0]?.partitions.find((one) => one.partition === partition);
    const committed = Number(found?.offset ?? -1);
    if (committed < 0) return { committed: null, planned: null };
    return { committed, planned: decodePlannedEnd(found?.metadata ?? null, committed) };
  }
}
