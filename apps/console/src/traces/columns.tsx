'use client';

import type { TraceSummary } from '@loom/api-contract';
import type { ReactNode } from 'react';
import { formatCompact, formatCount, formatDuration, formatUsd } from '../format/numbers.ts';
import { formatExactTime, formatInstant } from '../format/times.ts';
import { visibleText } from '../format/foreign-text.ts';
import { OutcomeBadge } from './outcome-badge.tsx';

export interface ColumnLook {
  readonly label: string;
  /** CSS grid track, where the content does not decide. */
  readonly width?: string;
  /** What is shown as plain text. The column is as wide as the longest: a number or a time is never cut. */
  readonly text?: (trace: TraceSummary) => string;
  readonly align?: 'right';
  readonly shown: 'always' | 'wide' | 'chosen';
}

/** How each column is shown; `chosen` ones only when someone asks for them, `wide` ones not on a phone. */
export const columnLooks: Readonly<Record<string, ColumnLook>> = {
  time: { label: 'Time', text: ({ span }) => formatExactTime(span.startTime), shown: 'always' },
  outcome: { label: 'Outcome', width: '6.75rem', shown: 'always' },
  model: { label: 'Model', width: 'minmax(10.5rem,1.2fr)', shown: 'always' },
  input: { label: 'Input', width: 'minmax(7rem,2.2fr)', shown: 'wide' },
  output: { label: 'Output', width: 'minmax(7rem,2.2fr)', shown: 'wide' },
  latency: { label: 'Latency', text: latencyText, align: 'right', shown: 'always' },
  firstChunk: { label: 'First chunk', text: firstChunkText, align: 'right', shown: 'chosen' },
  tokens: { label: 'Tokens', text: tokensText, align: 'right', shown: 'wide' },
  cost: { label: 'Cost', text: costText, align: 'right', shown: 'wide' },
  spans: { label: 'Spans', text: spansText, align: 'right', shown: 'wide' },
  user: { label: 'User', width: '8rem', shown: 'chosen' },
  session: { label: 'Session', width: '8rem', shown: 'chosen' },
  key: { label: 'API key', width: '8rem', shown: 'chosen' },
  operation: { label: 'Operation', width: '8rem', shown: 'chosen' },
  provider: { label: 'Provider', width: '7rem', shown: 'chosen' },
};

function latencyText({ durationMs }: TraceSummary): string {
  return formatDuration(durationMs);
}

function firstChunkText({ span: { timeToFirstChunkMs } }: TraceSummary): string {
  return timeToFirstChunkMs === null ? '–' : formatDuration(timeToFirstChunkMs);
}

function tokensText({ totalTokens }: TraceSummary): string {
  return formatCompact(totalTokens);
}

function costText({ costState, totalUsd }: TraceSummary): string {
  if (costState === 'pending') return 'pending';
  if (totalUsd === null) return '–';
  return costState === 'partial' ? `${formatUsd(totalUsd)} partial` : formatUsd(totalUsd);
}

function spansText({ spanCount, errorCount }: TraceSummary): string {
  return errorCount > 0 && spanCount > 1
    ? `${formatCount(spanCount)} · ${errorCount}`
    : formatCount(spanCount);
}

/** CSS grid tracks of columns; `widths`: those that someone has set, pixels. */
export function trackOf(
  id: string,
  traces: readonly TraceSummary[],
  widths: Readonly<Record<string, number>>,
): string {
  const { label = '', width, text } = columnLooks[id] ?? {};
  if (widths[id] !== undefined) return `${widths[id]}px`;
  if (!text) return width ?? '8rem';
  const longest = traces.reduce((most, trace) => Math.max(most, digitsOf(text(trace))), label.length + 1);
  return `calc(${longest}ch + 1.25rem)`; // and the padding of the cell
}

/** How wide a text is, in digits: points, colons and spaces take half of one. */
function digitsOf(text: string): number {
  const narrow = text.match(/[ .,:]/g)?.length ?? 0;
  return text.length - narrow / 2;
}

type Cell = (trace: TraceSummary, keyName: (id: string) => string) => ReactNode;

/** What stands in a row, by column. */
export const traceCells: Readonly<Record<string, Cell>> = {
  time: ({ span }) => <span title={formatInstant(span.startTime)}>{formatExactTime(span.startTime)}</span>,
  outcome: ({ span }) => <OutcomeBadge outcome={span.outcome} status={span.status} />,
  model: ({ span }) => span.responseModel ?? span.requestModel,
  input: ({ span }) => <Preview text={span.inputPreview} />,
  output: ({ span }) => <Preview text={span.outputPreview || (span.errorType ?? '')} />,
  latency: latencyText,
  firstChunk: firstChunkText,
  tokens: (trace) => <span title={formatCount(trace.totalTokens)}>{tokensText(trace)}</span>,
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
