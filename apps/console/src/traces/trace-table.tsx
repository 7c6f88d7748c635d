'use client';

import type { TraceSummary } from '@loom/api-contract';
import { type RowSelectionState, useTable } from '@tanstack/react-table';
import { useVirtualizer } from '@tanstack/react-virtual';
import { useEffect, useMemo, useRef } from 'react';
import { cn } from '../format/class-names.ts';
import { Skeleton } from '../ui/states.tsx';
import { columnLooks, traceColumns, traceFeatures } from './columns.tsx';

const rowHeight = 36;
const loadAheadRows = 30;

export interface TraceTableProps {
  readonly traces: readonly TraceSummary[];
  readonly columns: readonly string[];
  readonly keyName: (id: string) => string;
  readonly selection: RowSelectionState;
  readonly onSelection: (selection: RowSelectionState) => void;
  /** Index of the row that the keyboard is at; -1: none. */
  readonly at: number;
  readonly onOpen: (index: number) => void;
  readonly onEnd: () => void;
  readonly isLoadingMore: boolean;
  readonly isStale: boolean;
}

/** The list of traces: only the rows that can be seen are in the page, however many there are. */
export function TraceTable(props: TraceTableProps) {
  const { traces, columns, keyName, selection, onSelection, at, onOpen, onEnd, isLoadingMore, isStale } =
    props;
  const definitions = useMemo(() => traceColumns(keyName), [keyName]);
  const columnVisibility = useMemo(
    () => Object.fromEntries(Object.keys(columnLooks).map((id) => [id, columns.includes(id)])),
    [columns],
  );
  const data = useMemo(() => [...traces], [traces]);
  const table = useTable({
    features: traceFeatures,
    columns: definitions,
    data,
    getRowId: ({ traceId }) => traceId,
    state: { rowSelection: selection, columnVisibility },
    onRowSelectionChange: (update) => onSelection(typeof update === 'function' ? update(selection) : update),
  });
  const scroller = useRef<HTMLDivElement>(null);
  const { rows } = table.getRowModel();
  const virtualizer = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    scrollPaddingStart: 40,
    scrollPaddingEnd: 48,
    getItemKey: (index) => rows[index]?.id ?? index,
    overscan: 12,
  });
  const items = virtualizer.getVirtualItems();
  const lastSeen = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (rows.length > 0 && lastSeen >= rows.length - loadAheadRows) onEnd();
  }, [lastSeen, rows.length, onEnd]);
  useEffect(() => {
    if (at >= 0) virtualizer.scrollToIndex(at);
  }, [at, virtualizer]);

  const shown = Object.entries(columnLooks).filter(([id]) => columns.includes(id));
  const template = { gridTemplateColumns: `2rem ${shown.map(([, { width }]) => width).join(' ')}` };
  return (
    <div
      ref={scroller}
      tabIndex={0}
      role="table"
      aria-label="Traces"
      aria-rowcount={rows.length}
      aria-busy={isStale}
      className={cn('min-h-0 grow overflow-auto', isStale && 'opacity-60')}
    >
      <div className="min-w-fit">
        <div
          role="row"
          style={template}
          className="sticky top-0 z-10 grid h-8 items-center border-b bg-surface text-xs text-muted"
        >
          <span role="columnheader" className="grid place-items-center">
            <input
              type="checkbox"
              aria-label="Select all that are loaded"
              checked={rows.length > 0 && table.getIsAllRowsSelected()}
              onChange={table.getToggleAllRowsSelectedHandler()}
            />
          </span>
          {shown.map(([id, { label, align }]) => (
            <span
              key={id}
              role="columnheader"
              className={cn('truncate px-2 font-medium', align === 'right' && 'text-right')}
            >
              {label}
            </span>
          ))}
        </div>
        <div style={{ height: virtualizer.getTotalSize(), position: 'relative' }}>
          {items.map(({ index, key, start }) => {
            const row = rows[index];
            if (!row) return null;
            return (
              <div
                key={key}
                role="row"
                aria-rowindex={index + 1}
                aria-current={index === at ? 'true' : undefined}
                onClick={() => onOpen(index)}
                style={{ ...template, height: rowHeight, transform: `translateY(${start}px)` }}
                className={cn(
                  'absolute inset-x-0 top-0 grid cursor-pointer items-center border-b hover:bg-raised/60',
                  row.getIsSelected() && 'bg-accent-soft/60',
                  index === at && 'bg-raised shadow-[inset_2px_0_0_var(--accent)]',
                )}
              >
                <span
                  role="cell"
                  className="grid size-full place-items-center"
                  onClick={(event) => event.stopPropagation()}
                >
                  <input
                    type="checkbox"
                    aria-label={`Select trace ${row.id.slice(0, 8)}`}
                    checked={row.getIsSelected()}
                    onChange={row.getToggleSelectedHandler()}
                  />
                </span>
                {row.getVisibleCells().map((cell) => (
                  <span
                    key={cell.id}
                    role="cell"
                    className={cn(
                      'tabular truncate px-2',
                      columnLooks[cell.column.id]?.align === 'right' && 'text-right',
                    )}
                  >
                    <table.FlexRender cell={cell} />
                  </span>
                ))}
              </div>
            );
          })}
        </div>
        {isLoadingMore && <Skeleton className="m-2 h-6" />}
      </div>
    </div>
  );
}
