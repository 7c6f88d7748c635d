'use client';

import type { TraceOutline } from '@loom/api-contract';
import { useVirtualizer } from '@tanstack/react-virtual';
import {
  Bot,
  Boxes,
  ChevronRight,
  Database,
  type LucideIcon,
  MessageSquare,
  Network,
  RotateCw,
  Search,
  Workflow,
  Wrench,
} from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { cn } from '../format/class-names.ts';
import { visibleText } from '../format/foreign-text.ts';
import { formatCompact, formatDuration, formatUsd } from '../format/numbers.ts';
import { useKeys } from '../shell/use-keys.ts';
import { AttemptReason } from './attempts.tsx';
import { type OutlineSpan, toTreeRows, traceDurationMs, type TreeRow } from './span-tree.ts';

// Looked up by names from outside: without a prototype, `constructor` is none of them.
const icons: Readonly<Record<string, LucideIcon>> = Object.assign(Object.create(null) as object, {
  chat: MessageSquare,
  invoke_agent: Bot,
  create_agent: Bot,
  execute_tool: Wrench,
  invoke_workflow: Workflow,
  retrieval: Search,
  embeddings: Boxes,
  plan: Network,
  attempt: RotateCw,
});
const rowHeight = 34;
const none: ReadonlySet<string> = new Set();

export interface SpanListProps {
  readonly outline: TraceOutline;
  readonly selected: string | null;
  readonly onSelect: (spanId: string) => void;
  readonly mode: 'tree' | 'timeline';
}

