import { stepsPerPeriod } from '../../counter-store.ts';

/** One counter over the last `periodMs`: amounts by step of time. Steps expire whole. */
export class SlidingWindow {
  readonly #stepMs: number;
  readonly #amounts = new Map<number, number>();

  constructor(periodMs: number) {
    this.#stepMs = periodMs / stepsPerPeriod;
  }

  stepAt(nowMs: number): number {
    return Math.floor(nowMs / this.#stepMs);
  }

  used(nowMs: number): number {
    const oldest = this.stepAt(nowMs) - stepsPerPeriod;
    let used = 0;
    for (const [step, amount] of this.#amounts) {
      if (step < oldest) this.#amounts.delete(step);
      else used += amount;
    }
    return used;
  }

  add(step: number, amount: number): void {
    const sum = (this.#amounts.get(step) ?? 0) + amount;
    if (sum === 0) this.#amounts.delete(step);
    else this.#amounts.set(step, sum);
  }

  /** Until `amount` has come back, or all of it. Milliseconds. */
  msUntilFree(amount: number, nowMs: number): number {
    let freed = 0;
    for (const step of [...this.#amounts.keys()].sort((a, b) => a - b)) {
      freed += this.#amounts.get(step) ?? 0;
      if (freed >= amount) return this.#expiryOf(step) - nowMs;
    }
    return this.msUntilEmpty(nowMs);
  }

  msUntilEmpty(nowMs: number): number {
    if (this.#amounts.size === 0) return 0;
    return this.#expiryOf(Math.max(...this.#amounts.keys())) - nowMs;
  }

  #expiryOf(step: number): number {
    return Math.ceil((step + stepsPerPeriod + 1) * this.#stepMs);
  }
}
