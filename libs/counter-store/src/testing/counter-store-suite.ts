import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { CounterStore, Demand, Grant, WindowDemand } from '../counter-store.ts';

export interface CounterStoreSuite {
  readonly open: () => Promise<CounterStore>;
  /** False for a store that one process has to itself. */
  readonly isShared: boolean;
}

/** What every driver of the counter store does. Each case has scopes of its own. */
export function counterStoreSuite(name: string, { open, isShared }: CounterStoreSuite): void {
  describe(`counter store on ${name}`, () => {
    let store: CounterStore;
    let other: CounterStore;
    beforeAll(async () => {
      store = await open();
      other = isShared ? await open() : store;
    });
    afterAll(async () => {
      await store.close();
      await other.close();
    });

    const minute = 60_000;
    const requests = (limit: number, change: Partial<WindowDemand> = {}): WindowDemand => {
      return { name: 'requests', limit, periodMs: minute, amount: 1, estimated: false, ...change };
    };
    const tokens = (limit: number, amount: number, change: Partial<WindowDemand> = {}): WindowDemand => {
      return { name: 'tokens', limit, periodMs: minute, amount, estimated: true, ...change };
    };
    const demandOf = (scope: string, change: Partial<Demand>): Demand => ({
      scope,
      id: randomUUID(),
      owner: 'gateway-1',
      windows: [],
      slots: null,
      leaseMs: 30_000,
      settleMs: minute,
      ...change,
    });
    const settlementOf = ({ scope, id, owner }: Demand, amount?: number, periodMs = minute) => {
      return {
        scope,
        id,
        owner,
        windows: amount === undefined ? [] : [{ name: 'tokens', periodMs, amount }],
      };
    };
    const remaining = ({ windows }: Grant) => windows.map((window) => window.remaining);
    const take = (scope: string, windows: WindowDemand[], from = store) =>
      from.reserve(demandOf(scope, { windows }));

    it('counts down to the limit, then refuses and says when there is room again', async () => {
      const scope = randomUUID();
      expect(remaining(await take(scope, [requests(3)]))).toEqual([2]);
      expect(remaining(await take(scope, [requests(3)]))).toEqual([1]);
      const last = await take(scope, [requests(3)]);
      expect(last).toMatchObject({ granted: true, refusedBy: null, retryAfterMs: null });
      const refused = await take(scope, [requests(3)]);
      expect(refused).toMatchObject({
        granted: false,
        refusedBy: 'requests',
        windows: [{ limit: 3, remaining: 0 }],
      });
      for (const ms of [refused.retryAfterMs ?? 0, refused.windows[0]?.resetMs ?? 0]) {
        expect(ms).toBeGreaterThan(minute - 5_000);
        expect(ms).toBeLessThanOrEqual(minute + 1_000);
      }
    });

    it('never lets more through than the limit, of 200 at once', async () => {
      const scope = randomUUID();
      const grants = await Promise.all(
        Array.from({ length: 200 }, (_, n) => take(scope, [requests(70)], n % 2 ? store : other)),
      );
      expect(grants.filter(({ granted }) => granted)).toHaveLength(70);
    });

    it('gives back what has passed, after the time that it told', async () => {
      const scope = randomUUID();
      const short = requests(2, { periodMs: 600 });
      await take(scope, [short]);
      await take(scope, [short]);
      const { granted, retryAfterMs } = await take(scope, [short]);
      expect([granted, retryAfterMs]).toEqual([false, expect.any(Number)]);
      await delay((retryAfterMs ?? 0) + 5);
      expect(await take(scope, [short])).toMatchObject({ granted: true });
    });

    it('has no boundary where twice the limit passes', async () => {
      const scope = randomUUID();
      const short = requests(4, { periodMs: 600 });
      const at: number[] = [];
      const end = performance.now() + 1_500;
      while (performance.now() < end) {
        await delay(10);
        const before = performance.now();
        if ((await take(scope, [short])).granted) at.push(before);
      }
      expect(at.length).toBeGreaterThan(4);
      // The fifth after each began at least a period after it ended, less what a request may take to get there.
      for (const [index, later] of at.slice(4).entries())
        expect(later - (at[index] ?? 0)).toBeGreaterThan(600 - 60);
    });

    it('keeps scopes and names apart', async () => {
      const [one, two] = [randomUUID(), randomUUID()];
      await take(one, [requests(1)]);
      expect(await take(one, [requests(1)])).toMatchObject({ granted: false });
      expect(await take(two, [requests(1)])).toMatchObject({ granted: true });
      expect(await take(one, [tokens(1, 1)])).toMatchObject({ granted: true });
    });

    it('takes nothing when one of the limits has no room', async () => {
      const scope = randomUUID();
      await take(scope, [requests(5), tokens(100, 90)]);
      const refused = await take(scope, [requests(5), tokens(100, 20)]);
      expect(refused).toMatchObject({ granted: false, refusedBy: 'tokens' });
      expect(remaining(refused)).toEqual([4, 10]);
      expect(remaining(await take(scope, [requests(5), tokens(100, 10)]))).toEqual([3, 0]);
      const full = demandOf(scope, { windows: [requests(5)], slots: 1 });
      expect(await store.reserve(full)).toMatchObject({ granted: true });
      expect(await store.reserve({ ...full, id: 'next' })).toMatchObject({
        granted: false,
        refusedBy: 'slots',
      });
      expect(remaining(await take(scope, [requests(5)]))).toEqual([1]);
    });

    it('names no time for an amount above the limit', async () => {
      expect(await take(randomUUID(), [tokens(100, 101)])).toMatchObject({
        granted: false,
        refusedBy: 'tokens',
        retryAfterMs: null,
        windows: [{ limit: 100, remaining: 100, resetMs: 0 }],
      });
    });

    it('keeps what was used when a limit changes', async () => {
      const scope = randomUUID();
      await take(scope, [tokens(100, 80)]);
      expect(remaining(await take(scope, [tokens(200, 20)]))).toEqual([100]);
      expect(await take(scope, [tokens(50, 1)])).toMatchObject({
        granted: false,
        windows: [{ remaining: 0 }],
      });
    });

    it('settles once: what was too much comes back, what was missing is taken', async () => {
      const scope = randomUUID();
      const demand = demandOf(scope, { windows: [tokens(100, 60)] });
      expect(remaining(await store.reserve(demand))).toEqual([40]);
      expect(await store.settle(settlementOf(demand, 10))).toBe(true);
      expect(await other.settle(settlementOf(demand, 10))).toBe(false);
      expect(remaining(await take(scope, [tokens(100, 0)]))).toEqual([90]);
      const second = demandOf(scope, { windows: [tokens(100, 10)] });
      await store.reserve(second);
      expect(await store.settle(settlementOf(second, 150))).toBe(true);
      expect(await store.settle(settlementOf(second, 0))).toBe(false);
      expect(await take(scope, [tokens(100, 1)])).toMatchObject({
        granted: false,
        windows: [{ remaining: 0 }],
      });
      expect(await store.settle(settlementOf(demandOf(scope, { id: 'unknown' }), 5))).toBe(false);
    });

    it('lets an estimate that is never settled fall back, and takes no notice of a late settlement', async () => {
      const scope = randomUUID();
      const short = { periodMs: 600 };
      const demand = demandOf(scope, { windows: [tokens(100, 100, short)], settleMs: 300 });
      const { windows } = await store.reserve(demand);
      expect(await take(scope, [tokens(100, 1, short)])).toMatchObject({ granted: false });
      await delay((windows[0]?.resetMs ?? 0) + 5);
      expect(await store.settle(settlementOf(demand, 100, 600))).toBe(false);
      expect(remaining(await take(scope, [tokens(100, 0, short)]))).toEqual([100]);
    });

    it('gives no more back than is still counted', async () => {
      const scope = randomUUID();
      const short = { periodMs: 600 };
      const demand = demandOf(scope, { windows: [tokens(100, 50, short)] });
      const { windows } = await store.reserve(demand);
      await delay((windows[0]?.resetMs ?? 0) + 5);
      expect(await store.settle(settlementOf(demand, 0, 600))).toBe(true);
      expect(remaining(await take(scope, [tokens(100, 100, short)]))).toEqual([0]);
      expect(await take(scope, [tokens(100, 1, short)])).toMatchObject({ granted: false });
    });

    it('holds as many slots as there are, and a slot given back twice comes back once', async () => {
      const scope = randomUUID();
      const [one, two, three, four] = [1, 2, 3, 4].map((n) => demandOf(scope, { id: `call-${n}`, slots: 2 }));
      if (!one || !two || !three || !four) throw new Error('four demands');
      expect(await store.reserve(one)).toMatchObject({ granted: true });
      expect(await other.reserve(two)).toMatchObject({ granted: true });
      const refused = await store.reserve(three);
      expect(refused).toMatchObject({ granted: false, refusedBy: 'slots', retryAfterMs: null });
      expect(await other.settle(settlementOf(one))).toBe(true);
      expect(await store.settle(settlementOf(one))).toBe(false);
      expect(await store.reserve(three)).toMatchObject({ granted: true });
      expect(await store.reserve(four)).toMatchObject({ granted: false });
    });

    it('never holds more slots than there are, of 200 at once', async () => {
      const scope = randomUUID();
      const grants = await Promise.all(
        Array.from({ length: 200 }, (_, n) =>
          (n % 2 ? store : other).reserve(demandOf(scope, { slots: 13 })),
        ),
      );
      expect(grants.filter(({ granted }) => granted)).toHaveLength(13);
    });

    it('gives back the slot of an owner that no longer renews it, and keeps that of one who does', async () => {
      const scope = randomUUID();
      const leaseMs = 400;
      const [dead, alive] = [demandOf(scope, { slots: 2, leaseMs }), demandOf(scope, { slots: 2, leaseMs })];
      await store.reserve(dead);
      await store.reserve(alive);
      const next = () => store.reserve(demandOf(scope, { slots: 2, leaseMs: 30_000 }));
      expect(await next()).toMatchObject({ granted: false });
      for (let n = 0; n < 8; n += 1) {
        await store.renew({ scope, owner: alive.owner, ids: [alive.id], leaseMs });
        await delay(100);
      }
      expect(await next()).toMatchObject({ granted: true });
      expect(await next()).toMatchObject({ granted: false });
    });

    it('does not ask the clock of the caller', async () => {
      const scope = randomUUID();
      await take(scope, [requests(1)]);
      const held = demandOf(scope, { slots: 1 });
      await store.reserve(held);
      const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now() + 3_600_000);
      try {
        expect(await take(scope, [requests(1)])).toMatchObject({ granted: false });
        expect(await store.reserve({ ...held, id: 'next' })).toMatchObject({ granted: false });
      } finally {
        clock.mockRestore();
      }
    });

    it.each<[string, Partial<Demand>]>([
      ['scope', { scope: 'a}b' }],
      ['id', { id: '' }],
      ['owner', { owner: 'a b' }],
      ['slots', { slots: 0 }],
      ['leaseMs', { leaseMs: 0.5 }],
      ['settleMs', { settleMs: -1 }],
      ['windows.0.limit', { windows: [requests(0)] }],
      ['windows.0.amount', { windows: [requests(1, { amount: Number.NaN })] }],
      ['windows.0.periodMs', { windows: [requests(1, { periodMs: 59 })] }],
      ['windows.1.name', { windows: [requests(1), requests(2)] }],
      ['windows', { windows: Array.from({ length: 9 }, (_, n) => requests(1, { name: 'x'.repeat(n + 1) })) }],
    ])('refuses a wrong %s by its name', async (param, change) => {
      const asked = store.reserve(demandOf(randomUUID(), change));
      await expect(asked).rejects.toMatchObject({ code: 'invalid_request', param });
    });

    it('answers a ping, and nothing after close', async () => {
      const own = await open();
      await own.ping();
      await own.close();
      await expect(own.ping()).rejects.toMatchObject({ code: 'unavailable' });
      const asked = own.reserve(demandOf(randomUUID(), { windows: [requests(1)] }));
      await expect(asked).rejects.toMatchObject({ code: 'unavailable' });
    });

    describe('values', () => {
      const value = Buffer.from([0, 1, 2, 0xff]);

      it('gives back the bytes that were put, to every process that shares the store', async () => {
        const key = `response/${randomUUID()}`;
        expect(await store.get(key)).toBeNull();
        expect(await store.put(key, value, { ttlMs: minute })).toBe(true);
        expect(await other.get(key)).toEqual(value);
        expect(await store.put(key, Buffer.from('new'), { ttlMs: minute })).toBe(true);
        expect(await other.get(key)).toEqual(Buffer.from('new'));
      });

      it('puts a value once where it may not replace one', async () => {
        const key = randomUUID();
        const tries = [store, other, store].map((from) =>
          from.put(key, value, { ttlMs: minute, ifAbsent: true }),
        );
        expect((await Promise.all(tries)).filter(Boolean)).toHaveLength(1);
      });

      it('forgets a value after its time', async () => {
        const key = randomUUID();
        await store.put(key, value, { ttlMs: 30 });
        await delay(60);
        expect(await store.get(key)).toBeNull();
        expect(await store.put(key, value, { ttlMs: minute, ifAbsent: true })).toBe(true);
      });

      it.each([
        ['key', '', value, minute],
        ['key', 'x'.repeat(2000), value, minute],
        ['value', 'k', Buffer.alloc(17 * 1024 * 1024), minute],
        ['ttlMs', 'k', value, 0],
      ])('refuses a bad %s', async (param, key, bytes, ttlMs) => {
        await expect(store.put(key, bytes, { ttlMs })).rejects.toMatchObject({
          code: 'invalid_request',
          param,
        });
      });
    });
  });
}
