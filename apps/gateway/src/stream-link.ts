import { setTimeout as delay } from 'node:timers/promises';
import { type EventStream, logRootOf, openEventStream, sweepLog } from '@loom/event-stream';
import type { ControlFeed } from '@loom/service-kit';
import type { Logger, Metrics } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';
import type { GatewayConfig } from './config.ts';
import { Forwarder, forwarderGroup } from './record/forwarder.ts';

export interface StreamLinkOptions {
  readonly config: GatewayConfig;
  readonly url: URL;
  readonly outbox: EventStream;
  readonly feed: ControlFeed;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const retryMs = 2_000;
const sweepMs = 10_000;
const disconnectMsMax = 3_000;

/**
 * What ties a gateway to the event stream of servers: control is heard from there, the outbox is shipped there. Calls
 * need neither: a gateway that has a control snapshot starts while the stream is down, and goes on when it goes away.
 */
export class StreamLink {
  readonly #options: StreamLinkOptions;
  readonly #stop = new AbortController();
  readonly #sweep: NodeJS.Timeout;
  readonly #unreadable: ReturnType<Metrics['counter']>;
  #stream: EventStream | null = null;
  #forwarder: Forwarder | null = null;
  #connecting: Promise<void> = Promise.resolve();

  private constructor(options: StreamLinkOptions) {
    this.#options = options;
    this.#sweep = setInterval(() => this.#sweepOutbox(), sweepMs);
    this.#unreadable = options.metrics.counter(
      'loom_gateway_outbox_unreadable_records_total',
      'Records of the outbox that damage on the disk has taken before they were shipped',
    );
    options.metrics.gauge(
      'loom_gateway_outbox_lag_records',
      'Records of the outbox that are not in the event stream yet',
      () => options.outbox.lag(forwarderGroup, [topics.traces]),
    );
    options.metrics.gauge(
      'loom_gateway_stream_connected',
      'Whether the event stream was reached since the start',
      () => Number(this.#forwarder !== null),
    );
  }

  /** Rejects when the stream cannot be reached and there is no snapshot of control to start from. */
  static async open(options: StreamLinkOptions): Promise<StreamLink> {
    const link = new StreamLink(options);
    try {
      await link.#connect();
    } catch (error) {
      if (!options.feed.snapshot.complete) {
        clearInterval(link.#sweep);
        throw error;
      }
      options.logger.error({ error }, 'event stream not reached; starting from the control snapshot');
      link.#connecting = link.#keepConnecting();
    }
    return link;
  }

  /** Ships what is in the outbox, for as long as a stop may take; the writers of the outbox have ended before. */
  async close(): Promise<void> {
    this.#stop.abort();
    clearInterval(this.#sweep);
    await this.#connecting;
    await this.#forwarder?.drain(this.#options.config.LOOM_OUTBOX_DRAIN);
    // A stream that is away does not hold up the stop: what was not shipped stays in the outbox.
    await Promise.race([this.#disconnect(), delay(disconnectMsMax, undefined, { ref: false })]);
  }

  async #disconnect(): Promise<void> {
    await this.#forwarder?.close();
    await this.#options.feed.close();
    await this.#stream?.close();
  }

  async #keepConnecting(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await delay(retryMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      if (this.#stop.signal.aborted) return;
      try {
        await this.#connect();
        this.#options.logger.info('event stream reached');
        return;
      } catch (error) {
        this.#options.logger.warn({ error }, 'event stream not reached');
      }
    }
  }

  async #connect(): Promise<void> {
    const { url, outbox, feed, logger } = this.#options;
    const stream = await openEventStream(url);
    try {
      const onUnreadable = (records: number) => this.#unreadable.inc(records);
      this.#forwarder = await Forwarder.start({ outbox, stream, logger, onUnreadable });
      await feed.follow(stream);
      this.#stream = stream;
    } catch (error) {
      await this.#forwarder?.close();
      this.#forwarder = null;
      await stream.close();
      throw error;
    }
  }

  #sweepOutbox(): void {
    const { config, logger } = this.#options;
    sweepLog(logRootOf(config.LOOM_OUTBOX_URL), {
      topic: topics.traces,
      groups: [forwarderGroup],
      minAgeMs: config.LOOM_OUTBOX_RETENTION,
    }).catch((error: unknown) => logger.error({ error }, 'outbox not swept'));
  }
}
