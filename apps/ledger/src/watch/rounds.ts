import { messageOf } from '@loom/errors';
import type { Logger } from '@loom/telemetry';

/** Work that comes again: one at a time, after a pause, or sooner when asked. What fails is logged and tried again. */
export class Rounds {
  readonly #name: string;
  readonly #everyMs: number;
  readonly #logger: Logger;
  readonly #work: () => Promise<void>;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #stopped = true;
  #isWanted = false;

  constructor(name: string, everyMs: number, logger: Logger, work: () => Promise<void>) {
    this.#name = name;
    this.#everyMs = everyMs;
    this.#logger = logger;
    this.#work = work;
  }

  start(): void {
    this.#stopped = false;
    this.#schedule(this.#everyMs);
  }

  /** Does the next round at once, or as soon as the one under way is over. */
  soon(): void {
    this.#isWanted = true;
    if (!this.#stopped && !this.#running) this.#schedule(0);
  }

  /** Resolves when the round under way is over. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(afterMs: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#isWanted = false;
      this.#running = this.#work()
        .catch((error: unknown) =>
          this.#logger.warn({ error: messageOf(error) }, `${this.#name} failed and comes again`),
        )
        .finally(() => {
          this.#running = null;
          if (!this.#stopped) this.#schedule(this.#isWanted ? 0 : this.#everyMs);
        });
    }, afterMs);
  }
}
