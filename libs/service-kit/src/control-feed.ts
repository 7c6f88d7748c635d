import type { EventStream, StreamRecord, Subscription } from '@loom/event-stream';
import { ControlSnapshot } from '@loom/routing';
import type { Logger } from '@loom/telemetry';
import { type ControlChanged, ControlEvent, eventReader, topics } from '@loom/trace-schema';

const readControl = eventReader(ControlEvent);

export interface ControlFeedOptions {
  readonly logger: Logger;
  /** Only these entities are kept; all when it is left out. */
  readonly entities?: readonly ControlChanged['entity'][];
  /** The snapshot to begin with, when one was kept. */
  readonly initial?: ControlSnapshot;
  /** Called after events that changed something, and once when a whole snapshot is known. */
  readonly onChange?: (snapshot: ControlSnapshot) => void;
}

/** Follows the control topic from its beginning and keeps a {@link ControlSnapshot} current. */
export class ControlFeed {
  readonly snapshot: ControlSnapshot;
  readonly #options: ControlFeedOptions;
  #subscription: Subscription | null = null;
  #heardAtMs = 0;
  readonly #waiting: (() => void)[] = [];

  /** Hears nothing before it {@link follow}s a stream. */
  constructor(options: ControlFeedOptions) {
    this.#options = options;
    this.snapshot = options.initial ?? new ControlSnapshot();
  }

  /** Resolves when everything that is already in the topic was read. */
  static async start(stream: EventStream, options: ControlFeedOptions): Promise<ControlFeed> {
    const feed = new ControlFeed(options);
    await feed.follow(stream);
    return feed;
  }

  /** Called once. Resolves when everything that is already in the topic was read. */
  async follow(stream: EventStream): Promise<void> {
    this.#subscription = await stream.tail({ topics: [topics.control], from: 'beginning' }, (records) => {
      this.#take(records);
    });
  }

  /** When the newest event was heard; 0 when none was since the start. Unix milliseconds. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** What keeps a service from being ready; null when a whole snapshot is known. */
  fault(): Promise<string | null> {
    return Promise.resolve(this.snapshot.complete ? null : 'no control snapshot was seen yet');
  }

  /** Resolves when a whole snapshot is known. */
  completed(): Promise<void> {
    if (this.snapshot.complete) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async close(): Promise<void> {
    await this.#subscription?.close();
  }

  #take(records: readonly StreamRecord[]): void {
    let changed = false;
    for (const record of records) {
      this.#heardAtMs = Math.max(this.#heardAtMs, record.timestampMs);
      try {
        const read = readControl(JSON.parse(record.value.toString()));
        if (read.outcome === 'unknown') continue;
        if (read.outcome === 'invalid') throw read.error;
        const { event } = read;
        const wanted =
          event.type !== 'control.changed' || (this.#options.entities?.includes(event.entity) ?? true);
        if (wanted) changed = this.snapshot.apply(event) || changed;
      } catch (error) {
        this.#options.logger.error(
          { partition: record.partition, offset: record.offset, error },
          'control event not understood',
        );
      }
    }
    if (changed) this.#options.onChange?.(this.snapshot);
    if (this.snapshot.complete) for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
