'use client';

import type { Span, TraceOutline } from '@loom/api-contract';
import dynamic from 'next/dynamic';
import { type SubmitEvent, useState } from 'react';
import { useLoom } from '../api/loom.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount, formatDuration, formatUsd } from '../format/numbers.ts';
import { formatTime } from '../format/times.ts';
import { usePath } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { traceDurationMs } from '../trace/span-tree.ts';
import { Button } from '../ui/button.tsx';
import { Card, PageHead } from '../ui/card.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Field, Select, TextInput } from '../ui/field.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';

const TextDiff = dynamic(() => import('./text-diff.tsx'), {
  ssr: false,
  loading: () => <Skeleton className="h-40" />,
});
const traceId = /^[0-9a-f]{32}$/;

/** Two traces beside each other: their figures, and what was asked and answered line by line. */
export function ComparePage() {
  const { get, set } = useUrlState();
  const [left, right] = [get('left') ?? '', get('right') ?? ''];
  const isReady = traceId.test(left) && traceId.test(right);
  return (
    <>
      <PageHead title="Compare two traces" lead="What differs in figures, requests and answers" />
      <Choice
        key={`${left}${right}`}
        left={left}
        right={right}
        onChoose={(sides) => set(sides, { push: true })}
      />
      {isReady ? (
        <Comparison leftId={left} rightId={right} />
      ) : (
        <Empty title="Choose two traces">Put in their ids, or select two in the list of traces.</Empty>
      )}
    </>
  );
}

function Choice({
  left,
  right,
  onChoose,
}: {
  readonly left: string;
  readonly right: string;
  readonly onChoose: (sides: { left: string; right: string }) => void;
}) {
  const [sides, setSides] = useState({ left, right });
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    onChoose({ left: sides.left.trim(), right: sides.right.trim() });
  };
  const faultOf = (id: string) =>
    id === '' || traceId.test(id.trim()) ? undefined : 'A trace id has 32 lower-case hex digits.';
  return (
    <form onSubmit={submit} className="grid items-start gap-3 md:grid-cols-[1fr_1fr_auto]">
      {(['left', 'right'] as const).map((side) => (
        <Field key={side} label={side === 'left' ? 'Before' : 'After'} error={faultOf(sides[side])}>
          {(ids) => (
            <TextInput
              {...ids}
              className="font-mono text-xs"
              placeholder="trace id"
              value={sides[side]}
              onChange={(event) => setSides({ ...sides, [side]: event.target.value })}
            />
          )}
        </Field>
      ))}
      <Button type="submit" className="mt-5.5">
        Compare
      </Button>
    </form>
  );
}

function Comparison({ leftId, rightId }: { readonly leftId: string; readonly rightId: string }) {
  const left = useLoom('getTraceOutline', { params: { traceId: leftId } });
  const right = useLoom('getTraceOutline', { params: { traceId: rightId } });
  const error = left.error ?? right.error;
  if (error) return <Failure error={error} />;
  if (!left.data || !right.data) return <Skeleton className="h-64" />;
  return <Sides left={left.data} right={right.data} />;
}

function Sides({ left, right }: { readonly left: TraceOutline; readonly right: TraceOutline }) {
  const [leftSpan, setLeft] = useState(left.spans[0]?.spanId ?? '');
  const [rightSpan, setRight] = useState(right.spans[0]?.spanId ?? '');
  return (
    <>
      <Card title="Figures">
        <Figures left={left} right={right} />
      </Card>
      <Card title="Content">
        <div className="grid gap-3 p-4 pt-1">
          <div className="grid gap-3 sm:grid-cols-2">
            <SpanChoice label="Span before" outline={left} value={leftSpan} onChange={setLeft} />
            <SpanChoice label="Span after" outline={right} value={rightSpan} onChange={setRight} />
          </div>
          {leftSpan && rightSpan && <ContentDiff leftSpan={leftSpan} rightSpan={rightSpan} />}
        </div>
      </Card>
    </>
  );
}

function SpanChoice({
  label,
  outline,
  value,
  onChange,
}: {
  readonly label: string;
  readonly outline: TraceOutline;
  readonly value: string;
  readonly onChange: (spanId: string) => void;
}) {
  return (
    <Field label={label}>
      {(ids) => (
        <Select {...ids} value={value} onChange={(event) => onChange(event.target.value)}>
          {outline.spans.slice(0, 500).map(({ spanId, operation, name }, index) => (
            <option key={spanId} value={spanId}>
              {index + 1}. {operation} {visibleText(name)}
            </option>
          ))}
        </Select>
      )}
    </Field>
  );
}

