import type { MetricsOverview } from '@loom/api-contract';
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
const times = { latencyMs: null, timeToFirstChunkMs: null, gatewayOverheadMs: null };
const point = (bucketStart: string, group: string | null, requests: number) => ({
  ...{ bucketStart, group, requests, errors: 0, tokens, costUsd: '0', withoutPrice: 0, partlyPriced: 0 },
});
const minute = (at: number) => `2026-11-22T10:0${at}:00.000000Z`;
const overviewOf = (points: MetricsOverview['groupedPoints']): MetricsOverview => ({
  from: '2026-11-22T10:00:30Z',
  to: '2026-11-22T10:03:00Z',
  bucketSeconds: 60,
  buckets: [0, 1, 2].map(minute),
  groupBy: 'model',
  total: null,
  before: null,
  groups: [],
  points: points.map((one) => ({ ...one, ...times, group: '', retried: 0 })),
  groupedPoints: points,
});

describe('toPoints', () => {
  it('has every bucket of the range, also those without calls', () => {
    const points = toPoints(overviewOf([point(minute(1), '', 4)]), { requests: ({ requests }) => requests });
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
      overviewOf(many),
      ({ requests }) => requests,
      (group) => group,
    );
    expect(series.map(({ label }) => label)).toEqual(['model.9', 'model.8', 'model.7', 'model.6', 'model.5', 'model.4', 'model.3', 'Others']); // prettier-ignore
    expect(points[1]?.values['others']).toBe(1 + 2 + 3);
    expect(points[1]?.values[series[0]?.key ?? '']).toBe(10);
  });

  it('counts what the service has put together as others, also where it is the largest', () => {
    const points = [point(minute(1), null, 9), point(minute(2), 'a', 2)];
    const chart = toGroupedPoints(overviewOf(points), ({ requests }) => requests, String);
    expect(chart.series.map(({ label }) => label)).toEqual(['a', 'Others']);
    expect(chart.points.map(({ values }) => values)).toEqual([
      { group0: 0, others: 0 },
      { group0: 0, others: 9 },
      { group0: 2, others: 0 },
    ]);
  });

  it('has no series for groups of nothing', () => {
    const { series } = toGroupedPoints(
      overviewOf([point(minute(1), 'a', 0)]),
      ({ requests }) => requests,
      String,
    );
    expect(series).toEqual([]);
  });
});
