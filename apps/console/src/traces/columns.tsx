'use client';

import type { TraceSummary } from '@loom/api-contract';
import type { ReactNode } from 'react';
import { formatCompact, formatCount, formatDuration, formatUsd } from '../format/numbers.ts';
import { formatInstant, formatTime } from '../format/times.ts';
import { visibleText } from '../format/foreign-text.ts';
import { OutcomeBadge } from './outcome-badge.tsx';

export interface ColumnLook {
  readonly label: string;
  /** CSS grid track. */
  readonly width: string;
  readonly align?: 'right';
  readonly shown: 'always' | 'wide' | 'chosen';
}

/** How each column is shown; `chosen` ones only when someone asks for them, `wide` ones not on a phone. */
export const columnLooks: Readonly<Record<string, ColumnLook>> = {
  time: { label: 'Time', width: '7.5rem', shown: 'always' },
  outcome: { label: 'Outcome', width: '6.75rem', shown: 'always' },
  model: { label: 'Model', width: 'minmax(10.5rem,1.2fr)', shown: 'always' },
  input: { label: 'Input', width: 'minmax(7rem,2.2fr)', shown: 'wide' },
  output: { label: 'Output', width: 'minmax(7rem,2.2fr)', shown: 'wide' },
  latency: { label: 'Latency', width: '5.5rem', align: 'right', shown: 'always' },
  firstChunk: { label: 'First chunk', width: '5.5rem', align: 'right', shown: 'chosen' },
  tokens: { label: 'Tokens', width: '4.5rem', align: 'right', shown: 'wide' },
  cost: { label: 'Cost', width: '6rem', align: 'right', shown: 'wide' },
  spans: { label: 'Spans', width: '4rem', align: 'right', shown: 'wide' },
  user: { label: 'User', width: '8rem', shown: 'chosen' },
  session: { label: 'Session', width: '8rem', shown: 'chosen' },
  key: { label: 'API key', width: '8rem', shown: 'chosen' },
  operation: { label: 'Operation', width: '8rem', shown: 'chosen' },
  provider: { label: 'Provider', width: '7rem', shown: 'chosen' },
};

type Cell = (trace: TraceSummary, keyName: (id: string) => string) => ReactNode;

/** What stands in a row, by column. */
export const traceCells: Readonly<Record<string, Cell>> = {
  time: ({ span }) => <span title={formatInstant(span.startTime)}>{formatTime(span.startTime)}</span>,
  outcome: ({ span }) => <OutcomeBadge outcome={span.outcome} status={span.status} />,
  model: ({ span }) => span.responseModel ?? span.requestModel,
  input: ({ span }) => <Preview text={span.inputPreview} />,
  output: ({ span }) => <Preview text={span.outputPreview || (span.errorType ?? '')} />,
  latency: ({ durationMs }) => formatDuration(durationMs),
  firstChunk: ({ span }) =>
    span.timeToFirstChunkMs === null ? '–' : formatDuration(span.timeToFirstChunkMs),
  tokens: ({ totalTokens }) => <span title={formatCount(totalTokens)}>{formatCompact(totalTokens)}</span>,
  cost: (trace) => <TraceCost trace={trace} />,
  spans: (trace) => <SpanCount trace={trace} />,
  user: ({ span }) => span.userId ?? '–',
  session: ({ span }) => span.sessionId ?? '–',
  key: ({ span }, keyName) => keyName(span.keyId),
  operation: ({ span }) => span.operation,
  provider: ({ span }) => span.provider,
};

function Preview({ text }: { readonly text: string }) {
  return <bdi className="text-muted">{visibleText(text).replaceAll('\n', ' ') || '–'}</bdi>;
}

function TraceCost({ trace: { costState, totalUsd } }: { readonly trace: TraceSummary }) {
  if (costState === 'pending')
    return (
      <span className="text-muted" title="Not priced yet">
        pending
      </span>
    );
  if (totalUsd === null)
    return (
      <span className="text-muted" title="There is no price for this model">
        –
      </span>
    );
  if (costState === 'partial')
    return (
      <span title={`$${totalUsd}; part of the price is unknown`}>
        {formatUsd(totalUsd)}
        <span className="text-warn"> partial</span>
      </span>
    );
  return <span title={`$${totalUsd}`}>{formatUsd(totalUsd)}</span>;
}

function SpanCount({ trace: { spanCount, errorCount } }: { readonly trace: TraceSummary }) {
  return (
    <>
      {formatCount(spanCount)}
      {errorCount > 0 && spanCount > 1 && (
        <span className="text-bad" title={`${errorCount} with an error`}>
          {' '}
          · {errorCount}
        </span>
      )}
    </>
  );
}
