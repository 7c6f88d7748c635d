'use client';

import type { TraceSummary } from '@loom/api-contract';
import {
  columnVisibilityFeature,
  createColumnHelper,
  rowSelectionFeature,
  tableFeatures,
} from '@tanstack/react-table';
import { formatCompact, formatCount, formatDuration, formatUsd } from '../format/numbers.ts';
import { formatInstant, formatTime } from '../format/times.ts';
import { visibleText } from '../format/foreign-text.ts';
import { OutcomeBadge } from './outcome-badge.tsx';

export const traceFeatures = tableFeatures({ columnVisibilityFeature, rowSelectionFeature });
const helper = createColumnHelper<typeof traceFeatures, TraceSummary>();

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

export function traceColumns(keyName: (id: string) => string) {
  return helper.columns([
    helper.display({
      id: 'time',
      cell: ({ row }) => (
        <span title={formatInstant(row.original.span.startTime)}>
          {formatTime(row.original.span.startTime)}
        </span>
      ),
    }),
    helper.display({
      id: 'outcome',
      cell: ({ row }) => (
        <OutcomeBadge outcome={row.original.span.outcome} status={row.original.span.status} />
      ),
    }),
    helper.display({
      id: 'model',
      cell: ({ row }) => row.original.span.responseModel ?? row.original.span.requestModel,
    }),
    helper.display({ id: 'input', cell: ({ row }) => <Preview text={row.original.span.inputPreview} /> }),
    helper.display({
      id: 'output',
      cell: ({ row }) => (
        <Preview text={row.original.span.outputPreview || (row.original.span.errorType ?? '')} />
      ),
    }),
    helper.display({ id: 'latency', cell: ({ row }) => formatDuration(row.original.durationMs) }),
    helper.display({
      id: 'firstChunk',
      cell: ({ row }) =>
        row.original.span.timeToFirstChunkMs === null
          ? '–'
          : formatDuration(row.original.span.timeToFirstChunkMs),
    }),
    helper.display({
      id: 'tokens',
      cell: ({ row }) => (
        <span title={formatCount(row.original.totalTokens)}>{formatCompact(row.original.totalTokens)}</span>
      ),
    }),
    helper.display({ id: 'cost', cell: ({ row }) => <TraceCost trace={row.original} /> }),
    helper.display({ id: 'spans', cell: ({ row }) => <SpanCount trace={row.original} /> }),
    helper.display({ id: 'user', cell: ({ row }) => row.original.span.userId ?? '–' }),
    helper.display({ id: 'session', cell: ({ row }) => row.original.span.sessionId ?? '–' }),
    helper.display({ id: 'key', cell: ({ row }) => keyName(row.original.span.keyId) }),
    helper.display({ id: 'operation', cell: ({ row }) => row.original.span.operation }),
    helper.display({ id: 'provider', cell: ({ row }) => row.original.span.provider }),
  ]);
}

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
  if (costState === 'unpriced' && Number(totalUsd) === 0)
    return (
      <span className="text-muted" title="There is no price for this model">
        –
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
