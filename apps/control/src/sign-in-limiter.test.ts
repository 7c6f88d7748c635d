import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type CounterStore, openCounterStore } from '@loom/counter-store';
import type { LoomError } from '@loom/errors';
import { SignInLimiter } from './sign-in-limiter.ts';

const secret = 's'.repeat(40);
let counters: CounterStore;
let limiter: SignInLimiter;
beforeEach(async () => {
  counters = await openCounterStore(new URL('memory:'));
  limiter = new SignInLimiter({ counters, secret });
});
afterEach(() => counters.close());

const take = (email: string, address = '198.51.100.7', deviceId: string | null = null, by = limiter) =>
  by.take({ email, address, deviceId });
const isTaken = async (...attempt: Parameters<typeof take>) => {
  try {
    await take(...attempt);
    return true;
  } catch (error) {
    expect(error).toMatchObject({ code: 'rate_limited' });
    expect((error as LoomError).retryAfterMs).toBeGreaterThan(0);
    expect((error as LoomError).retryAfterMs).toBeLessThanOrEqual(62 * 60_000);
    return false;
  }
};
const countTaken = async (tries: number, attempt: (index: number) => Parameters<typeof take>) => {
  let taken = 0;
  for (let index = 0; index < tries; index += 1) if (await isTaken(...attempt(index))) taken += 1;
  return taken;
};

describe('SignInLimiter', () => {
  it('stops a guesser, however many names are tried between the guesses', async () => {
    let guesses = 0;
    for (let round = 0; round < 30; round += 1) {
      if (await isTaken('victim@example.com')) guesses += 1;
      const address = (index: number) => `2001:db8:${round.toString(16)}:${index.toString(16)}::1`;
      await countTaken(500, (index) => [`nobody-${round}-${index}@example.com`, address(index)]);
    }
    expect(guesses).toBeGreaterThan(0);
    expect(guesses).toBeLessThanOrEqual(5);
    expect(await isTaken('VICTIM@example.com')).toBe(false);
  });

  it('lets a guesser have no more from many addresses than an account allows', async () => {
    expect(await countTaken(200, (index) => ['victim@example.com', `198.51.100.${index}`])).toBe(10);
  });

  it('counts the addresses of one IPv6 network as one', async () => {
    const address = (index: number) => `2001:db8:1:2:${index.toString(16)}::1`;
    expect(await countTaken(20, (index) => ['victim@example.com', address(index)])).toBe(5);
    expect(await isTaken('victim@example.com', '2001:db8:1:3::1')).toBe(true);
  });

  it('lets an owner in on a known device, and other people at the same address', async () => {
    await countTaken(100, () => ['victim@example.com']);
    expect(await isTaken('victim@example.com', '198.51.100.7', 'device-1')).toBe(true);
    expect(await isTaken('neighbour@example.com')).toBe(true);
    expect(await isTaken('victim@example.com', '203.0.113.1')).toBe(true);
    expect(await countTaken(20, () => ['victim@example.com', '198.51.100.7', 'device-1'])).toBe(4);
  });

  it('takes back a try that was right, and counts none that was refused', async () => {
    for (let index = 0; index < 20; index += 1) await (await take('owner@example.com'))();
    await countTaken(100, () => ['victim@example.com']);
    expect(await countTaken(100, (index) => [`other-${index}@example.com`])).toBe(25);
  });

  it('holds as many counters as it has room for, and no more', async () => {
    const names = new Set<string>();
    const noting: CounterStore = Object.create(counters) as CounterStore;
    noting.reserve = (demand) => {
      names.add(demand.scope);
      return counters.reserve(demand);
    };
    noting.settle = (settlement) => counters.settle(settlement);
    const noted = new SignInLimiter({ counters: noting, secret });
    for (let index = 0; index < 60_000; index += 1)
      await (
        await take(`a-${index}@example.com`, `2001:db8:${index.toString(16)}::1`, null, noted)
      )();
    expect(names.size).toBeLessThanOrEqual(3 * 16_384);
    expect(names.size).toBeGreaterThan(3 * 15_000);
  });

  it('shares its counters with other processes, and counts alone while they are away', async () => {
    const other = new SignInLimiter({ counters, secret });
    expect(await countTaken(3, () => ['victim@example.com'])).toBe(3);
    expect(await countTaken(9, () => ['victim@example.com', '198.51.100.7', null, other])).toBe(2);
    await counters.close();
    expect(await countTaken(9, () => ['victim@example.com', '198.51.100.7', null, other])).toBe(5);
  });
});
