import type { MetricsSeries } from '@loom/api-contract';
import { describe, expect, it } from '@jest/globals';
import { toGroupedPoints, toPoints } from './chart-data.ts';

const tokens = {
  inputUncached: 0,
  cacheRead: 0,
  cacheWrite: 0,
  inputAudio: 0,
  outputText: 0,
  reasoning: 0,
  outputAudio: 0,
};
const point = (bucketStart: string, group: string, requests: number): MetricsSeries['points'][number] => ({
  ...{
    bucketStart,
    group,
    requests,
    errors: 0,
    tokens,
    costUsd: '0',
    latencyMs: null,
    timeToFirstChunkMs: null,
  },
  ...{ gatewayOverheadMs: null, retried: 0 },
});
const range = { from: '2026-11-22T10:00:30Z', to: '2026-11-22T10:03:00Z', bucketSeconds: 60 };
const minute = (at: number) => `2026-11-22T10:0${at}:00.000000Z`;

describe('toPoints', () => {
  it('has every bucket of the range, also those without calls', () => {
    const points = toPoints([point(minute(1), '', 4)], range, { requests: ({ requests }) => requests });
    expect(
      points.map(({ at, values }) => [new Date(at).toISOString().slice(14, 16), values['requests']]),
    ).toEqual([
      ['00', 0],
      ['01', 4],
      ['02', 0],
    ]);
  });
});

describe('toGroupedPoints', () => {
  it('stacks the largest groups by name and the rest together', () => {
    const many = Array.from({ length: 10 }, (_, at) => point(minute(1), `model.${at}`, at + 1));
    const { points, series } = toGroupedPoints(
      many,
      range,
      ({ requests }) => requests,
      (group) => group,
    );
    expect(series.map(({ label }) => label)).toEqual(['model.9', 'model.8', 'model.7', 'model.6', 'model.5', 'model.4', 'model.3', 'Others']); // prettier-ignore
    expect(points[1]?.values['others']).toBe(1 + 2 + 3);
    expect(points[1]?.values[series[0]?.key ?? '']).toBe(10);
  });

  it('has no series for groups of nothing', () => {
    expect(
      toGroupedPoints([point(minute(1), 'a', 0)], range, ({ requests }) => requests, String).series,
    ).toEqual([]);
  });
});
