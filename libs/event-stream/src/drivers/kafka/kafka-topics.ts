import { setTimeout as delay } from 'node:timers/promises';
import { LoomError } from '@loom/errors';
import { topics } from '@loom/trace-schema';
import type { Admin } from 'kafkajs';
import { protocolErrorOf, toStreamError } from './kafka-client.ts';
import type { KafkaConfig } from './kafka-url.ts';

const messageBytesMax = 1024 * 1024;
const timeoutMs = 5_000;
const leaderMsMax = 15_000;
const leaderLookMs = 100;

/** The topics of one cluster: made when they are missing and the rights allow it. */
export class KafkaTopics {
  readonly #admin: Admin;
  readonly #config: KafkaConfig;

  constructor(admin: Admin, config: KafkaConfig) {
    this.#admin = admin;
    this.#config = config;
  }

  /** Resolves to the number of partitions, by the name that the cluster knows the topic by. */
  async ensure(topic: string): Promise<number> {
    try {
      const known = await this.#admin.listTopics();
      if (!known.includes(topic)) await this.#create(topic);
      const found = await oncePlaced(() => this.#admin.fetchTopicMetadata({ topics: [topic] }));
      return found.topics[0]?.partitions.length ?? 0;
    } catch (error) {
      throw toStreamError(error, this.#config, `topic ${topic}`);
    }
  }

  async #create(topic: string): Promise<void> {
    const { partitions, replication, prefix, redactedUrl } = this.#config;
    const configEntries = [
      { name: 'cleanup.policy', value: 'delete' },
      { name: 'max.message.bytes', value: String(messageBytesMax) },
      ...(topic === prefix + topics.control ? forEver : []),
    ];
    try {
      await this.#admin.createTopics({
        topics: [{ topic, numPartitions: partitions, replicationFactor: replication, configEntries }],
        timeout: timeoutMs,
        waitForLeaders: false, // its wait fails when another process makes the topic at the same moment
      });
    } catch (error) {
      if (!protocolErrorOf(error)?.endsWith('AUTHORIZATION_FAILED')) throw error;
      throw new LoomError(
        'config_invalid',
        `event stream ${redactedUrl}: topic ${topic} is missing and the user may not create it: create it, or grant CREATE and DESCRIBE (and READ or WRITE) on topic ${topic}`,
        { cause: error },
      );
    }
  }
}

/** First and end offset of each partition. */
export function fetchOffsets(admin: Admin, topic: string): ReturnType<Admin['fetchTopicOffsets']> {
  return oncePlaced(() => admin.fetchTopicOffsets(topic));
}

/** Asks again while a topic that was made a moment ago, here or by another process, has no leaders yet. */
async function oncePlaced<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const deadline = Date.now() + leaderMsMax;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!leaderless.has(protocolErrorOf(error) ?? '') || Date.now() > deadline) throw error;
      await delay(leaderLookMs);
    }
  }
}

const leaderless = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'UNKNOWN_TOPIC_OR_PARTITION',
]);

const forEver = [
  { name: 'retention.ms', value: '-1' },
  { name: 'retention.bytes', value: '-1' },
];
