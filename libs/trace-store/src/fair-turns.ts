import { LoomError } from '@loom/errors';

export interface FairTurnsLimits {
  /** Pieces of work that run at one time. */
  readonly runningMax: number;
  /** Of one owner; less than `runningMax`, so that another owner's work never waits for this owner's alone. */
  readonly runningOfOwnerMax: number;
  /** Pieces of work of one owner that wait; one more is refused. */
  readonly waitingOfOwnerMax: number;
}

interface Waiting {
  readonly start: () => void;
}

const retryAfterMs = 2000;

/**
 * Gives turns to work of several owners. An owner's work waits in order of arrival; a free turn goes to
 * the owner with the least running work. So an owner with a thousand pieces of work delays another owner's one piece by at most one turn.
 */
export class FairTurns {
  readonly #limits: FairTurnsLimits;
  /** Work that waits, by owner. The owner at the front is next. */
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #runningOf = new Map<string, number>();
  #running = 0;

  constructor(limits: FairTurnsLimits) {
    this.#limits = limits;
  }

  /**
   * Runs `work` when it is its turn. Rejects with `rate_limited` (with `retryAfterMs`) when too much of its owner waits
   * already, and with the signal's reason when that aborts before its turn.
   */
  async pass<Result>(owner: string, signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
    await this.#enter(owner, signal);
    try {
      return await work();
    } finally {
      this.#leave(owner);
    }
  }

  async #enter(owner: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#mayRun(owner) && !this.#waiting.has(owner)) {
      this.#begin(owner);
      return;
    }
    const queue = this.#waiting.get(owner) ?? [];
    if (queue.length >= this.#limits.waitingOfOwnerMax) {
      throw new LoomError(
        'rate_limited',
        `this organization has ${this.#countOf(owner)} such reads running and ${queue.length} waiting; try again later`,
        {
          retryAfterMs,
        },
      );
    }
    await new Promise<void>((resolve, reject) => {
      const waiting = {
        start: () => {
          signal.removeEventListener('abort', leave);
          this.#begin(owner);
          resolve();
        },
      };
      const leave = () => {
        this.#forget(owner, waiting);
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', leave, { once: true });
      queue.push(waiting);
      this.#waiting.set(owner, queue);
    });
  }

  #mayRun(owner: string): boolean {
    const { runningMax, runningOfOwnerMax } = this.#limits;
    return this.#running < runningMax && this.#countOf(owner) < runningOfOwnerMax;
  }

  #begin(owner: string): void {
    this.#running += 1;
    this.#runningOf.set(owner, this.#countOf(owner) + 1);
  }

  #leave(owner: string): void {
    this.#running -= 1;
    const left = this.#countOf(owner) - 1;
    if (left === 0) this.#runningOf.delete(owner);
    else this.#runningOf.set(owner, left);
    const next = this.#next();
    if (next === null) return;
    const queue = this.#waiting.get(next) ?? [];
    const first = queue.shift();
    this.#waiting.delete(next); // to the end of the rotation
    if (queue.length > 0) this.#waiting.set(next, queue);
    first?.start();
  }

  /** The owner whose turn it is: of those with the least running work the one that waits longest. */
  #next(): string | null {
    let next: string | null = null;
    for (const owner of this.#waiting.keys()) {
      if (!this.#mayRun(owner)) continue;
      if (next === null || this.#countOf(owner) < this.#countOf(next)) next = owner;
    }
    return next;
  }

  #countOf(owner: string): number {
    return this.#runningOf.get(owner) ?? 0;
  }

  #forget(owner: string, waiting: Waiting): void {
    const queue = (this.#waiting.get(owner) ?? []).filter((one) => one !== waiting);
    if (queue.length > 0) this.#waiting.set(owner, queue);
    else this.#waiting.delete(owner);
  }
}
