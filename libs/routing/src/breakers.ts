export interface BreakerOptions {
  /** Failures in a row that open a breaker. */
  readonly failuresMax?: number;
  /** How long it stays open at first; doubled each time a probe fails, up to `openMsMax`. Milliseconds. */
  readonly openMs?: number;
  readonly openMsMax?: number;
}

interface Breaker {
  failures: number;
  openUntilMs: number;
  openMs: number;
  isProbing: boolean;
}

/** Targets that are remembered; the oldest is forgotten first. */
const breakersMax = 10_000;

/**
 * Remembers which targets fail. A target that failed several times in a row is left aside for a while; then one call at
 * a time may try it, and its end decides. A breaker orders targets and never refuses a call: where all are open, they
 * are tried all the same. Times are milliseconds of any monotonic clock.
 */
export class Breakers {
  readonly #failuresMax: number;
  readonly #openMs: number;
  readonly #openMsMax: number;
  readonly #breakers = new Map<string, Breaker>();

  constructor({ failuresMax = 5, openMs = 10_000, openMsMax = 120_000 }: BreakerOptions = {}) {
    this.#failuresMax = failuresMax;
    this.#openMs = openMs;
    this.#openMsMax = openMsMax;
  }

  /** Whether a call should rather go elsewhere. False for the one call that may probe a target whose time is over. */
  isOpen(target: string, nowMs: number): boolean {
    const breaker = this.#breakers.get(target);
    if (!breaker || breaker.openUntilMs === 0) return false;
    return nowMs < breaker.openUntilMs || breaker.isProbing;
  }

  /** A call goes to the target: the next ones do not probe it before this one has ended. */
  started(target: string): void {
    const breaker = this.#breakers.get(target);
    if (breaker && breaker.openUntilMs > 0) breaker.isProbing = true;
  }

  succeeded(target: string): void {
    this.#breakers.delete(target);
  }

  failed(target: string, nowMs: number): void {
    const known = this.#breakers.get(target);
    const breaker = known ?? { failures: 0, openUntilMs: 0, openMs: this.#openMs, isProbing: false };
    breaker.failures += 1;
    breaker.isProbing = false;
    if (breaker.failures >= this.#failuresMax) {
      if (breaker.openUntilMs > 0) breaker.openMs = Math.min(this.#openMsMax, breaker.openMs * 2);
      breaker.openUntilMs = nowMs + breaker.openMs;
    }
    if (known) return;
    const [oldest] = this.#breakers.keys();
    if (oldest !== undefined && this.#breakers.size >= breakersMax) this.#breakers.delete(oldest);
    this.#breakers.set(target, breaker);
  }

  /** A call that ended without telling anything of the target: the client left. */
  released(target: string): void {
    const breaker = this.#breakers.get(target);
    if (breaker) breaker.isProbing = false;
  }
}
