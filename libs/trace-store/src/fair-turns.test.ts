import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { FairTurns } from './fair-turns.ts';

const limits = { runningMax: 3, runningOfOwnerMax: 2, waitingOfOwnerMax: 4 };
const never = new AbortController().signal;

/** Work that runs until it is told to end. */
function pieces(turns: FairTurns) {
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const begin = (owner: string, name: string, signal = never) =>
    turns.pass(owner, signal, () => {
      running.push(name);
      return new Promise<void>((resolve) => ends.set(name, resolve));
    });
  const end = async (name: string) => {
    running.splice(running.indexOf(name), 1);
    ends.get(name)?.();
    await setImmediate();
  };
  return { running, begin, end };
}

describe('FairTurns', () => {
  it('leaves room for others, and gives free turns to owners in rotation', async () => {
    const { running, begin, end } = pieces(new FairTurns(limits));
    for (const name of ['a1', 'a2', 'a3', 'a4']) void begin('a', name);
    await setImmediate();
    expect(running).toEqual(['a1', 'a2']);
    void begin('b', 'b1');
    void begin('b', 'b2');
    void begin('c', 'c1');
    await setImmediate();
    expect(running).toEqual(['a1', 'a2', 'b1']);
    await end('b1');
    expect(running).toEqual(['a1', 'a2', 'b2']);
    await end('a1');
    expect(running).toEqual(['a2', 'b2', 'c1']);
    await end('c1');
    expect(running).toEqual(['a2', 'b2', 'a3']);
    await end('a2');
    expect(running).toEqual(['b2', 'a3', 'a4']);
  });

  it('refuses work of an owner of whom too much waits, and of nobody else', async () => {
    const { running, begin } = pieces(new FairTurns(limits));
    for (let index = 0; index < 6; index += 1) void begin('a', `a${index}`);
    await expect(begin('a', 'a6')).rejects.toMatchObject({ code: 'rate_limited', retryAfterMs: 2000 });
    void begin('b', 'b1');
    await setImmediate();
    expect(running).toContain('b1');
  });

  it('forgets work whose reader has left, and runs none of it', async () => {
    const { running, begin, end } = pieces(new FairTurns(limits));
    const reader = new AbortController();
    void begin('a', 'a1');
    void begin('a', 'a2');
    const left = begin('a', 'a3', reader.signal);
    void begin('a', 'a4');
    reader.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    await expect(begin('a', 'a5', reader.signal)).rejects.toThrow('left');
    await end('a1');
    expect(running).toEqual(['a2', 'a4']);
  });

  it('gives the turn of work that failed to the next', async () => {
    const turns = new FairTurns({ ...limits, runningOfOwnerMax: 1 });
    const failed = turns.pass('a', never, () => Promise.reject(new Error('broken')));
    const next = turns.pass('a', never, () => Promise.resolve('done'));
    await expect(failed).rejects.toThrow('broken');
    await expect(next).resolves.toBe('done');
  });
});
