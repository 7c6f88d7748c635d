import { describe, expect, it } from '@jest/globals';
import type { Envelope } from './envelope.ts';
import { differingFields } from './envelope-facts.ts';

const leaf = (more: Partial<Envelope>): Envelope => ({
  ...{
    v: 1,
    project: 'p1',
    id: 'c1/end/cost/b1',
    kind: 'cost.computed',
    time: 1_800_000_000_000,
    priceBook: 'b1',
  },
  ...more,
});
const row = {
  ...{ projectId: 'p1', id: 'c1/end/cost/b1', time: '1800000000000000000', priceBookVersion: 'b1' },
};

describe('the leaf of a cost', () => {
  it('fits a price with and without a reason', () => {
    const priced = leaf({ costNanoUsd: '0' });
    expect(differingFields(priced, { ...row, state: 'priced', reason: '' })).toEqual([]);
    expect(differingFields(priced, { ...row, state: 'priced', reason: 'cached' })).toEqual([]);
    expect(differingFields(priced, { ...row, state: 'unpriced', reason: 'no_price' })).toEqual(['state']);
  });

  it('fits a partial price by its figure and its reason together', () => {
    const partial = leaf({ costNanoUsd: '5', reason: 'incomplete_price' });
    const own = { ...row, state: 'partial', reason: 'incomplete_price' };
    expect(differingFields(partial, own)).toEqual([]);
    expect(differingFields(partial, { ...own, state: 'priced' })).toEqual(['state']);
    expect(differingFields(partial, { ...own, reason: '' })).toEqual(['reason']);
    expect(differingFields(leaf({ costNanoUsd: '5' }), own)).toEqual(['state']);
  });

  it('fits no other reason than its own where there is no price', () => {
    const unpriced = leaf({ reason: 'no_price' });
    expect(differingFields(unpriced, { ...row, state: 'unpriced', reason: 'no_price' })).toEqual([]);
    expect(differingFields(unpriced, { ...row, state: 'unpriced', reason: 'no_usage' })).toEqual(['reason']);
    expect(differingFields(unpriced, { ...row, state: 'priced', reason: '' })).toEqual(['reason', 'state']);
  });
});
