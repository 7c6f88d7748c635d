import type { Breakers } from './breakers.ts';
import type { Route, Target } from './resolve-model.ts';

/** Why an attempt did not give the call its answer. */
export type FailureKind =
  /** The provider could not be reached, or the connection broke before its answer. */
  | 'connection'
  | 'timeout'
  /** 429. */
  | 'rate_limited'
  /** 503, 529: told to come back. */
  | 'overloaded'
  /** Other 5xx. */
  | 'server_error'
  /** 200, and then no answer of its API. */
  | 'malformed'
  /** 401, 403: the provider does not take Loom's credential. */
  | 'credential'
  /** The provider does not have the model. */
  | 'model_not_found'
  | 'context_window'
  | 'content_policy'
  /** Every other 4xx: it is the request's own fault, and would be elsewhere too. */
  | 'request';

export interface AttemptFailure {
  readonly kind: FailureKind;
  /** What the provider asked to wait. Milliseconds. */
  readonly retryAfterMs?: number | undefined;
}

/** Why this target was chosen. */
export type AttemptReason = 'only' | 'balanced' | 'breaker' | 'retry' | 'next_key' | 'fallback';

export interface PlannedAttempt {
  readonly target: Target;
  readonly reason: AttemptReason;
  /** Which of the provider's keys. */
  readonly keyIndex: number;
  /** Before it may begin. Milliseconds. */
  readonly waitMs: number;
}

interface AttemptPlanOptions {
  readonly breakers: Breakers;
  /** How many keys a provider has; at least 1. */
  readonly keysOf: (target: Target) => number;
  /** Which of the provider's keys is used first. */
  readonly firstKeyOf: (target: Target) => number;
  readonly nowMs: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
  /** The caller wants the first target or none. */
  readonly withoutFallbacks?: boolean;
}

/** A provider that asks for a longer wait is not waited for. Milliseconds. */
const waitMsMax = 10_000;
const backoffMs = 250;
/** Attempts of one call, whatever its route says. */
const attemptsMax = 12;

const elsewhere: ReadonlySet<FailureKind> = new Set([
  'credential',
  'model_not_found',
  'context_window',
  'content_policy',
]);
const repeatable: ReadonlySet<FailureKind> = new Set([
  'connection',
  'rate_limited',
  'overloaded',
  'server_error',
  'malformed',
]);

/**
 * Which targets one call tries, in which order. Pure but for its clock and its dice. Rules: another key of the same
 * provider before anything else where a key is at fault; then the same target again where that may help; then the next
 * fallback. Only failures before the first byte was handed out come here.
 */
export class AttemptPlan {
  readonly #route: Route;
  readonly #options: AttemptPlanOptions;
  readonly #untried: Target[];
  #current: PlannedAttempt | null = null;
  #keysTried = 1;
  #retries = 0;
  #attempts = 0;

  constructor(route: Route, options: AttemptPlanOptions) {
    this.#route = route;
    this.#options = options;
    this.#untried = options.withoutFallbacks ? [] : [...route.fallbacks];
  }

  /** The first attempt. */
  first(): PlannedAttempt {
    const { targets } = this.#route;
    const closed = targets.filter((target) => !this.#isOpen(target));
    const chosen = pick(closed.length > 0 ? closed : targets, this.#options.random());
    const reason = targets.length === 1 ? 'only' : closed.length < targets.length ? 'breaker' : 'balanced';
    if (closed.length === 0) {
      const open = this.#untried.findIndex((target) => !this.#isOpen(target));
      const [fallback] = open < 0 ? [] : this.#untried.splice(0, open + 1).slice(-1);
      if (fallback) return this.#go(fallback, 'breaker');
    }
    return this.#go(chosen, reason);
  }

  /** What to try after this failure; null when the failure is the call's end. */
  next(failure: AttemptFailure): PlannedAttempt | null {
    const current = this.#current;
    if (!current || failure.kind === 'request' || this.#attempts >= attemptsMax) return null;
    const next = this.#nextKey(current, failure) ?? this.#again(current, failure) ?? this.#fallBack(failure);
    if (!next) this.#current = null; // the end is the end
    return next;
  }

  /** Whether some failure of the current attempt would lead to another one. */
  get mayGoOn(): boolean {
    if (!this.#current || this.#attempts >= attemptsMax) return false;
    return (
      this.#keysTried < this.#options.keysOf(this.#current.target) ||
      this.#retries < this.#route.retries ||
      (this.#untried.length > 0 && this.#route.fallbackOn.length > 0)
    );
  }

  #nextKey({ target, keyIndex }: PlannedAttempt, { kind }: AttemptFailure): PlannedAttempt | null {
    if (kind !== 'credential' && kind !== 'rate_limited') return null;
    const keys = this.#options.keysOf(target);
    if (this.#keysTried >= keys) return null;
    this.#keysTried += 1;
    return this.#record({ target, reason: 'next_key', keyIndex: (keyIndex + 1) % keys, waitMs: 0 });
  }

  #again({ target, keyIndex }: PlannedAttempt, failure: AttemptFailure): PlannedAttempt | null {
    if (!repeatable.has(failure.kind) || this.#retries >= this.#route.retries) return null;
    // A limit is over elsewhere at once, and here only after a wait.
    if (failure.kind === 'rate_limited' && this.#untried.length > 0) return null;
    const backoff = backoffMs * 2 ** this.#retries * (0.5 + this.#options.random() / 2);
    const waitMs = Math.max(failure.retryAfterMs ?? 0, backoff);
    if (waitMs > waitMsMax) return null;
    this.#retries += 1;
    return this.#record({ target, reason: 'retry', keyIndex, waitMs });
  }

  #fallBack({ kind }: AttemptFailure): PlannedAttempt | null {
    const on = this.#route.fallbackOn;
    if (!elsewhere.has(kind) && !repeatable.has(kind) && kind !== 'timeout') return null;
    if ((kind === 'context_window' || kind === 'content_policy') && !on.includes(kind)) return null;
    if (kind !== 'context_window' && kind !== 'content_policy' && !on.includes('error')) return null;
    const open = this.#untried.findIndex((target) => !this.#isOpen(target));
    const [target] = this.#untried.splice(0, open < 0 ? 1 : open + 1).slice(-1);
    if (!target) return null;
    this.#retries = 0;
    this.#keysTried = 1;
    return this.#go(target, 'fallback');
  }

  #isOpen(target: Target): boolean {
    return this.#options.breakers.isOpen(targetKey(target), this.#options.nowMs());
  }

  #go(target: Target, reason: AttemptReason): PlannedAttempt {
    return this.#record({ target, reason, keyIndex: this.#options.firstKeyOf(target), waitMs: 0 });
  }

  #record(attempt: PlannedAttempt): PlannedAttempt {
    this.#attempts += 1;
    this.#current = attempt;
    return attempt;
  }
}

/** A target's name among breakers. */
export function targetKey({ provider, model }: Target): string {
  return `${provider.id}\0${model}`;
}

function pick<Weighted extends { readonly weight: number }>(
  targets: readonly Weighted[],
  random: number,
): Weighted {
  const total = targets.reduce((sum, { weight }) => sum + weight, 0);
  let left = random * total;
  for (const target of targets) {
    left -= target.weight;
    if (left < 0) return target;
  }
  const last = targets.at(-1);
  if (!last) throw new Error('a route has at least one target');
  return last;
}
