import { describe, expect, it } from '@jest/globals';
import { PasswordChecks } from './password-checks.ts';

describe('PasswordChecks', () => {
  it('runs four at once in their order, lets sixty-four wait and turns the next away', async () => {
    const checks = new PasswordChecks();
    const started: number[] = [];
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const all = Array.from({ length: 68 }, (_, index) =>
      checks.inTurn(async () => {
        started.push(index);
        await gate;
        if (index === 2) throw new Error('wrong');
        return index;
      }),
    );
    const settled = Promise.allSettled(all);
    await expect(checks.inTurn(() => Promise.resolve())).rejects.toMatchObject({
      code: 'overloaded',
      retryAfterMs: 2000,
    });
    expect(started).toEqual([0, 1, 2, 3]);
    open();
    expect((await settled).filter(({ status }) => status === 'rejected')).toHaveLength(1);
    expect(started).toEqual(Array.from({ length: 68 }, (_, index) => index));
    expect(await checks.inTurn(() => Promise.resolve('free again'))).toBe('free again');
  });
});
