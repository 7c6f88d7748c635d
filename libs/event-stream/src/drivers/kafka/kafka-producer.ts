import { setTimeout as delay } from 'node:timers/promises';
import { LoomError } from '@loom/errors';
import { recordBytesMax } from '@loom/trace-schema';
import kafkajs, { type Message, type Producer as Client } from 'kafkajs';
import type { NewRecord, Producer } from '../../event-stream.ts';
import { createClient, protocolErrorOf, retry, toStreamError, within } from './kafka-client.ts';
import type { KafkaConfig } from './kafka-url.ts';

/** One request's records before compression; with the frame around them below the topic's 1 MiB. */
const requestBytesMax = 960 * 1024;
const recordOverheadBytes = 64;
const keyAndHeaderBytesMax = 32 * 1024;
/** As on `log:`, so that whatever its outbox took can be shipped. */
const valueSpareBytes = 64 * 1024;
const queueBytesMax = 64 * 1024 * 1024;
const queueRecordsMax = 100_000;
const retryAfterMs = 200;
const retryMsMin = 100;
const retryMsMax = 1_000;
const closeMsMax = 15_000;
const disconnectMsMax = 5_000;
/** Less than a request may take: the broker gives up waiting for replicas before the client gives up on the broker. */
const acknowledgeMsMax = 8_000;

interface Handle {
  readonly client: Client;
  uses: number;
  retired: boolean;
}

/**
 * The one idempotent producer of a connection. A batch keeps its handle over all its retries: only there does the
 * broker know it again. When a batch is given up, whether it was appended is unknown, and its sequence numbers must
 * not be used for other records (the broker would take them for the same batch and drop them): the handle is retired.
 */
export class ProducerConnection {
  readonly #config: KafkaConfig;
  #current: Promise<Handle> | null = null;

  constructor(config: KafkaConfig) {
    this.#config = config;
  }

  async acquire(): Promise<Handle> {
    this.#current ??= this.#connect();
    const opening = this.#current;
    try {
      const handle = await opening;
      if (handle.retired) return await this.acquire();
      handle.uses += 1;
      return handle;
    } catch (error) {
      if (this.#current === opening) this.#current = null;
      throw error;
    }
  }

  /** The next `acquire` makes a new one; this one ends with its last use. */
  retire(handle: Handle): void {
    if (!handle.retired) this.#current = null;
    handle.retired = true;
  }

  release(handle: Handle): void {
    handle.uses -= 1;
    if (handle.retired && handle.uses === 0) void handle.client.disconnect().catch(() => undefined);
  }

  async close(): Promise<void> {
    const handle = await this.#current?.catch(() => null);
    if (handle) await within(disconnectMsMax, handle.client.disconnect()).catch(() => undefined);
  }

  async #connect(): Promise<Handle> {
    const client = createClient(this.#config).producer({
      idempotent: true,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      retry: { ...retry, retries: 1 }, // the least that it takes; a lane tries again by itself
      createPartitioner: () => (args) => args.message.partition ?? 0,
    });
    try {
      await client.connect();
    } catch (error) {
      void client.disconnect().catch(() => undefined);
      throw error;
    }
    return { client, uses: 0, retired: false };
  }
}

/** One call of `append`, spread over the partitions of its records. */
interface Call {
  left: number;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

interface Waiting {
  readonly message: Message;
  readonly bytes: number;
  readonly expiresAtMs: number;
  readonly call: Call;
}

export interface KafkaProducerOptions {
  readonly config: KafkaConfig;
  readonly connection: ProducerConnection;
  /** As the cluster knows it. */
  readonly topic: string;
  readonly partitions: number;
}

/**
 * Appends to one topic. Group commit per partition: while one request is out, the next one gathers. A request is
 * tried again until it is acknowledged or `deliveryMs` have passed since its oldest record came; then its records and
 * all that wait behind them in the partition are rejected with `unavailable`, so that what the caller appends again
 * keeps its order. Rejected records may be in the topic all the same.
 */
export class KafkaProducer implements Producer {
  readonly #options: KafkaProducerOptions;
  readonly #lanes = new Map<number, Lane>();
  readonly #partitionOf: (key: string) => number;
  readonly #queue = { bytes: 0, records: 0 };
  #closed = false;

  constructor(options: KafkaProducerOptions) {
    this.#options = options;
    // Kafka's own rule (murmur2), so that other clients put a key into the same partition.
    const partitioner = kafkajs.Partitioners.DefaultPartitioner();
    const { topic } = options;
    const partitionMetadata = Array.from({ length: options.partitions }, (_, partitionId) => ({
      partitionId,
      ...{ partitionErrorCode: 0, leader: 0, replicas: [], isr: [] },
    }));
    this.#partitionOf = (key) => partitioner({ topic, partitionMetadata, message: { key, value: null } });
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    if (this.#closed) throw new LoomError('unavailable', 'event stream is closing');
    if (records.length === 0) return;
    const sized = records.map((record) => ({ record, bytes: checkedSizeOf(record) }));
    const bytes = sized.reduce((sum, one) => sum + one.bytes, 0);
    const { records: queued } = this.#queue;
    const isFull = this.#queue.bytes + bytes > queueBytesMax || queued + records.length > queueRecordsMax;
    if (isFull && queued > 0) {
      throw new LoomError('overloaded', `${queued} records wait for Kafka`, { retryAfterMs });
    }
    this.#queue.bytes += bytes;
    this.#queue.records += records.length;
    try {
      await this.#enqueue(sized);
    } finally {
      this.#queue.bytes -= bytes;
      this.#queue.records -= records.length;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
  }

  #enqueue(sized: readonly { record: NewRecord; bytes: number }[]): Promise<void> {
    const expiresAtMs = performance.now() + this.#options.config.deliveryMs;
    const timestamp = String(Date.now());
    return new Promise((resolve, reject) => {
      const call: Call = { left: sized.length, resolve, reject };
      for (const { record, bytes } of sized) {
        const partition = this.#partitionOf(record.key);
        const value = Buffer.from(record.value.buffer, record.value.byteOffset, record.value.byteLength);
        const message = { key: record.key, value, headers: { ...record.headers }, partition, timestamp };
        this.#lane(partition).push({ message, bytes, expiresAtMs, call });
      }
    });
  }

  #lane(partition: number): Lane {
    const lane = this.#lanes.get(partition) ?? new Lane(this.#options);
    this.#lanes.set(partition, lane);
    return lane;
  }
}

/** What waits for one partition, in order. */
class Lane {
  readonly #options: KafkaProducerOptions;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;
  readonly #givenUp = Promise.withResolvers<never>();

