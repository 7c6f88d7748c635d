import { describe, expect, it } from '@jest/globals';
import type { Envelope } from './envelope.ts';
import { compareFigures, nanoUsdOf } from './figures.ts';

const costOf = (totalUsd: string | null, costNanoUsd: string) =>
  compareFigures({ status: 200, usage: null, usageConsistent: true, totalUsd }, [
    { kind: 'cost.computed', costNanoUsd } as Envelope,
  ]);

describe('compareFigures', () => {
  it.each(['0', '0.000000001', '1.5', '90072003284.82815', '123456789012345678.123456789'])(
    'finds %s dollars to be what was sealed, and two nano-dollars more or less not',
    (usd) => {
      const nanos = nanoUsdOf(usd);
      expect(costOf(usd, String(nanos)).same).toEqual(['cost']);
      expect(costOf(usd, String(nanos + 1n)).same).toEqual(['cost']);
      expect(costOf(usd, String(nanos + 2n)).other).toEqual(['cost']);
    },
  );

  it.each([null, '', 'NaN', '1e3', '-1'])('takes %j for another cost', (usd) => {
    expect(costOf(usd, '0').other).toEqual(['cost']);
  });
});

describe('nanoUsdOf', () => {
  it.each([
    ['0.0000000005', 1n],
    ['0.0000000004', 0n],
    ['1.9999999995', 2_000_000_000n],
  ])('rounds %s to the nearest', (usd, nanos) => {
    expect(nanoUsdOf(usd)).toBe(nanos);
  });
});
