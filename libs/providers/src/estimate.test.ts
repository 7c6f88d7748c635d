import { describe, expect, it } from '@jest/globals';
import { estimateUsage, splitByDensity } from './estimate.ts';

describe('estimateUsage', () => {
  it('counts dense scripts as more tokens than ASCII of the same length', () => {
    const ascii = splitByDensity(400, 400);
    const chinese = splitByDensity(1200, 400);
    expect(ascii).toEqual({ ascii: 400, other: 0 });
    expect(chinese).toEqual({ ascii: 0, other: 400 });
    const usage = estimateUsage({ inputAscii: 400, inputOther: 0, outputAscii: 0, outputOther: 400 });
    expect(usage).toMatchObject({ inputTokens: 100, outputTokens: 320 });
  });
});
