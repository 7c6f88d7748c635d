'use client';

import { memo } from 'react';
import { useLoom } from '../api/loom.tsx';
import { cn } from '../format/class-names.ts';
import { formatCompact, formatCount } from '../format/numbers.ts';
import { formatTime } from '../format/times.ts';
import { useUrlState } from '../shell/url-state.ts';
import type { TimeRange } from '../time/range.ts';
import { Cost } from '../ui/cost.tsx';

/** Above the list: how much matches, what it adds up to, and when it was. A click on a bar zooms in on it. */
export const MatchStrip = memo(function MatchStrip({
  range: { from, to, bucketSeconds },
  filter,
}: {
  readonly range: TimeRange;
  readonly filter: string;
}) {
  const { set } = useUrlState();
  const query = { from, to, bucketSeconds, ...(filter && { filter }) };
  const { data, isPlaceholderData } = useLoom('getMatches', { query }, { keep: true, retry: false });
  if (!data) return <div className="h-12 border-b" />;
  const bars = barsOf(data);
  const most = Math.max(1, ...bars.map(({ spans }) => spans));
  const zoom = (start: number) =>
    set(
      {
        range: null,
        from: new Date(start).toISOString(),
        to: new Date(start + data.bucketSeconds * 1000).toISOString(),
      },
      { push: true },
    );
  return (
    <div aria-busy={isPlaceholderData} className="flex h-12 items-center gap-4 border-b px-3">
      <p className="tabular flex shrink-0 gap-3 text-xs text-muted">
        <Sum name="traces" count={data.traces} />
        <Sum name="spans" count={data.spans} />
        <Sum name="errors" count={data.errors} />
        <Sum name="tokens" count={data.totalTokens} />
        <span className="text-text">
          <Cost usd={data.totalUsd} withoutPrice={data.withoutPrice} partlyPriced={data.partlyPriced} />
        </span>
      </p>
      <div
        role="group"
        aria-label="Spans over time"
        className="hidden h-9 min-w-0 grow items-end gap-px md:flex"
      >
        {bars.map(({ start, spans, errors }) => (
          <button
            key={start}
            type="button"
            tabIndex={-1}
            disabled={spans === 0}
            onClick={() => zoom(start)}
            title={`${formatTime(start)}: ${formatCount(spans)} spans, ${formatCount(errors)} errors`}
            className="group flex h-full min-w-0 grow flex-col justify-end"
          >
            <span className="sr-only">{formatTime(start)}</span>
            <span
              style={{ height: share(errors, most) }}
              className="block w-full bg-bad group-hover:opacity-70"
            />
            <span
              style={{ height: share(spans - errors, most) }}
              className={cn(
                'block w-full bg-accent/60 group-hover:bg-accent',
                spans === 0 && 'bg-transparent',
              )}
            />
          </button>
        ))}
      </div>
    </div>
  );
});

function Sum({ name, count }: { readonly name: string; readonly count: number }) {
  return (
    <span title={formatCount(count)}>
      <span className="text-text">{formatCompact(count)}</span> {name}
    </span>
  );
}

function share(part: number, whole: number): string {
  return part === 0 ? '0' : `max(1px, ${(part / whole) * 100}%)`;
}

interface Bar {
  /** Unix milliseconds. */
  readonly start: number;
  readonly spans: number;
  readonly errors: number;
}

/** A bar for each bucket of the range, those without spans too. */
function barsOf({
  from,
  to,
  bucketSeconds,
  buckets,
}: {
  readonly from: string;
  readonly to: string;
  readonly bucketSeconds: number;
  readonly buckets: readonly {
    readonly bucketStart: string;
    readonly spans: number;
    readonly errors: number;
  }[];
}): Bar[] {
  const size = bucketSeconds * 1000;
  const found = new Map(buckets.map(({ bucketStart, ...bar }) => [Date.parse(bucketStart), bar]));
  const bars: Bar[] = [];
  for (let start = Math.floor(Date.parse(from) / size) * size; start < Date.parse(to); start += size)
    bars.push({ start, ...(found.get(start) ?? { spans: 0, errors: 0 }) });
  return bars;
}
