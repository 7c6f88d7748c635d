'use client';

import dynamic from 'next/dynamic';
import { Card } from '../ui/card.tsx';
import { Skeleton } from '../ui/states.tsx';
import type { ChartPoint, TimeChartProps } from './time-chart.tsx';

// The charts come after the figures: their library is a good part of the page's weight.
const TimeChart = dynamic(() => import('./time-chart.tsx'), {
  ssr: false,
  loading: () => <Skeleton className="size-full" />,
});

export function ChartCard({
  title,
  summary,
  points,
  ...chart
}: Omit<TimeChartProps, 'points'> & {
  readonly title: string;
  readonly summary: string;
  /** Undefined while they are being loaded. */
  readonly points: readonly ChartPoint[] | undefined;
}) {
  const isEmpty = (points ?? []).every(({ values }) =>
    Object.values(values).every((value) => value === null || value === 0),
  );
  return (
    <Card title={title}>
      <div className="grid gap-2 px-3 pb-3">
        <figure className="h-48" aria-label={`${title}. ${summary}`}>
          {points === undefined ? (
            <Skeleton className="size-full" />
          ) : isEmpty ? (
            <p className="grid h-full place-items-center text-muted">Nothing in this time</p>
          ) : (
            <TimeChart points={points} {...chart} />
          )}
        </figure>
        {!isEmpty && (
          <ul className="flex flex-wrap gap-x-4 gap-y-1 px-1 text-xs text-muted">
            {chart.series.map(({ key, label, color }) => (
              <li key={key} className="flex max-w-56 items-center gap-1.5">
                <span aria-hidden className="size-2 shrink-0 rounded-sm" style={{ background: color }} />
                <span className="truncate">{label}</span>
              </li>
            ))}
          </ul>
        )}
      </div>
    </Card>
  );
}
