import { setTimeout as delay } from 'node:timers/promises';
import type { EventStream, Producer, Subscription } from '@loom/event-stream';
import { type Logger, withBatchSpan } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';

/** The consumer group of an outbox that ships it. */
export const forwarderGroup = 'forwarder';

export interface ForwarderOptions {
  readonly outbox: EventStream;
  readonly stream: EventStream;
  readonly logger: Logger;
  /** Told of records of the outbox that damage on the disk has taken. */
  readonly onUnreadable?: (records: number) => void;
}

const drainLookMs = 50;

/**
 * Ships an outbox to the event stream: a consumer group of the outbox whose handler appends to the stream, and which is
 * committed when the stream has acknowledged. Records of an emitter stay in their order. A batch whose acknowledgement
 * was lost is shipped again as it was: consumers drop events that they have, by id.
 */
export class Forwarder {
  readonly #outbox: EventStream;
  readonly #producer: Producer;
  readonly #subscription: Subscription;

  private constructor(outbox: EventStream, producer: Producer, subscription: Subscription) {
    this.#outbox = outbox;
    this.#producer = producer;
    this.#subscription = subscription;
  }

  static async start({ outbox, stream, logger, onUnreadable }: ForwarderOptions): Promise<Forwarder> {
    const producer = await stream.producer(topics.traces);
    const options = {
      group: forwarderGroup,
      topics: [topics.traces],
      onError: (error: unknown) => logger.warn({ error }, 'outbox not shipped; trying again'),
    };
    const span = { operation: 'forward', topic: topics.traces, group: forwarderGroup };
    const subscription = await outbox.subscribe(options, async ({ records, partition, unreadable = 0 }) => {
      await withBatchSpan({ ...span, records }, () =>
        producer.append(records.map(({ key, headers, value }) => ({ key, headers, value }))),
      );
      if (unreadable === 0) return;
      logger.error({ partition, records: unreadable }, 'records of the outbox cannot be read any more');
      onUnreadable?.(unreadable);
    });
    return new Forwarder(outbox, producer, subscription);
  }

  /** Records that are not in the stream yet. */
  lag(): Promise<number> {
    return this.#outbox.lag(forwarderGroup, [topics.traces]);
  }

  /** Resolves when everything is shipped, or after `deadlineMs`, with the number of records that are not. */
  async drain(deadlineMs: number): Promise<number> {
    const deadline = Date.now() + deadlineMs;
    let left = await this.lag();
    while (left > 0 && Date.now() < deadline) {
      await delay(drainLookMs);
      left = await this.lag();
    }
    return left;
  }

  /** After the running batch. */
  async close(): Promise<void> {
    await this.#subscription.close();
    await this.#producer.close();
  }
}
