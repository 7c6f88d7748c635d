import { setTimeout as delay } from 'node:timers/promises';
import { type CounterStore, openCounterStore } from '@loom/counter-store';
import { isLoomError, LoomError } from '@loom/errors';
import type { Logger } from '@loom/telemetry';

export interface OpenCountersOptions {
  readonly url: URL;
  /** `open`: a store that is away at the start is opened later, and is down until then. `closed`: the start ends. */
  readonly whenDown: 'open' | 'closed';
  readonly logger: Logger;
}

const retryMs = 2_000;

/** Opens the counter store. A wrong URL, user or right ends the start under either policy. */
export async function openCounters({ url, whenDown, logger }: OpenCountersOptions): Promise<CounterStore> {
  try {
    return await openCounterStore(url);
  } catch (error) {
    if (whenDown !== 'open' || !isLoomError(error) || error.code !== 'unavailable') throw error;
    logger.error({ error }, 'counter store not reached; it is looked for until it is there');
    return new LateCounterStore(url, logger);
  }
}

/** A counter store that is looked for until it is there; every question before is `unavailable`. */
class LateCounterStore implements CounterStore {
  readonly #stop = new AbortController();
  readonly #opening: Promise<void>;
  #store: CounterStore | null = null;

  constructor(url: URL, logger: Logger) {
    this.#opening = this.#keepOpening(url, logger);
  }

  reserve(...demand: Parameters<CounterStore['reserve']>) {
    return this.#opened((store) => store.reserve(...demand));
  }

  settle(...settlement: Parameters<CounterStore['settle']>) {
    return this.#opened((store) => store.settle(...settlement));
  }

  renew(...renewal: Parameters<CounterStore['renew']>) {
    return this.#opened((store) => store.renew(...renewal));
  }

  put(...entry: Parameters<CounterStore['put']>) {
    return this.#opened((store) => store.put(...entry));
  }

  get(...key: Parameters<CounterStore['get']>) {
    return this.#opened((store) => store.get(...key));
  }

  ping() {
    return this.#opened((store) => store.ping());
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#opening;
    await this.#store?.close();
  }

  async #opened<Answer>(ask: (store: CounterStore) => Promise<Answer>): Promise<Answer> {
    if (this.#store) return ask(this.#store);
    throw new LoomError('unavailable', 'the counter store was not reached yet', { retryAfterMs: retryMs });
  }

  async #keepOpening(url: URL, logger: Logger): Promise<void> {
    const { signal } = this.#stop;
    while (!this.#store && !signal.aborted) {
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        this.#store = await openCounterStore(url);
        logger.info('counter store reached');
      } catch (error) {
        logger.warn({ error }, 'counter store not reached');
      }
    }
  }
}
