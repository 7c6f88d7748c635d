/**
 * The event stream port. Its semantics are Kafka's: topics of partitions, consumer groups, batches, explicit commit,
 * at-least-once delivery.
 *
 * Order: records of one partition are delivered in the order of their offsets; nothing is promised across partitions.
 * A partition of `log:` is one emitter's directory; on Kafka it is chosen by the record's key.
 * Durability: `append` resolves when the record survives the loss of the process and, on `log:`, of power.
 * Ownership: buffers given to `append` must not change before it resolves; records handed out belong to the consumer.
 */
export interface EventStream {
  /** Opens this process' producer for a topic. One long-lived producer per process and topic. */
  producer(topic: string): Promise<Producer>;

  /**
   * Joins a consumer group and delivers batches to `handler`, one at a time per partition. A batch is committed when
   * the handler resolves; when it rejects, the same batch (same boundaries) is delivered again after a back-off.
   * The boundaries of a batch are stored before it is handed out: a batch that a crash cut short comes again exactly
   * as it was, with `redelivered: true`, however many records came in the meantime.
   * On `log:` a group has one live member; a second one waits until the first is gone.
   * A new group starts at the beginning of each topic.
   */
  subscribe(options: SubscribeOptions, handler: BatchHandler): Promise<Subscription>;

  /**
   * Reads without a group and without commits: from the beginning, or only what comes after this call.
   * The returned promise resolves when reading has begun; with `beginning`, `onRecords` is then called with
   * everything that is there first, in offset order per partition.
   */
  tail(options: TailOptions, onRecords: (records: StreamRecord[]) => void): Promise<Subscription>;

  /** How far a group is behind: records not yet committed, over all partitions of the topics. */
  lag(group: string, topics: readonly string[]): Promise<number>;

  /** Where each partition of the topics ends now. */
  ends(topics: readonly string[]): Promise<StreamEnds>;

  /** Records before these ends that a group has not committed yet: 0 once it has passed them. */
  lagBehind(group: string, ends: StreamEnds): Promise<number>;

  /** Resolves when the stream can be reached; rejects with `unavailable` when it cannot, within ten seconds. */
  ping(): Promise<void>;

  /** Stops every subscription after its running batch, flushes and closes producers. */
  close(): Promise<void>;
}

/** Of each partition, by `<topic>/<partition>`, the first offset that is kept and the next one that is written. */
export type StreamEnds = ReadonlyMap<string, { readonly low: number; readonly high: number }>;

export interface NewRecord {
  /** Records with the same key keep their order. */
  readonly key: string;
  /** CloudEvents attributes and others; neither names nor values may hold NUL. */
  readonly headers: Readonly<Record<string, string>>;
  /** At most `recordBytesMax` bytes. */
  readonly value: Uint8Array;
}

export interface StreamRecord {
  readonly topic: string;
  readonly partition: string;
  /** Dense from 0 within the partition. */
  readonly offset: number;
  /** When it was appended, unix milliseconds. */
  readonly timestampMs: number;
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer;
}

export interface Producer {
  /**
   * Appends records in order, all of them before any record of a later call. Resolves when they are durable.
   * Rejects with `overloaded` when the queue is full (nothing of this call was appended) and `unavailable` when the
   * log has failed (nothing will be appended any more).
   */
  append(records: readonly NewRecord[]): Promise<void>;
  close(): Promise<void>;
}

export interface Batch {
  readonly topic: string;
  readonly partition: string;
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** In offset order. Never empty. */
  readonly records: readonly StreamRecord[];
  /** True when these boundaries were handed out before, by this process or by one that is gone. */
  readonly redelivered: boolean;
  /**
   * Records that damage on the disk has made unreadable, after the batch before and up to `lastOffset`; told again with a
   * batch that comes again. Absent: none. Only of `log:`, whose disk is Loom's own to watch.
   */
  readonly unreadable?: number;
}

export type BatchHandler = (batch: Batch, signal: AbortSignal) => Promise<void>;

export interface SubscribeOptions {
  readonly group: string;
  readonly topics: readonly string[];
  /** At most this many records a batch (default 1,000) … */
  readonly batchRecordsMax?: number;
  /** … and about this many bytes (default 8 MiB; one record may be larger). */
  readonly batchBytesMax?: number;
  /**
   * Shown the batch after the one that is out, as soon as it is whole, by drivers that have it by then: for work that can
   * be thrown away, such as decoding. Of a batch that is shown, `records` is handed to the handler as the same array, or
   * never. Must not throw, and must let go of the event loop while it works.
   */
  readonly prepare?: (batch: Batch) => void;
  /** Told about each failed delivery; the batch is tried again after the back-off. */
  readonly onError?: (error: unknown, batch: Batch | null) => void;
}

export interface TailOptions {
  readonly topics: readonly string[];
  readonly from: 'beginning' | 'now';
}

export interface Subscription {
  /** Resolves when the running batch has ended and nothing more will be delivered. */
  close(): Promise<void>;
}
