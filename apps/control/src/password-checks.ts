import { LoomError } from '@loom/errors';

const runningMax = 4;
const waitingMax = 64;

/** A password takes a hash that is slow by intent: a few are looked at together, some wait, the next are turned away. */
export class PasswordChecks {
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Runs `check` when its turn comes, in the order of the calls; `overloaded` when too many wait. */
  async inTurn<Result>(check: () => Promise<Result> | Result): Promise<Result> {
    await this.#turn();
    try {
      return await check();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  async #turn(): Promise<void> {
    if (this.#running < runningMax) {
      this.#running += 1;
      return;
    }
    if (this.#waiting.length >= waitingMax) {
      throw new LoomError('overloaded', 'too many people are signing in; try again in a moment', {
        retryAfterMs: 2000,
      });
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
