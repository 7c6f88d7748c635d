import { describe, expect, it } from '@jest/globals';
import { durationText } from './limit-state.ts';

describe('durationText', () => {
  it.each([
    [0, '0s'],
    [0.2, '1ms'],
    [999, '999ms'],
    [1000, '1s'],
    [1001, '2s'],
    [60_000, '1m0s'],
    [360_000, '6m0s'],
    [3_661_000, '1h1m1s'],
  ])('writes %d ms as %s', (ms, text) => {
    expect(durationText(ms)).toBe(text);
  });
});
