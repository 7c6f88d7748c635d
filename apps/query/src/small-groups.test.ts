import type { MetricsSeries } from '@loom/api-contract';
import { describe, expect, it } from '@jest/globals';
import { mergeSmallGroups } from './small-groups.ts';

type Point = MetricsSeries['points'][number];

const noTokens = {
  inputUncached: 0,
  cacheRead: 0,
  cacheWrite: 0,
  inputAudio: 0,
  outputText: 0,
  reasoning: 0,
  outputAudio: 0,
};
const times = { p50: 1, p95: 2, p99: 3 };
const point = (minute: number, group: string, costUsd: string, outputText = 0): Point => ({
  bucketStart: `2026-11-22T10:0${minute}:00.000000Z`,
  group,
  requests: 2,
  errors: 1,
  retried: 0,
  tokens: { ...noTokens, outputText },
  costUsd,
  withoutPrice: 0,
  partlyPriced: 0,
  latencyMs: times,
  timeToFirstChunkMs: times,
  gatewayOverheadMs: times,
});

describe('mergeSmallGroups', () => {
  const points = [
    point(1, 'dear', '10', 1),
    point(1, 'wordy', '0', 900),
    { ...point(1, 'small', '0.1', 3), withoutPrice: 1 },
    point(1, 'smaller', '0.2', 4),
    point(2, 'small', '0.000000000000000001', 5),
  ];

  it('keeps what costs most and what has most tokens, and adds up the rest by bucket without rounding', () => {
    const merged = mergeSmallGroups(points, 1);
    expect(merged.map(({ group }) => group)).toEqual(['dear', 'wordy', null, null]);
    expect(merged[2]).toEqual({
      bucketStart: points[2]?.bucketStart,
      ...{ group: null, requests: 4, errors: 2, costUsd: '0.3', withoutPrice: 1, partlyPriced: 0 },
      tokens: { ...noTokens, outputText: 7 },
    });
    expect(merged[3]?.costUsd).toBe('0.000000000000000001');
  });

  it('leaves the groups as they are when they are not too many', () => {
    const groups = mergeSmallGroups(points, 4).map(({ group }) => group);
    expect(groups).toEqual(points.map(({ group }) => group));
  });
});
