/**
 * The counter store port: how much of a limit is used, shared by every process that opens the same store. The store's
 * own clock decides, never the caller's. Counters are no record: a store that was emptied begins at nothing used.
 *
 * Windows slide: in any stretch of `periodMs` at most `limit` is taken, also across what a fixed window would call its
 * boundary, and with nothing on top (a bucket that refills lets up to twice its size through in the first period). The
 * price is that a burst frees its room as late as it came. Time is cut into {@link stepsPerPeriod} steps and whole
 * steps expire, so room comes back at most one step late, never early.
 *
 * Errors: `invalid_request` names the field at fault; `unavailable` when the store did not answer in time or cannot be
 * reached, after at most {@link waitMsDefault} milliseconds. What became of the request is then unknown: it may still be
 * carried out, and falls back by its deadline.
 */
export interface CounterStore {
  /**
   * Takes from every window and from the slots in one atomic step: everything or, when one of them has no room, nothing
   * at all. Room that was taken by estimate stays taken until its window has passed, or {@link settle} puts it right.
   */
  reserve(demand: Demand): Promise<Grant>;
  /**
   * Ends what was reserved under an id: gives its slot back, and replaces estimates by actual amounts (what is too much
   * goes back to where it was taken; what is missing is taken now, beyond the limit if need be). The first call counts;
   * later ones, and those of an unknown or expired reservation, change nothing. True when this was the first.
   */
  settle(settlement: Settlement): Promise<boolean>;
  /** Keeps slots for another `leaseMs`. One that has expired meanwhile is taken again, beyond the limit if need be. */
  renew(renewal: Renewal): Promise<void>;
  /**
   * Keeps a value for a time, in place of the one before. With `ifAbsent` only when there is none: false then. A store
   * that is short of memory may forget a value before its time.
   */
  put(key: string, value: Buffer, options: PutOptions): Promise<boolean>;
  /** The value that is kept under a key; null when there is none. */
  get(key: string): Promise<Buffer | null>;
  /** Resolves when the store answers, rejects with `unavailable`. */
  ping(): Promise<void>;
  /** Open requests are rejected; nothing is given back. */
  close(): Promise<void>;
}

export interface PutOptions {
  /** From 1 to {@link ttlMsMax}. Milliseconds. */
  readonly ttlMs: number;
  readonly ifAbsent?: boolean;
}

/** A limit on the sum of amounts in any stretch of `periodMs`. */
export interface WindowDemand {
  /** Of the counter within its scope: `requests`. The period of one name is always the same; its limit may change. */
  readonly name: string;
  /** From 1 to {@link amountMax}. */
  readonly limit: number;
  /** From {@link stepsPerPeriod} to a day. Milliseconds. */
  readonly periodMs: number;
  /** From 0 to {@link amountMax}. */
  readonly amount: number;
  /** True when {@link CounterStore.settle} tells the actual amount later. */
  readonly estimated: boolean;
}

export interface Demand {
  /** What the limits belong to, such as an API key. Everything of one scope is in one place and one atomic step. */
  readonly scope: string;
  /** Of the call; unique within the scope. */
  readonly id: string;
  /** Who renews: another process takes over none of it. */
  readonly owner: string;
  /** At most {@link windowsMax}, each with another name. */
  readonly windows: readonly WindowDemand[];
  /** At most this many at once; null: not limited. From 1 to {@link amountMax}. */
  readonly slots: number | null;
  /** A slot that is neither renewed nor given back is free after this. Milliseconds. */
  readonly leaseMs: number;
  /** A settlement that comes later than this changes nothing. Milliseconds. */
  readonly settleMs: number;
}

export interface Grant {
  readonly granted: boolean;
  /** Name of the window that has no room (of several, the one that takes longest), or `slots`; null when granted. */
  readonly refusedBy: string | null;
  /** When there may be room, if others take none; null when granted, when nobody can tell (slots), and for an amount above the limit. */
  readonly retryAfterMs: number | null;
  /** As they stand after this, in the order of the demand. */
  readonly windows: readonly WindowState[];
}

export interface WindowState {
  readonly name: string;
  readonly limit: number;
  /** Never negative. */
  readonly remaining: number;
  /** Until nothing is used any more. Milliseconds. */
  readonly resetMs: number;
}

export interface Settlement {
  readonly scope: string;
  readonly id: string;
  readonly owner: string;
  /** Of each estimated window; those not named keep their estimate. */
  readonly windows: readonly Pick<WindowDemand, 'name' | 'periodMs' | 'amount'>[];
}

export interface Renewal {
  readonly scope: string;
  readonly owner: string;
  /** At most {@link renewalsMax}. */
  readonly ids: readonly string[];
  readonly leaseMs: number;
}

/** How finely the past of a window is known. */
export const stepsPerPeriod = 60;
/** Largest limit and amount. */
export const amountMax = 1_000_000_000_000;
export const windowsMax = 8;
export const ttlMsMax = 400 * 86_400_000;
/** Of a value and of its key. Bytes. */
export const valueBytesMax = 16 * 1024 * 1024;
export const keyBytesMax = 1024;
export const renewalsMax = 10_000;
/** No request takes longer, whatever the store does, unless its URL says otherwise. Milliseconds. */
export const waitMsDefault = 50;
