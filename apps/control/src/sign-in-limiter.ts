import { LoomError } from '@loom/errors';

const windowMs = 15 * 60_000;
const keysMax = 20_000;

/** Tries of one kind in a quarter of an hour. */
const limits = { emailAndAddress: 10, email: 100, address: 200 } as const;

interface Tries {
  count: number;
  readonly endsAtMs: number;
}

/**
 * Holds back whoever guesses passwords: a try is counted before the password is looked at, so that many at once do not
 * get past, and taken back when it was right. Known and unknown addresses count alike.
 */
export class SignInLimiter {
  readonly #now: () => number;
  readonly #tries = new Map<string, Tries>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Counts a try; throws `rate_limited` when there were too many. The function given back takes it back. */
  take(email: string, address: string): () => void {
    const lower = email.toLowerCase();
    const keys = [
      [`both ${lower} ${address}`, limits.emailAndAddress],
      [`email ${lower}`, limits.email],
      [`address ${address}`, limits.address],
    ] as const;
    const counted = keys.map(([key, max]) => ({ tries: this.#of(key), max }));
    const full = counted.filter(({ tries, max }) => tries.count >= max);
    if (full.length > 0) {
      const retryAfterMs = Math.max(...full.map(({ tries }) => tries.endsAtMs - this.#now()));
      throw new LoomError('rate_limited', 'too many failed sign-ins; try again later', { retryAfterMs });
    }
    for (const { tries } of counted) tries.count += 1;
    return () => {
      for (const { tries } of counted) tries.count -= 1;
    };
  }

  #of(key: string): Tries {
    const known = this.#tries.get(key);
    if (known && known.endsAtMs > this.#now()) return known;
    this.#tries.delete(key);
    const [oldest] = this.#tries.keys();
    if (this.#tries.size >= keysMax && oldest !== undefined) this.#tries.delete(oldest);
    const fresh = { count: 0, endsAtMs: this.#now() + windowMs };
    this.#tries.set(key, fresh);
    return fresh;
  }
}
