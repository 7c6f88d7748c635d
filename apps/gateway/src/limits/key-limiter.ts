import {
  amountMax,
  type CounterStore,
  type Grant,
  renewalsMax,
  type WindowDemand,
} from '@loom/counter-store';
import { isLoomError, type LoomError, messageOf } from '@loom/errors';
import type { Logger, Metrics } from '@loom/telemetry';
import type { KeyLimits } from '@loom/trace-schema';
import { type Call, known } from '../call.ts';
import { estimateTokens, usedTokens } from './call-tokens.ts';
import { LimitMetrics } from './limit-metrics.ts';
import { closedRefusal, limitRefusal } from './limit-refusal.ts';

export interface KeyLimiterOptions {
  readonly store: CounterStore;
  /** Holds the slots of running calls: the emitter of this gateway. */
  readonly owner: string;
  /** What becomes of a call when the store cannot be asked: it goes on and is flagged, or it is refused. */
  readonly whenDown: 'open' | 'closed';
  /** No call takes longer. Milliseconds. */
  readonly callMsMax: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

const minuteMs = 60_000;
/** The slots of a gateway that died are free after this. Milliseconds. */
const leaseMs = 6_000;
const renewMs = 2_000;

/** Holds keys to their limits. A key without limits does not come here. */
export class KeyLimiter {
  readonly #options: KeyLimiterOptions;
  readonly #metrics: LimitMetrics;
  /** Calls that hold a slot, by key. */
  readonly #holding = new Map<string, Set<string>>();
  readonly #settling = new Set<Promise<void>>();
  readonly #renewer: NodeJS.Timeout;
  #isDown = false;

  constructor(options: KeyLimiterOptions) {
    this.#options = options;
    this.#metrics = new LimitMetrics(options.metrics);
    this.#renewer = setInterval(() => this.#renew(), renewMs);
  }

  /**
   * Takes what the call needs, and leaves on it what its limits are then. Throws `rate_limited` when one has no room;
   * `unavailable` when the store cannot be asked and calls are not to go on without it.
   */
  async admit(call: Call, limits: KeyLimits): Promise<void> {
    const { store, owner, whenDown, callMsMax } = this.#options;
    const key = known(call.key, 'key');
    const windows = windowsOf(call, limits);
    let grant: Grant;
    try {
      grant = await store.reserve({
        ...{ scope: key.id, id: call.id, owner, windows, slots: limits.concurrentCalls },
        ...{ leaseMs, settleMs: callMsMax + minuteMs },
      });
      this.#tellDown(null);
    } catch (error) {
      if (!isLoomError(error) || error.code !== 'unavailable') throw error;
      this.#tellDown(error);
      call.limits = { windows: [], isUnchecked: true };
      this.#metrics.unchecked(whenDown);
      if (whenDown === 'closed') throw closedRefusal(error);
      return;
    }
    call.limits = { windows: grant.windows, isUnchecked: false };
    if (!grant.granted) {
      this.#metrics.refused(grant.refusedBy ?? '');
      throw limitRefusal(grant, { windows, slots: limits.concurrentCalls });
    }
    if (limits.concurrentCalls !== null) this.#hold(key.id, call.id);
  }

  /** The call is over, however it ended: gives its slot back and counts what it used. Nobody waits for it. */
  settle(call: Call, limits: KeyLimits): void {
    const { store, owner } = this.#options;
    const key = known(call.key, 'key');
    this.#letGo(key.id, call.id);
    if (limits.tokensPerMinute === null && limits.concurrentCalls === null) return;
    const amount = Math.min(usedTokens(call), amountMax);
    const tokens = [{ name: 'tokens', periodMs: minuteMs, amount }];
    const settled = store
      .settle({
        ...{ scope: key.id, id: call.id, owner },
        windows: limits.tokensPerMinute === null ? [] : tokens,
      })
      .then(() => undefined)
      .catch(() => this.#metrics.failed('settle')) // the estimate and the slot fall back by themselves
      .finally(() => this.#settling.delete(settled));
    this.#settling.add(settled);
  }

  /** Waits for what ended calls have to give back, then closes the store. */
  async close(): Promise<void> {
    clearInterval(this.#renewer);
    await Promise.all(this.#settling);
    await this.#options.store.close();
  }

  #hold(keyId: string, callId: string): void {
    const calls = this.#holding.get(keyId) ?? new Set();
    this.#holding.set(keyId, calls.add(callId));
  }

  #letGo(keyId: string, callId: string): void {
    const calls = this.#holding.get(keyId);
    calls?.delete(callId);
    if (calls?.size === 0) this.#holding.delete(keyId);
  }

  #renew(): void {
    const { store, owner } = this.#options;
    for (const [scope, calls] of this.#holding) {
      const ids = [...calls];
      for (let at = 0; at < ids.length; at += renewalsMax) {
        const renewal = { scope, owner, ids: ids.slice(at, at + renewalsMax), leaseMs };
        store.renew(renewal).catch(() => this.#metrics.failed('renew'));
      }
    }
  }

  // Once when it goes down and once when it is back, not for every call.
  #tellDown(error: LoomError | null): void {
    if ((error !== null) === this.#isDown) return;
    this.#isDown = error !== null;
    const { logger, whenDown } = this.#options;
    if (error) logger.warn({ reason: messageOf(error), policy: whenDown }, 'counter store down');
    else logger.info({}, 'counter store back');
  }
}

function windowsOf(call: Call, { requestsPerMinute, tokensPerMinute }: KeyLimits): WindowDemand[] {
  const windows: WindowDemand[] = [];
  const add = (name: string, limit: number, amount: number, estimated: boolean) =>
    windows.push({ name, limit, periodMs: minuteMs, amount, estimated });
  if (requestsPerMinute !== null) add('requests', requestsPerMinute, 1, false);
  if (tokensPerMinute !== null) {
    const amount = Math.min(
      estimateTokens(known(call.modelRequest, 'modelRequest'), call.operation),
      amountMax,
    );
    add('tokens', tokensPerMinute, amount, true);
  }
  return windows;
}
