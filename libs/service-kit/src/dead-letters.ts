import type { NewRecord, StreamRecord } from '@loom/event-stream';
import type { Metrics } from '@loom/telemetry';
import { cloudEventHeaders, DeadLetter, eventIds, nanosOfMillis, newUuid, topics } from '@loom/trace-schema';
import type { EventStreamClient } from './event-stream-client.ts';

export interface DeadLettersOptions {
  readonly client: Pick<EventStreamClient, 'append'>;
  /** The consumer group that could not use the records. */
  readonly group: string;
  /** Gets `loom_<group>_dead_letters_total`. */
  readonly metrics: Metrics;
  /** Unix milliseconds; the system's clock unless a test says otherwise. */
  readonly now?: (() => number) | undefined;
}

/** A record that cannot be used, and why. */
export interface FaultyRecord {
  readonly record: StreamRecord;
  readonly reason: DeadLetter['reason'];
  readonly message: string;
}

const messageLengthMax = 2_000;

/**
 * Where a consumer puts what it cannot use: whole, with the place that it came from, on topic `loom.dead-letters.v1`.
 * The same record given up again by the same group is the same letter.
 */
export class DeadLetters {
  readonly #client: Pick<EventStreamClient, 'append'>;
  readonly #group: string;
  readonly #now: () => number;
  readonly #emitter: string;
  readonly #counter;

  constructor({ client, group, metrics, now = Date.now }: DeadLettersOptions) {
    this.#client = client;
    this.#group = group;
    this.#now = now;
    this.#emitter = newUuid(now());
    this.#counter = metrics.counter(
      `loom_${group}_dead_letters_total`,
      `Records that ${group} could not use and put aside`,
      ['reason'],
    );
    // From 0 on, so that the first one is seen as an increase.
    for (const reason of DeadLetter.shape.reason.options) this.#counter.inc({ reason }, 0);
  }

  /** Resolves when all of them are durable: then their batch may be committed. */
  async append(faulty: readonly FaultyRecord[]): Promise<void> {
    await this.#client.append(
      topics.deadLetters,
      faulty.map((one) => this.#recordOf(one)),
    );
    for (const { reason } of faulty) this.#counter.inc({ reason });
  }

  #recordOf({ record, reason, message }: FaultyRecord): NewRecord {
    const { topic, partition, offset, headers, value } = record;
    const id = eventIds.deadLetter(this.#group, topic, partition, offset);
    const nowMs = this.#now();
    const letter: DeadLetter = {
      id,
      type: 'dead-letter',
      group: this.#group,
      topic,
      partition,
      offset,
      reason,
      message: message.slice(0, messageLengthMax),
      headers: { ...headers },
      value: value.toString('base64'),
      time: nanosOfMillis(nowMs),
    };
    const event = { id, type: letter.type, source: this.#emitter, subject: id, timeMs: nowMs };
    return {
      key: `${topic}/${partition}`,
      headers: cloudEventHeaders({ ...event, traceparent: headers['ce_traceparent'] }),
      value: Buffer.from(JSON.stringify(letter)),
    };
  }
}
