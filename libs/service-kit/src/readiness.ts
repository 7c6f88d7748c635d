import { LoomError } from '@loom/errors';
import type { Logger } from '@loom/telemetry';
import { SharedLooks } from './shared-looks.ts';

/**
 * What a service cannot work without, by a name that a reader knows, such as `trace store`. A check that rejects means
 * "unavailable"; a text that it resolves with says for readers what is wrong, and holds no path and no engine's text.
 */
export type Needs = Readonly<Record<string, () => Promise<unknown>>>;

/** A check that has not ended by then has failed: an orchestrator waits a few seconds for the answer. Milliseconds. */
const needMsMax = 2000;

/**
 * Returns a function that resolves when every need is met within two seconds, and otherwise rejects with one sentence
 * about each that is not. It may be called as often as anybody likes: a need is checked at most once a second, and
 * one whose check still runs is not checked a second time.
 */
export function readiness(needs: Needs, logger: Logger): () => Promise<void> {
  const checks = Object.entries(needs).map(([name, check]) => new NeedCheck(name, check, logger));
  const looks = new SharedLooks<void>();
  return () =>
    looks.at('all', async () => {
      const faults = (await Promise.all(checks.map((check) => check.fault()))).filter(
        (fault) => fault !== null,
      );
      if (faults.length > 0) throw new LoomError('unavailable', faults.join('; '));
    });
}

class NeedCheck {
  readonly #name: string;
  readonly #check: () => Promise<unknown>;
  readonly #logger: Logger;
  #running: Promise<string | null> | null = null;
  #wasMet = true;

  constructor(name: string, check: () => Promise<unknown>, logger: Logger) {
    this.#name = name;
    this.#check = check;
    this.#logger = logger;
  }

  async fault(): Promise<string | null> {
    this.#running ??= this.#run().finally(() => (this.#running = null));
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(() => resolve(`the ${this.#name} timed out`), needMsMax);
    });
    const fault = await Promise.race([this.#running, late]);
    clearTimeout(timer);
    return fault;
  }

  async #run(): Promise<string | null> {
    try {
      const found = await this.#check();
      this.#wasMet = true;
      return typeof found === 'string' ? found : null;
    } catch (error) {
      // Once for each outage: the question is asked every few seconds.
      if (this.#wasMet) this.#logger.warn({ need: this.#name, error }, 'need not met');
      this.#wasMet = false;
      return `the ${this.#name} is unavailable`;
    }
  }
}
