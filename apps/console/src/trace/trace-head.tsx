import type { TraceOutline } from '@loom/api-contract';
import { formatCompact, formatCount, formatDuration, formatUsd } from '../format/numbers.ts';
import { formatInstant, formatTime } from '../format/times.ts';
import { traceDurationMs } from './span-tree.ts';

/** Sums over the whole trace in one line. */
export function TraceSums({ outline }: { readonly outline: TraceOutline }) {
  const { spans } = outline;
  const tokens = spans.reduce((sum, { totalTokens }) => sum + totalTokens, 0);
  const errors = spans.filter(
    ({ errorType, outcome }) => errorType !== null || outcome !== 'completed',
  ).length;
  const priced = spans.flatMap(({ totalUsd }) => (totalUsd === null ? [] : [Number(totalUsd)]));
  const isPartial = spans.some(({ costState }) => costState === 'partial');
  return (
    <p className="tabular flex flex-wrap items-center gap-x-3 gap-y-1 text-xs text-muted">
      <span title={formatInstant(outline.startTime)}>{formatTime(outline.startTime)}</span>
      <span>{formatDuration(traceDurationMs(outline))}</span>
      <span>
        {formatCount(spans.length)}
        {outline.truncated && '+'} {spans.length === 1 ? 'span' : 'spans'}
      </span>
      <span title={formatCount(tokens)}>{formatCompact(tokens)} tokens</span>
      {priced.length > 0 && (
        <span title={isPartial ? 'Part of the price is unknown' : undefined}>
          {formatUsd(priced.reduce((sum, usd) => sum + usd, 0))}
          {isPartial && <span className="text-warn"> partial</span>}
        </span>
      )}
      {errors > 0 && (
        <span className="text-bad">
          {formatCount(errors)} {errors === 1 ? 'error' : 'errors'}
        </span>
      )}
    </p>
  );
}
