import { describe, expect, it } from '@jest/globals';
import { formatBytes, formatDuration, formatPercent, formatPrice, formatUsd } from './numbers.ts';

describe('formatDuration', () => {
  it.each([
    [0.42, '0.4 ms'],
    [420.4, '420 ms'],
    [1240, '1.24 s'],
    [34_700, '34.7 s'],
    [60_000, '1 min'],
    [123_000, '2 min 3 s'],
    [3_600_000, '1 h'],
  ])('writes %d ms as %s', (ms, text) => expect(formatDuration(ms)).toBe(text));
});

describe('formatUsd', () => {
  it.each([
    ['0', '$0'],
    ['0.0000684', '$0.0000684'],
    ['0.01984512', '$0.0198'],
    ['1234.5', '$1,234.50'],
  ])('writes %s as %s', (usd, text) => expect(formatUsd(usd)).toBe(text));
});

describe('formatPrice', () => {
  it.each([
    ['5', '$5.00'],
    ['0.8', '$0.80'],
    ['0.0125', '$0.0125'],
  ])('writes %s as %s', (price, text) => expect(formatPrice(price)).toBe(text));
});

describe('formatPercent', () => {
  it('knows nothing, little and all', () => {
    expect([Number.NaN, 0.0001, 0.019, 1].map(formatPercent)).toEqual(['–', '<0.1%', '1.9%', '100%']);
  });
});

describe('formatBytes', () => {
  it('uses the unit that fits', () => {
    expect([0, 1023, 1536, 10_485_760].map(formatBytes)).toEqual(['0 B', '1,023 B', '1.5 KiB', '10 MiB']);
  });
});