interface FigureRow {
  readonly label: string;
  /** Null: not known. */
  readonly of: (outline: TraceOutline) => number | null;
  readonly format: (value: number) => string;
}

const sum = (outline: TraceOutline, value: (span: TraceOutline['spans'][number]) => number) =>
  outline.spans.reduce((total, span) => total + value(span), 0);
/** Of the spans that have a cost; null when none has. */
function knownCost({ spans }: TraceOutline): number | null {
  const known = spans.flatMap(({ totalUsd }) => (totalUsd === null ? [] : [Number(totalUsd)]));
  return known.length === 0 ? null : known.reduce((total, usd) => total + usd, 0);
}

function shown({ format }: FigureRow, value: number | null): string {
  return value === null ? '–' : format(value);
}

const rows: readonly FigureRow[] = [
  { label: 'Duration', of: traceDurationMs, format: formatDuration },
  {
    label: 'Time to first chunk',
    of: ({ spans }) => spans[0]?.timeToFirstChunkMs ?? null,
    format: formatDuration,
  },
  { label: 'Spans', of: ({ spans }) => spans.length, format: formatCount },
  {
    label: 'Errors',
    of: (outline) =>
      sum(outline, ({ errorType, outcome }) => Number(errorType !== null || outcome !== 'completed')),
    format: formatCount,
  },
  { label: 'Tokens', of: (outline) => sum(outline, ({ totalTokens }) => totalTokens), format: formatCount },
  {
    label: 'Cost',
    of: knownCost,
    format: formatUsd,
  },
];

function Figures({ left, right }: { readonly left: TraceOutline; readonly right: TraceOutline }) {
  const path = usePath();
  const head = (outline: TraceOutline) => formatTime(outline.startTime);
  return (
    <>
      <DataTable
        caption="Figures of both traces"
        rows={rows}
        keyOf={({ label }) => label}
        columns={[
          { head: 'Figure', cell: ({ label }) => label },
          { head: 'Before', align: 'right', cell: (row) => shown(row, row.of(left)) },
          { head: 'After', align: 'right', cell: (row) => shown(row, row.of(right)) },
          {
            head: 'Difference',
            align: 'right',
            cell: (row) => <Difference row={row} before={row.of(left)} after={row.of(right)} />,
          },
        ]}
      />
      <p className="flex gap-4 px-4 py-2 text-xs text-muted">
        <Link href={path('traces', left.traceId)} className="hover:underline">
          Before: {head(left)}
        </Link>
        <Link href={path('traces', right.traceId)} className="hover:underline">
          After: {head(right)}
        </Link>
      </p>
    </>
  );
}

function Difference({
  row,
  before,
  after,
}: {
  readonly row: FigureRow;
  readonly before: number | null;
  readonly after: number | null;
}) {
  if (before === null || after === null) return <span className="text-muted">–</span>;
  const change = after - before;
  if (change === 0) return <span className="text-muted">same</span>;
  const percent =
    before === 0 ? '' : ` (${change > 0 ? '+' : '−'}${Math.abs(Math.round((change / before) * 100))}%)`;
  return (
    <span>
      {change > 0 ? '+' : '−'}
      {row.format(Math.abs(change))}
      {percent}
    </span>
  );
}

function ContentDiff({ leftSpan, rightSpan }: { readonly leftSpan: string; readonly rightSpan: string }) {
  const left = useLoom('getSpan', { params: { spanId: leftSpan } }, { staleTime: Infinity });
  const right = useLoom('getSpan', { params: { spanId: rightSpan } }, { staleTime: Infinity });
  const error = left.error ?? right.error;
  if (error) return <Failure error={error} />;
  if (!left.data || !right.data) return <Skeleton className="h-40" />;
  return (
    <>
      <TextDiff title="Request" before={textOf(left.data.request)} after={textOf(right.data.request)} />
      <TextDiff title="Answer" before={answerOf(left.data)} after={answerOf(right.data)} />
    </>
  );
}

/** Ids and times differ always and say nothing. */
function answerOf({ response }: Span): string {
  if (typeof response !== 'object' || response === null) return textOf(response);
  const { id: _, created: __, created_at: ___, ...rest } = response as Record<string, unknown>;
  return textOf(rest);
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}
