import { setTimeout as delay } from 'node:timers/promises';
import type { ControlStore } from '@loom/control-store';
import type { NewRecord } from '@loom/event-stream';
import type { EventStreamClient } from '@loom/service-kit';
import { cloudEventHeaders, type ControlEvent, newUuid, topics } from '@loom/trace-schema';

export interface ControlPublisherOptions {
  readonly store: Pick<
    ControlStore,
    'currentEntities' | 'markPublished' | 'publishedVersion' | 'readOutbox' | 'withPublisherLock'
  >;
  readonly client: Pick<EventStreamClient, 'append'>;
  /** Told of failures; publishing goes on after a pause. */
  readonly onError: (error: unknown) => void;
  /** How often the outbox is looked at. Milliseconds. */
  readonly pollMs?: number;
}

const outboxPage = 200;
const appendBytesMax = 512 * 1024;
const retryMs = 1000;

/**
 * Ships control changes to the stream, in the order of their versions, one publisher at a time (a lock in the store).
 * When it gets the lock it first says everything that is there and what the publisher before left over, then
 * `control.snapshot-completed`. A change may be said twice, never left out: readers keep the highest version.
 */
export class ControlPublisher {
  readonly #options: ControlPublisherOptions;
  readonly #emitter = newUuid();
  readonly #stop = new AbortController();
  #running: Promise<void> | null = null;

  constructor(options: ControlPublisherOptions) {
    this.#options = options;
  }

  /** Begins in the background. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Resolves when nothing more will be published. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      try {
        await this.#options.store.withPublisherLock((lost) =>
          this.#publish(AbortSignal.any([lost, this.#stop.signal])),
        );
      } catch (error) {
        this.#options.onError(error);
      }
      await pause(retryMs, this.#stop.signal);
    }
  }

  async #publish(signal: AbortSignal): Promise<void> {
    const { store, pollMs = 200 } = this.#options;
    const published = await this.#publishSnapshot();
    let version = published;
    while (!signal.aborted) {
      const changes = await store.readOutbox(version, outboxPage);
      const last = changes.at(-1);
      if (last) {
        await this.#append(changes);
        await store.markPublished(last.version);
        version = last.version;
      } else await pause(pollMs, signal);
    }
  }

  async #publishSnapshot(): Promise<number> {
    const { store } = this.#options;
    // Read first: what was removed since is in no snapshot, only in the outbox.
    const before = await store.publishedVersion();
    const { version, changes } = await store.currentEntities();
    const left = (await this.#outboxBetween(before, version)).filter(({ value }) => value === null);
    await this.#append([...changes, ...left].sort((a, b) => a.version - b.version));
    await this.#append([
      { id: `snapshot/${this.#emitter}/${version}`, type: 'control.snapshot-completed', version },
    ]);
    await store.markPublished(version);
    return version;
  }

  async #outboxBetween(after: number, upTo: number) {
    const found = [];
    for (let from = after; ;) {
      const page = await this.#options.store.readOutbox(from, outboxPage);
      found.push(...page.filter(({ version }) => version <= upTo));
      const last = page.at(-1);
      if (page.length < outboxPage || !last || last.version >= upTo) return found;
      from = last.version;
    }
  }

  async #append(events: readonly ControlEvent[]): Promise<void> {
    let group: NewRecord[] = [];
    let bytes = 0;
    for (const record of events.map((event) => this.#recordOf(event))) {
      if (group.length > 0 && bytes + record.value.length > appendBytesMax) {
        await this.#options.client.append(topics.control, group);
        [group, bytes] = [[], 0];
      }
      group.push(record);
      bytes += record.value.length;
    }
    if (group.length > 0) await this.#options.client.append(topics.control, group);
  }

  #recordOf(event: ControlEvent): NewRecord {
    const subject = 'entityId' in event ? event.entityId : 'snapshot';
    const { id, type } = event;
    return {
      key: 'control',
      headers: cloudEventHeaders({ id, type, source: this.#emitter, subject, timeMs: Date.now() }),
      value: Buffer.from(JSON.stringify(event)),
    };
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}
