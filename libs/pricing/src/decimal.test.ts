import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { addDecimals, formatDecimal, parseDecimal, perMillion } from './decimal.ts';

const decimals = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 20n }), fc.integer({ min: 0, max: 20 }))
  .map(([digits, scale]) => formatDecimal({ digits, scale }));

describe('Decimal', () => {
  it('reads and writes the same number', () => {
    fc.assert(fc.property(decimals, (text) => formatDecimal(parseDecimal(text)) === text));
  });

  it('adds what floats cannot', () => {
    expect(formatDecimal(addDecimals(parseDecimal('0.1'), parseDecimal('0.2')))).toBe('0.3');
    expect(formatDecimal(addDecimals(parseDecimal('99999999999999999999'), parseDecimal('0.00000001')))).toBe(
      '99999999999999999999.00000001',
    );
  });

  it('prices per million exactly', () => {
    expect(formatDecimal(perMillion(parseDecimal('0.15'), 7))).toBe('0.00000105');
    expect(formatDecimal(perMillion(parseDecimal('2.50'), 1_000_000))).toBe('2.5');
  });

  it.each(['', '-1', '1e3', '.5', '1.', 'NaN', '1'.repeat(31), '0x10', '١'])('refuses %j', (text) => {
    expect(() => parseDecimal(text)).toThrow('is not a decimal number');
  });
});
