import { describe, expect, it } from '@jest/globals';
import { exactNumber, isInexactNumber, parseExactJson } from './exact-json.ts';

const inexact = [
  '12345678901234567890',
  '9007199254740993',
  '1e400',
  '-1e400',
  '1e-400',
  '0.12345678901234567890',
];
const exact = [
  '0',
  '-0',
  '0.1',
  '1e3',
  '1.5E+10',
  '9007199254740992',
  '0.30000000000000004',
  '100000000000000000000',
];

describe('exact JSON', () => {
  it.each(inexact)('keeps the digits of %s', (source) => {
    const text = `{"a":[${source}],"b":"${source}"}`;
    const parsed = parseExactJson(text) as { a: unknown[]; b: unknown };
    expect(isInexactNumber(parsed.a[0])).toBe(true);
    expect(parsed.b).toBe(source);
    expect(JSON.stringify(parsed)).toBe(text);
    expect(exactNumber(source)).toBe(source);
  });

  it.each(exact)('reads %s as the number that it is', (source) => {
    expect(parseExactJson(`[${source}]`)).toEqual([Number(source)]);
    expect(exactNumber(source)).toBe(Number(source));
  });

  it('refuses what is no JSON', () => {
    expect(() => parseExactJson('{"a":01}')).toThrow(SyntaxError);
  });
});
