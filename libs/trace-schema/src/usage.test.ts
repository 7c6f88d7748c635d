import { describe, expect, it } from '@jest/globals';
import { fromTokenBuckets, toTokenBuckets } from './usage.ts';

const usage = {
  inputTokens: 100,
  cacheReadInputTokens: 60,
  cacheWriteInputTokens: 10,
  inputAudioTokens: 5,
  outputTokens: 50,
  reasoningOutputTokens: 30,
  outputAudioTokens: 0,
};

describe('toTokenBuckets', () => {
  it('splits inclusive usage into buckets whose sum is the total, and back', () => {
    const { buckets, consistent } = toTokenBuckets(usage);
    expect(consistent).toBe(true);
    expect(buckets).toMatchObject({ inputUncached: 25, cacheRead: 60, outputText: 20, reasoning: 30 });
    expect(Object.values(buckets).reduce((sum, count) => sum + count)).toBe(150);
    expect(fromTokenBuckets(buckets)).toEqual(usage);
  });

  it('flags parts that exceed their whole and never stores a negative count', () => {
    const { buckets, consistent } = toTokenBuckets({ ...usage, inputTokens: 20 });
    expect(consistent).toBe(false);
    expect(buckets.inputUncached).toBe(0);
  });
});
