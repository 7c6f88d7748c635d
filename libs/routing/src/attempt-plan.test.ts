import { describe, expect, it } from '@jest/globals';
import type { ProviderRecord } from '@loom/trace-schema';
import fc from 'fast-check';
import { AttemptPlan, type FailureKind, targetKey } from './attempt-plan.ts';
import { Breakers } from './breakers.ts';
import type { Route, Target } from './resolve-model.ts';

const target = (name: string): Target => ({ provider: { id: name, name } as ProviderRecord, model: 'm' });
const route = (change: Partial<Route> = {}): Route => ({
  ...{
    name: 'r',
    targets: [{ ...target('a'), weight: 1 }],
    fallbacks: [target('b'), target('c')],
    retries: 0,
  },
  ...{ fallbackOn: ['error', 'context_window'], timeouts: {}, ...change },
});
const planOf = (
  change: Partial<Route> = {},
  options: Partial<ConstructorParameters<typeof AttemptPlan>[1]> = {},
) =>
  new AttemptPlan(route(change), {
    ...{ breakers: new Breakers(), keysOf: () => 1, firstKeyOf: () => 0, nowMs: () => 0, random: () => 0.5 },
    ...options,
  });
const names = (plan: AttemptPlan, kinds: readonly FailureKind[]) =>
  [plan.first(), ...kinds.map((kind) => plan.next({ kind }))].map(
    (attempt) => attempt?.target.provider.name ?? null,
  );

describe('AttemptPlan', () => {
  it.each([
    ['server_error', ['a', 'b', 'c', null]],
    ['timeout', ['a', 'b', 'c', null]],
    ['context_window', ['a', 'b', 'c', null]],
    ['content_policy', ['a', null, null, null]],
    ['request', ['a', null, null, null]],
  ] as const)('after %s goes %j', (kind, expected) => {
    expect(names(planOf(), [kind, kind, kind])).toEqual(expected);
  });

  it('tries a target again before it leaves it, waiting longer each time', () => {
    const plan = planOf({ retries: 2, fallbacks: [] });
    plan.first();
    const waits = [1, 2, 3].map(() => plan.next({ kind: 'overloaded' })?.waitMs ?? null);
    expect(waits).toEqual([187.5, 375, null]);
  });

  it('waits as long as the provider asks, but not for ever', () => {
    const again = (retryAfterMs: number) => {
      const plan = planOf({ retries: 1, fallbacks: [] });
      plan.first();
      return plan.next({ kind: 'rate_limited', retryAfterMs })?.waitMs ?? null;
    };
    expect([again(3000), again(60_000)]).toEqual([3000, null]);
  });

  it('goes elsewhere for a limit where there is an elsewhere', () => {
    const plan = planOf({ retries: 3 });
    plan.first();
    expect(plan.next({ kind: 'rate_limited' })).toMatchObject({
      target: { provider: { name: 'b' } },
      reason: 'fallback',
    });
  });

  it('tries every key of a provider once', () => {
    const plan = planOf({}, { keysOf: () => 3, firstKeyOf: () => 2 });
    const tried = [plan.first(), plan.next({ kind: 'credential' }), plan.next({ kind: 'rate_limited' })];
    expect(tried.map((attempt) => attempt?.keyIndex)).toEqual([2, 0, 1]);
    expect(plan.next({ kind: 'credential' })?.reason).toBe('fallback');
  });

  it('never tries more than twelve times, whatever happens, and no target after the last', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.constantFrom<FailureKind>('connection', 'timeout', 'rate_limited', 'credential', 'malformed'),
          { minLength: 30, maxLength: 30 },
        ),
        fc.integer({ min: 0, max: 5 }),
        fc.integer({ min: 1, max: 6 }),
        (kinds, retries, keys) => {
          const tried = names(planOf({ retries }, { keysOf: () => keys }), kinds);
          const end = tried.indexOf(null);
          expect(end).toBeGreaterThan(0);
          expect(end).toBeLessThanOrEqual(12);
          expect(new Set(tried.slice(end))).toEqual(new Set([null]));
        },
      ),
    );
  });

  it('takes balanced targets by their weight', () => {
    const targets = [
      { ...target('a'), weight: 3 },
      { ...target('b'), weight: 1 },
    ];
    const counts = { a: 0, b: 0 };
    for (let at = 0; at < 1000; at += 1) {
      const { name } = planOf({ targets }, { random: () => at / 1000 }).first().target.provider;
      counts[name as 'a' | 'b'] += 1;
    }
    expect(counts).toEqual({ a: 750, b: 250 });
  });
});

describe('Breakers', () => {
  it('leave a target aside after five failures, let one call probe it, and wait longer each time', () => {
    const breakers = new Breakers({ openMs: 100, openMsMax: 300 });
    const key = targetKey(target('a'));
    const fail = (times: number, at: number) => Array.from({ length: times }, () => breakers.failed(key, at));
    fail(4, 0);
    expect(breakers.isOpen(key, 1)).toBe(false);
    fail(1, 0);
    expect([breakers.isOpen(key, 99), breakers.isOpen(key, 100)]).toEqual([true, false]);
    breakers.started(key); // the probe
    expect(breakers.isOpen(key, 101)).toBe(true);
    fail(1, 110);
    expect([breakers.isOpen(key, 309), breakers.isOpen(key, 310)]).toEqual([true, false]);
    breakers.started(key);
    breakers.succeeded(key);
    expect(breakers.isOpen(key, 311)).toBe(false);
  });

  it('order targets and refuse none', () => {
    const breakers = new Breakers({ failuresMax: 1 });
    const open = (name: string) => breakers.failed(targetKey(target(name)), 0);
    open('a');
    expect(planOf({}, { breakers }).first()).toMatchObject({
      target: { provider: { name: 'b' } },
      reason: 'breaker',
    });
    open('b');
    open('c');
    expect(planOf({}, { breakers }).first().target.provider.name).toBe('a');
  });
});
