import type { Admin } from 'kafkajs';
import type {
  BatchHandler,
  EventStream,
  Producer,
  StreamEnds,
  StreamRecord,
  SubscribeOptions,
  Subscription,
  TailOptions,
} from '../../event-stream.ts';
import type { EventStreamDeps } from '../../open.ts';
import { GroupMember } from './group-member.ts';
import { createClient, toStreamError, within } from './kafka-client.ts';
import { KafkaProducer, ProducerConnection } from './kafka-producer.ts';
import { KafkaTail } from './kafka-tail.ts';
import { fetchOffsets, KafkaTopics } from './kafka-topics.ts';
import { type KafkaConfig, parseKafkaUrl } from './kafka-url.ts';

const openMsMax = 10_000;
const disconnectMsMax = 5_000;

/** The event stream of a Kafka cluster: several members of a group share the partitions of its topics. */
class KafkaEventStream implements EventStream {
  readonly #config: KafkaConfig;
  readonly #admin: Admin;
  readonly #topics: KafkaTopics;
  readonly #connection: ProducerConnection;
  readonly #producers: Producer[] = [];
  readonly #subscriptions = new Set<Subscription>();

  constructor(config: KafkaConfig, admin: Admin) {
    this.#config = config;
    this.#admin = admin;
    this.#topics = new KafkaTopics(admin, config);
    this.#connection = new ProducerConnection(config);
  }

  async producer(topic: string): Promise<Producer> {
    const options = {
      config: this.#config,
      connection: this.#connection,
      topic: this.#config.prefix + topic,
    };
    const partitions = await this.#topics.ensure(options.topic);
    try {
      const handle = await this.#connection.acquire();
      this.#connection.release(handle);
    } catch (error) {
      throw toStreamError(error, this.#config, `producer of topic ${topic}`);
    }
    const producer = new KafkaProducer({ ...options, partitions });
    this.#producers.push(producer);
    return producer;
  }

  async subscribe(options: SubscribeOptions, handler: BatchHandler): Promise<Subscription> {
    await this.#ensure(options.topics);
    const [config, admin] = [this.#config, this.#admin];
    return this.#track(new GroupMember({ config, admin, subscribe: options, handler }));
  }

  async tail(options: TailOptions, onRecords: (records: StreamRecord[]) => void): Promise<Subscription> {
    await this.#ensure(options.topics);
    const [config, admin] = [this.#config, this.#admin];
    return this.#track(await KafkaTail.start({ config, admin, tail: options, onRecords }));
  }

  async lag(group: string, topics: readonly string[]): Promise<number> {
    return this.lagBehind(group, await this.ends(topics));
  }

  async ends(topics: readonly string[]): Promise<StreamEnds> {
    try {
      await this.#ensure(topics);
      const ends = new Map<string, { low: number; high: number }>();
      for (const topic of topics) {
        const offsets = await fetchOffsets(this.#admin, this.#config.prefix + topic);
        for (const { partition, low, high } of offsets)
          ends.set(`${topic}/${partition}`, { low: Number(low), high: Number(high) });
      }
      return ends;
    } catch (error) {
      throw toStreamError(error, this.#config, `ends of ${topics.join(', ')}`);
    }
  }

  async lagBehind(group: string, ends: StreamEnds): Promise<number> {
    const topicOf = (id: string) => id.slice(0, id.lastIndexOf('/'));
    const names = [...new Set([...ends.keys()].map(topicOf))].map((topic) => this.#config.prefix + topic);
    try {
      const groups = await this.#admin.fetchOffsets({ groupId: this.#config.prefix + group, topics: names });
      const committed = new Map(
        groups.flatMap(({ topic, partitions }) =>
          partitions.map(({ partition, offset }): [string, number] => [
            `${topic}/${partition}`,
            Number(offset),
          ]),
        ),
      );
      let lag = 0;
      for (const [id, { low, high }] of ends)
        lag += Math.max(0, high - Math.max(low, committed.get(this.#config.prefix + id) ?? -1));
      return lag;
    } catch (error) {
      throw toStreamError(error, this.#config, `lag of group ${group}`);
    }
  }

  async ping(): Promise<void> {
    try {
      await within(openMsMax, this.#admin.describeCluster());
    } catch (error) {
      throw toStreamError(error, this.#config, 'cannot be reached');
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#subscriptions].map((subscription) => subscription.close()));
    await Promise.all(this.#producers.map((producer) => producer.close()));
    await this.#connection.close();
    await within(disconnectMsMax, this.#admin.disconnect()).catch(() => undefined);
  }

  async #ensure(topics: readonly string[]): Promise<void> {
    for (const topic of topics) await this.#topics.ensure(this.#config.prefix + topic);
  }

  #track(subscription: Subscription): Subscription {
    this.#subscriptions.add(subscription);
    return {
      close: async () => {
        await subscription.close();
        this.#subscriptions.delete(subscription);
      },
    };
  }
}

/** Connects to the cluster of a `kafka:` URL (its form: `parseKafkaUrl`), or throws within ten seconds. */
export async function openKafkaEventStream(url: URL, _deps: EventStreamDeps): Promise<EventStream> {
  const config = parseKafkaUrl(url);
  const attempt = new AbortController();
  const admin = createClient(config, attempt.signal).admin();
  try {
    await within(
      openMsMax,
      admin.connect().then(() => admin.describeCluster()),
    );
  } catch (error) {
    attempt.abort();
    throw toStreamError(error, config, 'cannot connect');
  }
  return new KafkaEventStream(config, admin);
}
