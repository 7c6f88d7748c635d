import { createHmac, randomUUID } from 'node:crypto';
import { type CounterStore, openCounterStore, type WindowDemand } from '@loom/counter-store';
import { isLoomError, LoomError } from '@loom/errors';
import { addressNetwork } from '@loom/http-server';

const minuteMs = 60_000;

type Pace = readonly Pick<WindowDemand, 'name' | 'limit' | 'periodMs'>[];

/**
 * Failed tries by what they have in common. Two windows make the wait grow: nothing at first, then up to a minute, then
 * up to the longer period. None is longer than an hour, so that nobody can lock a person out for good.
 */
const paces = {
  /** A device that its owner has signed in with: nobody else's tries count here. */
  device: pace({ minute: [1, 5], quarter: [15, 10] }),
  /** One account, from one address: what one guesser gets. */
  guesser: pace({ minute: [1, 5], quarter: [15, 10] }),
  /** One account, from anywhere but its known devices. */
  account: pace({ minute: [1, 10], hour: [60, 60] }),
  /** One address, whichever accounts it tries. */
  address: pace({ minute: [1, 30] }),
} as const satisfies Record<string, Pace>;

type PaceName = keyof typeof paces;
type Counted = Partial<Readonly<Record<PaceName, string>>>;

/**
 * Counters of one pace. Every name is hashed with a secret to one of so many, so that no number of names that are made up
 * takes more memory or drives out the counter of another, and nobody can look for a name that shares one. Far more than
 * the tries that can fail in an hour.
 */
const countersPerPace = 16_384;
/** A try that is not over by then counts as failed. Milliseconds. */
const tryMsMax = 60_000;

export interface SignInLimiterDeps {
  /** Shared by all processes that take sign-ins. While it cannot be asked, each process counts by itself. */
  readonly counters: CounterStore;
  /** Of the hash of names. */
  readonly secret: string;
}

/**
 * Holds back whoever guesses passwords. A try is counted before the password is looked at, so that many at once do not
 * get past, and taken back when it was right. Known and unknown emails count alike. A try that is refused changes no counter.
 */
export class SignInLimiter {
  readonly #deps: SignInLimiterDeps;
  readonly #id = randomUUID();
  #own: Promise<CounterStore> | null = null;

  constructor(deps: SignInLimiterDeps) {
    this.#deps = deps;
  }

  /**
   * Counts a try. A known device (of this very account, as its cookie proves) has counters of its own; without one the
   * account and the address count. Throws `rate_limited` with the time to wait. The function given back takes it back.
   */
  take(of: {
    readonly email: string;
    readonly address: string;
    readonly deviceId: string | null;
  }): Promise<() => Promise<void>> {
    const { email, address, deviceId } = of;
    if (deviceId !== null) return this.#take({ device: deviceId });
    const [account, network] = [email.toLowerCase(), addressNetwork(address)];
    return this.#take({ guesser: `${account} ${network}`, account, address: network });
  }

  async #take(counted: Counted): Promise<() => Promise<void>> {
    const taken: (() => Promise<void>)[] = [];
    const takeBack = async () => {
      await Promise.all(taken.map((one) => one()));
    };
    for (const [name, key] of Object.entries(counted) as [PaceName, string][]) {
      const { waitMs, giveBack } = await this.#reserve(name, key);
      if (waitMs === null) {
        taken.push(giveBack);
        continue;
      }
      await takeBack();
      const message = 'too many failed sign-ins; wait, or sign in with a device that you have used before';
      throw new LoomError('rate_limited', message, { retryAfterMs: waitMs });
    }
    return takeBack;
  }

  /** `waitMs` is null when there was room. */
  async #reserve(name: PaceName, key: string) {
    const hash = createHmac('sha256', this.#deps.secret).update(`loom sign-in ${name} ${key}`).digest();
    const scope = `sign-in.${name}.${hash.readUInt32BE() % countersPerPace}`;
    const who = { scope, id: randomUUID(), owner: this.#id };
    const windows = paces[name].map((window) => ({ ...window, amount: 1, estimated: true }));
    const demand = { ...who, windows, slots: null, leaseMs: tryMsMax, settleMs: tryMsMax };
    const { granted, retryAfterMs } = await this.#ask((counters) => counters.reserve(demand));
    const nothing = { ...who, windows: windows.map((window) => ({ ...window, amount: 0 })) };
    return {
      waitMs: granted ? null : (retryAfterMs ?? minuteMs),
      giveBack: async () => {
        await this.#ask((counters) => counters.settle(nothing));
      },
    };
  }

  async #ask<Answer>(question: (counters: CounterStore) => Promise<Answer>): Promise<Answer> {
    try {
      return await question(this.#deps.counters);
    } catch (error) {
      if (!isLoomError(error) || error.code !== 'unavailable') throw error;
      this.#own ??= openCounterStore(new URL('memory:'));
      return question(await this.#own);
    }
  }
}

function pace(windows: Readonly<Record<string, readonly [minutes: number, limit: number]>>): Pace {
  return Object.entries(windows).map(([name, [minutes, limit]]) => ({
    ...{ name, limit },
    periodMs: minutes * minuteMs,
  }));
}
