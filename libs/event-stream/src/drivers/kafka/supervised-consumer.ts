import { setTimeout as delay } from 'node:timers/promises';
import { LoomError } from '@loom/errors';
import type { Consumer, EachBatchHandler } from 'kafkajs';
import { createClient, retry, within } from './kafka-client.ts';
import type { KafkaConfig } from './kafka-url.ts';
import { oldestFirst } from './oldest-first.ts';

/** How long a fetch is held by the broker while nothing comes; also the longest delay after a pause. */
const fetchMsMax = 250;
const partitionBytesMax = 2 * 1024 * 1024;
const fetchBytesMax = 16 * 1024 * 1024;
/** A consumer that neither fetched nor joined for this long has stopped in silence. */
const silenceMsMax = 45_000;
const watchMs = 1_000;
const stopMsMax = 5_000;
const crashMsMax = 1_000;
const restartMsMin = 250;
const restartMsMax = 5_000;

export interface SupervisedConsumerOptions {
  readonly config: KafkaConfig;
  readonly group: string;
  readonly topics: readonly string[];
  /** Told at each join; what came before has no meaning any more. Called before the first fetch after it. */
  readonly onJoin: (assignment: Readonly<Record<string, number[]>>, consumer: Consumer) => void;
  /** Told when this member is no longer one. */
  readonly onLeave: () => void;
  readonly eachBatch: EachBatchHandler;
  readonly onError: (error: unknown) => void;
}

/**
 * A consumer of kafkajs that is started again whenever it has crashed, stopped or gone silent, until it is closed.
 * Each run is a new client and a new member of the group.
 */
export class SupervisedConsumer {
  readonly #options: SupervisedConsumerOptions;
  readonly #sinceMs = Date.now();
  readonly #stop = new AbortController();
  #joins = 0;
  #end: (cause: unknown) => void = () => undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SupervisedConsumerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#end(null);
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#stop.signal.aborted; failures += 1) {
      const joins = this.#joins;
      const cause = await this.#runOnce();
      this.#options.onLeave();
      if (this.#stop.signal.aborted) return;
      this.#options.onError(cause);
      if (this.#joins > joins) failures = 0;
      const pauseMs = Math.min(restartMsMax, restartMsMin * 2 ** failures);
      await delay(pauseMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    }
  }

  /** Resolves to why this run has ended. */
  async #runOnce(): Promise<unknown> {
    const { config, group, topics, eachBatch } = this.#options;
    const consumer = createClient(config).consumer({
      groupId: group,
      partitionAssigners: [oldestFirst(this.#sinceMs)],
      sessionTimeout: config.sessionMs,
      rebalanceTimeout: config.sessionMs,
      heartbeatInterval: Math.floor(config.sessionMs / 8),
      maxBytesPerPartition: partitionBytesMax,
      maxBytes: fetchBytesMax,
      maxWaitTimeInMs: fetchMsMax,
      allowAutoTopicCreation: false,
      retry: { ...retry, retries: 6, restartOnFailure: () => Promise.resolve(false) },
    });
    const ended = this.#watch(consumer);
    const started = (async () => {
      await consumer.connect();
      await consumer.subscribe({ topics: [...topics], fromBeginning: true });
      await consumer.run({ autoCommit: false, eachBatchAutoResolve: false, eachBatch });
    })();
    const cause = await Promise.race([
      ended,
      started.then(
        () => ended,
        (error: unknown) => error,
      ),
    ]);
    await within(stopMsMax, consumer.disconnect()).catch(() => undefined);
    return cause;
  }

  #watch(consumer: Consumer): Promise<unknown> {
    const { events } = consumer;
    const { promise, resolve } = Promise.withResolvers<unknown>();
    let seenAtMs = performance.now();
    const see = () => void (seenAtMs = performance.now());
    consumer.on(events.CRASH, ({ payload }) => resolve(payload.error));
    // A crash stops the consumer first and is told after.
    consumer.on(events.STOP, () => {
      const stopped = new LoomError('unavailable', 'the consumer stopped');
      setTimeout(() => resolve(stopped), crashMsMax).unref();
    });
    consumer.on(events.FETCH, see);
    consumer.on(events.GROUP_JOIN, ({ payload }) => {
      see();
      if (this.#stop.signal.aborted) return;
      this.#joins += 1;
      this.#options.onJoin(payload.memberAssignment, consumer);
    });
    const timer = setInterval(() => {
      if (performance.now() - seenAtMs < silenceMsMax) return;
      resolve(new LoomError('unavailable', `the consumer was silent for ${silenceMsMax / 1000} s`));
    }, watchMs);
    this.#end = resolve;
    return promise.finally(() => clearInterval(timer));
  }
}
