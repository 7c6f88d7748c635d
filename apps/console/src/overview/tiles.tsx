'use client';

import type { MetricsSummary } from '@loom/api-contract';
import { ArrowDown, ArrowUp } from 'lucide-react';
import { cn } from '../format/class-names.ts';
import { Link } from '../ui/link.tsx';
import { Skeleton } from '../ui/states.tsx';
import { type Figure, figures, filterOf } from './figures.ts';

type Group = MetricsSummary['groups'][number];

export function Tiles({
  now,
  before,
  hrefOf,
}: {
  readonly now: Group | undefined | null;
  readonly before: Group | undefined;
  readonly hrefOf: (filter: string) => string;
}) {
  return (
    <div className="grid grid-cols-2 gap-px overflow-hidden rounded-xl border bg-line sm:grid-cols-3 lg:grid-cols-4 2xl:grid-cols-6">
      {figures.map((figure) => (
        <Tile
          key={figure.label}
          figure={figure}
          now={now}
          before={before}
          href={hrefOf(now ? filterOf(figure, now) : figure.filter)}
        />
      ))}
      {/* Fills the last row of the grid at each width: 11 tiles in 2, 3, 4 and 6 columns leave one place. */}
      <div aria-hidden className="bg-surface" />
    </div>
  );
}

function Tile({
  figure,
  now,
  before,
  href,
}: {
  readonly figure: Figure;
  readonly now: Group | undefined | null;
  readonly before: Group | undefined;
  readonly href: string;
}) {
  const value = now ? figure.value(now) : null;
  const earlier = before ? figure.value(before) : null;
  const note = (now && figure.note?.(now)) ?? null;
  return (
    <Link
      href={href}
      title={`${figure.hint}. Opens the traces behind it.`}
      className="grid content-start gap-1 bg-surface px-4 py-3 hover:bg-raised"
    >
      <span className="text-xs text-muted">{figure.label}</span>
      {now === undefined ? (
        <Skeleton className="h-7 w-20" />
      ) : (
        <span className="tabular flex h-7 items-baseline gap-2">
          <span className="text-xl font-semibold tracking-tight">
            {value === null ? '–' : figure.format(value)}
          </span>
          <Change figure={figure} value={value} earlier={earlier} />
        </span>
      )}
      {note !== null && <span className="text-xs text-warn">{note}</span>}
    </Link>
  );
}

function Change({
  figure,
  value,
  earlier,
}: {
  readonly figure: Figure;
  readonly value: number | null;
  readonly earlier: number | null;
}) {
  if (value === null || earlier === null || earlier === 0) return null;
  const change = (value - earlier) / earlier;
  const percent = Math.round(change * 100);
  if (percent === 0) return <span className="text-xs text-muted">±0%</span>;
  const Icon = change > 0 ? ArrowUp : ArrowDown;
  const isWorse = figure.worse === 'up' && change > 0;
  const tone = figure.worse === null ? 'text-muted' : isWorse ? 'text-bad' : 'text-ok';
  return (
    <span
      title={`${figure.format(earlier)} in the period before`}
      className={cn('inline-flex items-center text-xs', tone)}
    >
      <Icon aria-hidden className="size-3" />
      <span className="sr-only">{change > 0 ? 'up' : 'down'}</span>
      {Math.abs(percent) > 999 ? '>999' : Math.abs(percent)}%
    </span>
  );
}
