import { LoomError } from '@loom/errors';
import { checkDemand, checkKey, checkPut, checkRenewal, checkSettlement } from '../../check-demand.ts';
import type {
  CounterStore,
  Demand,
  Grant,
  PutOptions,
  Renewal,
  Settlement,
  WindowDemand,
} from '../../counter-store.ts';
import { MemoryValues } from './memory-values.ts';
import { SlidingWindow } from './sliding-window.ts';

interface Scope {
  readonly windows: Map<string, SlidingWindow>;
  /** When each slot is free again, by holder. */
  readonly leases: Map<string, number>;
  readonly reservations: Map<string, Reservation>;
  /** When nothing of it matters any more. */
  expiresAt: number;
}

interface Reservation {
  readonly expiresAt: number;
  readonly taken: ReadonlyMap<string, { readonly step: number; readonly amount: number }>;
}

const sweepMs = 10_000;

/** The counters of one process: nothing is shared, nothing survives. Its clock is monotonic. */
export function openMemoryCounterStore(url: URL): Promise<CounterStore> {
  if (url.href !== 'memory:') {
    const text = `counter store: ${url.protocol} takes nothing after the colon; write memory:`;
    return Promise.reject(new LoomError('config_invalid', text));
  }
  return Promise.resolve(new MemoryCounterStore());
}

class MemoryCounterStore implements CounterStore {
  readonly #scopes = new Map<string, Scope>();
  readonly #values = new MemoryValues();
  readonly #sweeper: NodeJS.Timeout;
  #closed = false;

  constructor() {
    this.#sweeper = setInterval(() => this.#sweep(), sweepMs);
    this.#sweeper.unref();
  }

  async reserve(demand: Demand): Promise<Grant> {
    await this.ping();
    checkDemand(demand);
    const now = nowMs();
    const scope = this.#scope(demand.scope);
    const full = demand.windows
      .map((window) => ({ name: window.name, waitMs: waitOf(window, windowOf(scope, window), now) }))
      .filter(({ waitMs }) => waitMs !== 0);
    const slotsFull = demand.slots !== null && liveLeases(scope, now) >= demand.slots;
    if (full.length === 0 && !slotsFull) this.#take(demand, scope, now);
    const [worst] = full.sort((a, b) => (b.waitMs ?? Infinity) - (a.waitMs ?? Infinity));
    return {
      granted: full.length === 0 && !slotsFull,
      refusedBy: worst?.name ?? (slotsFull ? 'slots' : null),
      retryAfterMs: worst?.waitMs ?? null,
      windows: demand.windows.map((window) => {
        const counter = windowOf(scope, window);
        const remaining = Math.max(0, window.limit - counter.used(now));
        return { name: window.name, limit: window.limit, remaining, resetMs: counter.msUntilEmpty(now) };
      }),
    };
  }

  async settle({ scope: name, id, owner, windows }: Settlement): Promise<boolean> {
    await this.ping();
    checkSettlement({ scope: name, id, owner, windows });
    const now = nowMs();
    const scope = this.#scopes.get(name);
    if (!scope) return false;
    const holder = `${owner}/${id}`;
    const held = scope.leases.delete(holder);
    const reservation = scope.reservations.get(holder);
    scope.reservations.delete(holder);
    if (!reservation || reservation.expiresAt <= now) return held;
    for (const window of windows) {
      const taken = reservation.taken.get(window.name);
      if (!taken) continue;
      const counter = windowOf(scope, window);
      const more = window.amount - taken.amount;
      if (more > 0) counter.add(counter.stepAt(now), more);
      else counter.add(taken.step, more); // forgotten at once when that step has passed
      keepUntil(scope, now + 2 * window.periodMs);
    }
    return true;
  }

  async renew({ scope: name, owner, ids, leaseMs }: Renewal): Promise<void> {
    await this.ping();
    checkRenewal({ scope: name, owner, ids, leaseMs });
    const expiresAt = nowMs() + leaseMs;
    const scope = this.#scope(name);
    for (const id of ids) scope.leases.set(`${owner}/${id}`, expiresAt);
    keepUntil(scope, expiresAt);
  }

  async put(key: string, value: Buffer, options: PutOptions): Promise<boolean> {
    await this.ping();
    checkPut(key, value, options);
    const now = nowMs();
    if (options.ifAbsent && this.#values.get(key, now)) return false;
    this.#values.put(key, { value: Buffer.from(value), expiresAt: now + options.ttlMs });
    return true;
  }

  async get(key: string): Promise<Buffer | null> {
    await this.ping();
    checkKey(key);
    return this.#values.get(key, nowMs());
  }

  ping(): Promise<void> {
    if (!this.#closed) return Promise.resolve();
    return Promise.reject(new LoomError('unavailable', 'counter store memory: is closed'));
  }

  close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweeper);
    this.#scopes.clear();
    this.#values.clear();
    return Promise.resolve();
  }

  #take(demand: Demand, scope: Scope, now: number): void {
    const taken = new Map<string, { step: number; amount: number }>();
    for (const window of demand.windows) {
      const { name, amount, periodMs } = window;
      const counter = windowOf(scope, window);
      const step = counter.stepAt(now);
      counter.add(step, amount);
      if (window.estimated) taken.set(name, { step, amount });
      keepUntil(scope, now + 2 * periodMs);
    }
    const holder = `${demand.owner}/${demand.id}`;
    if (taken.size > 0) {
      scope.reservations.set(holder, { expiresAt: now + demand.settleMs, taken });
      keepUntil(scope, now + demand.settleMs);
    }
    if (demand.slots === null) return;
    scope.leases.set(holder, now + demand.leaseMs);
    keepUntil(scope, now + demand.leaseMs);
  }

  #scope(name: string): Scope {
    const known = this.#scopes.get(name);
    if (known) return known;
    const scope = { windows: new Map(), leases: new Map(), reservations: new Map(), expiresAt: 0 };
    this.#scopes.set(name, scope);
    return scope;
  }

  #sweep(): void {
    const now = nowMs();
    for (const [name, scope] of this.#scopes) {
      if (scope.expiresAt <= now) this.#scopes.delete(name);
      for (const [holder, { expiresAt }] of scope.reservations)
        if (expiresAt <= now) scope.reservations.delete(holder);
    }
  }
}

const nowMs = () => Math.floor(performance.now());

/** 0 when there is room, null when there never will be. Milliseconds. */
function waitOf({ limit, amount }: WindowDemand, counter: SlidingWindow, now: number): number | null {
  if (amount > limit) return null;
  const missing = counter.used(now) + amount - limit;
  return missing <= 0 ? 0 : counter.msUntilFree(missing, now);
}

function windowOf(scope: Scope, { name, periodMs }: { name: string; periodMs: number }): SlidingWindow {
  const known = scope.windows.get(name);
  if (known) return known;
  const made = new SlidingWindow(periodMs);
  scope.windows.set(name, made);
  return made;
}

function liveLeases(scope: Scope, now: number): number {
  for (const [holder, expiresAt] of scope.leases) if (expiresAt <= now) scope.leases.delete(holder);
  return scope.leases.size;
}

function keepUntil(scope: Scope, atMs: number): void {
  scope.expiresAt = Math.max(scope.expiresAt, atMs);
}
