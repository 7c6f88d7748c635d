'use client';

import type { MetricsSeries } from '@loom/api-contract';
import dynamic from 'next/dynamic';
import { useState } from 'react';
import { useLoom } from '../api/loom.tsx';
import { useKeyNames } from '../api/key-names.ts';
import { formatCompact, formatDuration, formatUsd } from '../format/numbers.ts';
import { usePath, useSession } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { RangePicker } from '../time/range-picker.tsx';
import { rangeBefore, useRange } from '../time/range.ts';
import { filterTerm } from '../traces/filter-text.ts';
import { PageHead } from '../ui/card.tsx';
import { Failure } from '../ui/states.tsx';
import { ChartCard } from './chart-card.tsx';
import { toGroupedPoints, toPoints } from './chart-data.ts';
import { totalTokens } from './figures.ts';
import { GroupTable } from './group-table.tsx';
import { type GroupBy, GroupPicker } from './group-picker.tsx';
import { Tiles } from './tiles.tsx';

const FirstCall = dynamic(() => import('../start/first-call.tsx').then(({ FirstCall }) => FirstCall), {
  ssr: false,
});

type Point = MetricsSeries['points'][number];

export function Overview() {
  const range = useRange();
  const { get, set } = useUrlState();
  const { project, organization } = useSession();
  const path = usePath();
  const keyName = useKeyNames();
  const groupBy = (get('by') ?? 'model') as GroupBy;
  const time = { from: range.from, to: range.to };
  const summary = useLoom('getMetricsSummary', { query: time }, { keep: true });
  const earlier = useLoom('getMetricsSummary', { query: rangeBefore(range) }, { keep: true });
  const series = useLoom(
    'getMetricsSeries',
    { query: { ...time, bucketSeconds: range.bucketSeconds } },
    { keep: true },
  );
  const grouped = useLoom(
    'getMetricsSeries',
    { query: { ...time, bucketSeconds: range.bucketSeconds, groupBy } },
    { keep: true },
  );
  const any = useLoom('listTraces', { query: { limit: 1 } });

  // Decided once: the first call must not take away the page that waits for it.
  const [isFirst, setFirst] = useState<boolean | null>(null);
  if (isFirst === null && any.data && summary.data) {
    setFirst(any.data.traces.length === 0 && summary.data.groups.length === 0);
  }
  if (isFirst) return <FirstCall />;
  const failed = summary.error ?? series.error;
  if (failed && !summary.data) return <Failure error={failed} retry={() => void summary.refetch()} />;

  const nameOf = (group: string) => {
    if (groupBy === 'key') return keyName(group);
    if (groupBy === 'project') return organization.projects.find(({ id }) => id === group)?.name ?? group;
    return group;
  };
  const timeQuery = range.preset ? { range: range.preset } : time;
  const hrefOf = (filter: string) =>
    `${path('traces')}?${new URLSearchParams({ ...timeQuery, ...(filter && { filter }) }).toString()}`;
  const zoom = (from: number, to: number) =>
    set({ range: null, from: new Date(from).toISOString(), to: new Date(to).toISOString() }, { push: true });
  const chart = { bucketSeconds: range.bucketSeconds, onZoom: zoom };
  const points = series.data?.points ?? [];
  const lines = (values: Record<string, (point: Point) => number | null>) =>
    toPoints(points, range, values, null);
  const byGroup = (value: (point: Point) => number) =>
    toGroupedPoints(grouped.data?.points ?? [], range, value, nameOf);
  const [total] = summary.data?.groups ?? [];
  const isBusy = [summary, series, grouped].some(
    ({ isPlaceholderData, isPending }) => isPlaceholderData || isPending,
  );
  return (
    <div aria-busy={isBusy} data-page="overview" className="flex flex-col gap-5">
      <PageHead title="Overview" lead={`Traffic of ${project.name}, beside the period before`}>
        <GroupPicker value={groupBy} onChange={(by) => set({ by: by === 'model' ? null : by })} />
        <RangePicker range={range} />
      </PageHead>
      <Tiles
        now={summary.data ? (total ?? null) : undefined}
        before={earlier.data?.groups[0]}
        hrefOf={hrefOf}
      />
      <div className="grid gap-5 xl:grid-cols-2">
        <ChartCard
          title="Requests"
          loading={!series.data}
          summary={`${formatCompact(total?.requests ?? 0)} requests, ${formatCompact(total?.errors ?? 0)} of them errors`}
          format={formatCompact}
          points={toPoints(points, range, {
            fine: ({ requests, errors }) => requests - errors,
            errors: ({ errors }) => errors,
          })}
          series={[
            { key: 'fine', label: 'Answered', color: 'var(--series-1)', kind: 'bar' },
            { key: 'errors', label: 'Errors', color: 'var(--bad)', kind: 'bar' },
          ]}
          {...chart}
        />
        <ChartCard
          title={`Spend by ${groupBy}`}
          loading={!grouped.data}
          summary={`${formatUsd(total?.costUsd ?? 0)} in all`}
          format={formatUsd}
          {...byGroup(({ costUsd }) => Number(costUsd))}
          {...chart}
        />
        <ChartCard
          title="Latency"
          loading={!series.data}
          summary={`Median ${formatDuration(total?.latencyMs?.p50 ?? 0)}`}
          format={formatDuration}
          points={lines({
            p50: ({ latencyMs }) => latencyMs?.p50 ?? null,
            p95: ({ latencyMs }) => latencyMs?.p95 ?? null,
            p99: ({ latencyMs }) => latencyMs?.p99 ?? null,
            first: ({ timeToFirstChunkMs }) => timeToFirstChunkMs?.p50 ?? null,
          })}
          series={[
            { key: 'p50', label: 'p50', color: 'var(--series-1)', kind: 'line' },
            { key: 'p95', label: 'p95', color: 'var(--series-3)', kind: 'line' },
            { key: 'p99', label: 'p99', color: 'var(--series-4)', kind: 'line' },
            { key: 'first', label: 'First chunk p50', color: 'var(--series-2)', kind: 'line' },
          ]}
          {...chart}
        />
        <ChartCard
          title={`Tokens by ${groupBy}`}
          loading={!grouped.data}
          summary={`${formatCompact(total ? totalTokens(total) : 0)} tokens`}
          format={formatCompact}
          {...byGroup(totalTokens)}
          {...chart}
        />
      </div>
      <GroupTable
        groupBy={groupBy}
        time={time}
        nameOf={nameOf}
        hrefOf={(group) =>
          groupBy === 'project'
            ? `/p/${encodeURIComponent(group)}`
            : hrefOf(filterTerm(groupBy === 'model' ? 'requestModel' : groupBy, group))
        }
      />
    </div>
  );
}
