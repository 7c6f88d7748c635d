'use client';

import { useVirtualizer } from '@tanstack/react-virtual';
import type { TraceSummary } from '@loom/api-contract';
import type { TraceSort } from '@loom/trace-schema/trace-sorts';
import { useCallback, useEffect, useMemo, useRef } from 'react';
import { cn } from '../format/class-names.ts';
import { Skeleton } from '../ui/states.tsx';
import { useLate } from '../ui/use-late.ts';
import { ColumnHandle } from './column-handle.tsx';
import { ariaSort, ColumnHead } from './column-head.tsx';
import { columnLooks, trackOf } from './columns.tsx';
import { type Selection, toggled } from './selection.ts';
import { rowHeight, TraceRow } from './trace-row.tsx';
import { useColumnWidths } from './use-column-widths.ts';
import type { Sorting } from './use-sort.ts';

const loadAheadRows = 20;
const noticedMs = 150;

export interface TraceTableProps {
  readonly traces: readonly TraceSummary[];
  readonly columns: readonly string[];
  readonly sorting: Sorting;
  readonly onSort: (sort: TraceSort) => void;
  readonly keyName: (id: string) => string;
  readonly selection: Selection;
  readonly onSelection: (change: (before: Selection) => Selection) => void;
  /** Index of the row that the keyboard is at; -1: none. */
  readonly at: number;
  readonly onOpen: (traceId: string) => void;
  readonly onEnd: () => void;
  readonly isLoadingMore: boolean;
  readonly isStale: boolean;
}

/** The list of traces: only the rows that can be seen are in the page, however many there are. */
export function TraceTable(props: TraceTableProps) {
  const { traces, columns, sorting, onSort, keyName, selection, onSelection, at } = props;
  const { onOpen, onEnd, isLoadingMore, isStale } = props;
  const scroller = useRef<HTMLDivElement>(null);
  const virtualizer = useVirtualizer({
    count: traces.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    scrollPaddingStart: 40,
    scrollPaddingEnd: 48,
    overscan: 4,
  });
  const items = virtualizer.getVirtualItems();
  const lastSeen = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (traces.length > 0 && lastSeen >= traces.length - loadAheadRows) onEnd();
  }, [lastSeen, traces.length, onEnd]);
  useEffect(() => {
    if (at >= 0) virtualizer.scrollToIndex(at);
  }, [at, virtualizer]);
  const select = useCallback(
    (traceId: string) => onSelection((before) => toggled(before, traceId)),
    [onSelection],
  );
  const isAll = traces.length > 0 && traces.every(({ traceId }) => selection[traceId]);
  const selectAll = () =>
    onSelection(() => (isAll ? {} : Object.fromEntries(traces.map(({ traceId }) => [traceId, true]))));

  const shown = useMemo(() => Object.entries(columnLooks).filter(([id]) => columns.includes(id)), [columns]);
  const [widths, setWidth] = useColumnWidths();
  const template = useMemo(
    () => `2rem ${shown.map(([id]) => trackOf(id, traces, widths)).join(' ')}`,
    [shown, traces, widths],
  );
  // An answer that is there at once must not make the page paint twice.
  const isFaded = useLate(isStale, noticedMs);
  return (
    <div
      ref={scroller}
      tabIndex={0}
      role="table"
      aria-label="Traces"
      aria-rowcount={traces.length}
      aria-busy={isStale}
      className={cn('min-h-0 grow overflow-auto', isFaded && 'opacity-60')}
    >
      <div className="min-w-fit">
        <div
          role="row"
          style={{ gridTemplateColumns: template }}
          className="sticky top-0 z-10 grid h-8 items-center border-b bg-surface text-muted"
        >
          <span role="columnheader" className="grid place-items-center">
            <input
              type="checkbox"
              aria-label="Select all that are loaded"
              checked={isAll}
              onChange={selectAll}
            />
          </span>
          {shown.map(([id, { label, align }]) => (
            <span
              key={id}
              role="columnheader"
              aria-sort={id === sorting.sort ? ariaSort[sorting.order] : undefined}
              className={cn(
                'group relative truncate px-2 text-xs font-medium',
                align === 'right' && 'text-right',
              )}
            >
              <ColumnHead id={id} label={label} sorting={sorting} onSort={onSort} />
              <ColumnHandle label={label} width={widths[id]} onWidth={(change) => setWidth(id, change)} />
            </span>
          ))}
        </div>
        <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
          {items.map(({ index, start }) => {
            const trace = traces[index];
            return (
              trace && (
                // By place and not by trace: another list changes the words of its rows, not the rows.
                <TraceRow
                  key={index}
                  trace={trace}
                  index={index}
                  start={start}
                  columns={shown}
                  template={template}
                  keyName={keyName}
                  isSelected={selection[trace.traceId] === true}
                  isAt={index === at}
                  onOpen={onOpen}
                  onSelect={select}
                />
              )
            );
          })}
        </div>
        {isLoadingMore && <Skeleton className="m-2 h-6" />}
      </div>
    </div>
  );
}