  constructor(options: KafkaProducerOptions) {
    this.#options = options;
    this.#givenUp.promise.catch(() => undefined);
  }

  push(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#running ??= this.#run();
  }

  async close(): Promise<void> {
    const timer = setTimeout(
      () => this.#givenUp.reject(new Error('closed before it was acknowledged')),
      closeMsMax,
    );
    await this.#running;
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // what is appended in the same turn travels together
    while (this.#waiting.length > 0) {
      const batch = this.#cut();
      try {
        await this.#deliver(batch);
        for (const { call } of batch) if (--call.left === 0) call.resolve();
      } catch (error) {
        for (const { call } of [...batch, ...this.#waiting.splice(0)]) call.reject(error);
      }
    }
    this.#running = null;
  }

  #cut(): Waiting[] {
    let bytes = 0;
    const end = this.#waiting.findIndex((waiting, index) => {
      bytes += waiting.bytes;
      return index > 0 && bytes > requestBytesMax;
    });
    return this.#waiting.splice(0, end === -1 ? this.#waiting.length : end);
  }

  async #deliver(batch: readonly Waiting[]): Promise<void> {
    const { config, topic } = this.#options;
    const expired = Promise.withResolvers<never>();
    const leftMs = (batch[0]?.expiresAtMs ?? 0) - performance.now();
    const timer = setTimeout(
      () => expired.reject(new Error(`no acknowledgement within ${config.deliveryMs} ms`)),
      leftMs,
    );
    const attempts = new DeliveryAttempts(this.#options, batch);
    try {
      await Promise.race([attempts.run(), expired.promise, this.#givenUp.promise]);
    } catch (error) {
      attempts.giveUp();
      throw toStreamError(attempts.lastError ?? error, config, `append to topic ${topic}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The tries of one batch, on one handle as long as the broker knows it. */
class DeliveryAttempts {
  readonly #options: KafkaProducerOptions;
  readonly #messages: Message[];
  #handle: Handle | null = null;
  #isGivenUp = false;
  lastError: unknown = null;

  constructor(options: KafkaProducerOptions, batch: readonly Waiting[]) {
    this.#options = options;
    this.#messages = batch.map(({ message }) => message);
  }

  giveUp(): void {
    this.#isGivenUp = true;
    if (this.#handle) this.#options.connection.retire(this.#handle);
  }

  async run(): Promise<void> {
    try {
      for (let failures = 0; !this.#isGivenUp; failures += 1) {
        if (await this.#try()) return;
        await delay(Math.min(retryMsMax, retryMsMin * 2 ** failures));
      }
    } finally {
      if (this.#handle) this.#options.connection.release(this.#handle);
    }
  }

  async #try(): Promise<boolean> {
    const { connection, topic } = this.#options;
    try {
      this.#handle ??= await connection.acquire();
      await this.#handle.client.send({
        topic,
        messages: this.#messages,
        acks: -1,
        timeout: acknowledgeMsMax,
        compression: kafkajs.CompressionTypes.ZSTD,
      });
      return true;
    } catch (error) {
      this.lastError = error;
      const fault = protocolErrorOf(error);
      if (fault === 'DUPLICATE_SEQUENCE_NUMBER') return true;
      if (hopeless.has(fault)) throw error;
      if (this.#handle && unknownProducer.has(fault)) {
        connection.retire(this.#handle);
        connection.release(this.#handle);
        this.#handle = null;
      }
      return false;
    }
  }
}

/** The broker does not know this producer any more: a new one takes over. */
const unknownProducer = new Set<string | undefined>([
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
]);
const hopeless = new Set<string | undefined>([
  'TOPIC_AUTHORIZATION_FAILED',
  'CLUSTER_AUTHORIZATION_FAILED',
  'MESSAGE_TOO_LARGE',
  'RECORD_LIST_TOO_LARGE',
  'INVALID_TOPIC_EXCEPTION',
]);

function checkedSizeOf({ key, headers, value }: NewRecord): number {
  let around = Buffer.byteLength(key) + recordOverheadBytes;
  for (const [name, text] of Object.entries(headers)) {
    around += Buffer.byteLength(name) + Buffer.byteLength(text) + recordOverheadBytes / 4;
  }
  if (value.byteLength > recordBytesMax + valueSpareBytes || around > keyAndHeaderBytesMax) {
    throw new LoomError(
      'payload_too_large',
      `record of ${value.byteLength} bytes with ${around} bytes of key and headers; limits ${recordBytesMax}, ${keyAndHeaderBytesMax}`,
    );
  }
  return value.byteLength + around;
}