/** The spans of a trace as a tree, or as bars over time. Arrow keys walk; left and right close and open. */
export function SpanList({ outline, selected, onSelect, mode }: SpanListProps) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(none);
  const [wanted, setWanted] = useState('');
  const rows = useMemo(() => {
    const all = toTreeRows(outline, wanted === '' ? closed : none);
    const text = wanted.toLowerCase();
    return text === '' ? all : all.filter(({ span }) => matches(span, text));
  }, [outline, closed, wanted]);
  const total = useMemo(() => traceDurationMs(outline), [outline]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    scrollPaddingStart: 40,
    scrollPaddingEnd: 48,
    overscan: 15,
  });
  const at = rows.findIndex(({ owner }) => owner === selected);
  useEffect(() => {
    if (at >= 0) virtualizer.scrollToIndex(at);
  }, [at, virtualizer]);
  const toggle = (spanId: string, close: boolean) =>
    setClosed((before) => {
      const after = new Set(before);
      if (close) after.add(spanId);
      else after.delete(spanId);
      return after;
    });
  const step = (by: number) => {
    const others = rows.filter(({ span, owner }) => span.spanId === owner);
    const from = others.findIndex(({ owner }) => owner === selected);
    const next = others[Math.min(others.length - 1, Math.max(0, from + by))];
    if (next) onSelect(next.owner);
  };
  useKeys({
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    ArrowLeft: () => selected !== null && toggle(selected, true),
    ArrowRight: () => selected !== null && toggle(selected, false),
  });
  return (
    <div className="flex h-full min-h-0 flex-col">
      {outline.spans.length > 8 && (
        <div className="flex items-center gap-2 border-b p-2">
          <input
            aria-label="Find a span"
            placeholder={`Find among ${outline.spans.length} spans`}
            value={wanted}
            onChange={(event) => setWanted(event.target.value)}
            className="h-7 min-w-0 grow rounded-md border border-strong bg-surface px-2 text-xs placeholder:text-muted"
          />
          <button
            type="button"
            onClick={() =>
              setClosed(closed.size > 0 ? none : new Set(outline.spans.map(({ spanId }) => spanId)))
            }
            className="text-xs text-accent hover:underline"
          >
            {closed.size > 0 ? 'Open all' : 'Close all'}
          </button>
        </div>
      )}
      {outline.truncated && (
        <p className="border-b bg-warn-soft px-3 py-1.5 text-xs text-warn">
          The first {outline.spans.length} spans: the trace has more.
        </p>
      )}
      {mode === 'timeline' && <Ruler total={total} />}
      <div ref={scroller} role="tree" aria-label="Spans" tabIndex={0} className="min-h-0 grow overflow-auto">
        <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
          {virtualizer.getVirtualItems().map(({ index, start }) => {
            const row = rows[index];
            if (!row) return null;
            const { span, depth, childCount, owner, reason } = row;
            const isClosed = closed.has(span.spanId);
            return (
              <div
                key={span.spanId}
                role="treeitem"
                aria-level={depth + 1}
                aria-selected={index === at}
                aria-expanded={childCount > 0 ? !isClosed : undefined}
                onClick={() => onSelect(owner)}
                style={{ height: rowHeight, transform: `translateY(${start}px)` }}
                className={cn(
                  'absolute inset-x-0 top-0 flex cursor-pointer items-center gap-1.5 border-b pr-3 pl-2 hover:bg-raised/60',
                  index === at && 'bg-accent-soft/70',
                )}
              >
                {/* The place of the names is as wide in every row: the bars have one time axis. */}
                <span
                  className={cn(
                    'flex min-w-0 items-center gap-1.5',
                    mode === 'timeline' ? 'w-2/5 shrink-0' : 'grow',
                  )}
                >
                  <span aria-hidden style={{ width: Math.min(depth, 12) * 14 }} className="shrink-0" />
                  <button
                    type="button"
                    tabIndex={-1}
                    aria-label={isClosed ? 'Open' : 'Close'}
                    onClick={(event) => {
                      event.stopPropagation();
                      toggle(span.spanId, !isClosed);
                    }}
                    className={cn(
                      'grid size-4 shrink-0 place-items-center text-muted',
                      childCount === 0 && 'invisible',
                    )}
                  >
                    <ChevronRight
                      aria-hidden
                      className={cn('size-3.5 transition-transform', !isClosed && 'rotate-90')}
                    />
                  </button>
                  <SpanLabel span={span} />
                  {reason !== null && mode === 'tree' && <AttemptReason reason={reason} />}
                </span>
                {mode === 'tree' ? <SpanFacts span={span} /> : <SpanBar row={row} total={total} />}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function SpanLabel({ span }: { readonly span: OutlineSpan }) {
  const Icon = icons[span.operation] ?? Database;
  const isError = span.errorType !== null || span.status >= 400 || span.outcome !== 'completed';
  return (
    <span className="flex min-w-0 grow items-center gap-1.5">
      <Icon
        aria-label={span.operation}
        className={cn('size-3.5 shrink-0', isError ? 'text-bad' : 'text-muted')}
      />
      <bdi title={`${span.operation} ${span.name}`} className={cn('truncate', isError && 'text-bad')}>
        {visibleText(span.name || span.operation)}
      </bdi>
      {span.attempts.length > 1 && (
        <span className="shrink-0 rounded bg-warn-soft px-1 text-2xs text-warn">
          {span.attempts.length} attempts
        </span>
      )}
    </span>
  );
}

function SpanFacts({ span }: { readonly span: OutlineSpan }) {
  return (
    <span className="tabular flex shrink-0 items-center gap-2.5 text-xs text-muted">
      {span.totalTokens > 0 && (
        <span className="hidden sm:inline">{formatCompact(span.totalTokens)} tok</span>
      )}
      {span.totalUsd !== null && Number(span.totalUsd) > 0 && (
        <span className="hidden sm:inline">{formatUsd(span.totalUsd)}</span>
      )}
      <span>{formatDuration(span.durationMs)}</span>
    </span>
  );
}

function SpanBar({ row: { span, startMs }, total }: { readonly row: TreeRow; readonly total: number }) {
  const share = (ms: number) => `${total === 0 ? 0 : Math.min(100, (ms / total) * 100)}%`;
  const isError = span.errorType !== null || span.outcome !== 'completed';
  return (
    <>
      <span
        className="relative h-full min-w-16 grow"
        title={`${formatDuration(startMs)} after the start, for ${formatDuration(span.durationMs)}`}
      >
        <span
          className={cn(
            'absolute top-1/2 h-3 min-w-0.5 -translate-y-1/2 rounded-sm',
            isError ? 'bg-bad/70' : 'bg-accent/65',
          )}
          style={{ left: share(startMs), width: share(span.durationMs) }}
        >
          {span.timeToFirstChunkMs !== null && span.durationMs > 0 && (
            <span
              aria-hidden
              className="absolute inset-y-0 w-0.5 bg-text"
              style={{ left: `${Math.min(100, (span.timeToFirstChunkMs / span.durationMs) * 100)}%` }}
            />
          )}
        </span>
      </span>
      <span className="tabular w-14 shrink-0 text-right text-2xs text-muted">
        {formatDuration(span.durationMs)}
      </span>
    </>
  );
}

/** The time axis above the bars, in quarters of the trace. */
function Ruler({ total }: { readonly total: number }) {
  return (
    <div aria-hidden className="flex h-6 items-center gap-1.5 border-b pr-3 pl-2 text-2xs text-muted">
      <span className="w-2/5 shrink-0" />
      <span className="tabular relative grow">
        {[0, 0.25, 0.5, 0.75].map((share) => (
          <span
            key={share}
            className="absolute -translate-y-1/2 border-l pl-1"
            style={{ left: `${share * 100}%` }}
          >
            {formatDuration(total * share)}
          </span>
        ))}
      </span>
      <span className="tabular w-14 shrink-0 text-right">{formatDuration(total)}</span>
    </div>
  );
}

function matches({ name, operation, provider, errorType, spanId }: OutlineSpan, text: string): boolean {
  return [name, operation, provider, errorType ?? '', spanId].some((field) =>
    field.toLowerCase().includes(text),
  );
}
