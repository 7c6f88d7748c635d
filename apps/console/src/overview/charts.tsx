'use client';

import type { MetricsOverview } from '@loom/api-contract';
import { memo, useMemo } from 'react';
import { formatCompact, formatDuration, formatUsd } from '../format/numbers.ts';
import { ChartCard } from './chart-card.tsx';
import { toGroupedPoints, toPoints } from './chart-data.ts';
import { totalTokens } from './figures.ts';
import type { ChartSeries } from './time-chart.tsx';

type Point = MetricsOverview['points'][number];
type GroupedPoint = MetricsOverview['groupedPoints'][number];

/**
 * The charts of the overview, from the answer that they show and not from what is being asked for: a new question does
 * not draw them again before its answer is there.
 */
export const Charts = memo(function Charts({
  overview,
  nameOf,
  onZoom,
}: {
  readonly overview: MetricsOverview | undefined;
  readonly nameOf: (group: string) => string;
  readonly onZoom: (from: number, to: number) => void;
}) {
  const requests = useMemo(() => overview && toPoints(overview, answered), [overview]);
  const latency = useMemo(() => overview && toPoints(overview, quantiles, null), [overview]);
  const spend = useMemo(() => overview && toGroupedPoints(overview, costOf, nameOf), [overview, nameOf]);
  const tokens = useMemo(
    () => overview && toGroupedPoints(overview, totalTokens, nameOf),
    [overview, nameOf],
  );
  const total = overview?.total;
  const by = overview?.groupBy ?? 'model';
  const bucket = { bucketSeconds: overview?.bucketSeconds ?? 60, onZoom };
  return (
    <div className="grid gap-5 xl:grid-cols-2">
      <ChartCard
        title="Requests"
        summary={`${formatCompact(total?.requests ?? 0)} requests, ${formatCompact(total?.errors ?? 0)} of them errors`}
        format={formatCompact}
        points={requests}
        series={answeredSeries}
        {...bucket}
      />
      <ChartCard
        title={`Spend by ${by}`}
        summary={total?.costUsd ? `${formatUsd(total.costUsd)} in total` : 'No priced calls'}
        format={formatUsd}
        points={spend?.points}
        series={spend?.series ?? none}
        {...bucket}
      />
      <ChartCard
        title="Latency"
        summary={`Median ${formatDuration(total?.latencyMs?.p50 ?? 0)}`}
        format={formatDuration}
        points={latency}
        series={quantileSeries}
        {...bucket}
      />
      <ChartCard
        title={`Tokens by ${by}`}
        summary={`${formatCompact(total ? totalTokens(total) : 0)} tokens`}
        format={formatCompact}
        points={tokens?.points}
        series={tokens?.series ?? none}
        {...bucket}
      />
    </div>
  );
});

const none: readonly ChartSeries[] = [];
const costOf = ({ costUsd }: GroupedPoint) => Number(costUsd ?? 0);

const answered = {
  fine: ({ requests, errors }: Point) => requests - errors,
  errors: ({ errors }: Point) => errors,
};
const answeredSeries: readonly ChartSeries[] = [
  { key: 'fine', label: 'Answered', color: 'var(--series-1)', kind: 'bar' },
  { key: 'errors', label: 'Errors', color: 'var(--bad)', kind: 'bar' },
];

const quantiles = {
  p50: ({ latencyMs }: Point) => latencyMs?.p50 ?? null,
  p95: ({ latencyMs }: Point) => latencyMs?.p95 ?? null,
  p99: ({ latencyMs }: Point) => latencyMs?.p99 ?? null,
  first: ({ timeToFirstChunkMs }: Point) => timeToFirstChunkMs?.p50 ?? null,
};
const quantileSeries: readonly ChartSeries[] = [
  { key: 'p50', label: 'p50', color: 'var(--series-1)', kind: 'line' },
  { key: 'p95', label: 'p95', color: 'var(--series-3)', kind: 'line' },
  { key: 'p99', label: 'p99', color: 'var(--series-4)', kind: 'line' },
  { key: 'first', label: 'First chunk p50', color: 'var(--series-2)', kind: 'line' },
];
