'use client';

import type { TraceSummary } from '@loom/api-contract';
import { memo } from 'react';
import { cn } from '../format/class-names.ts';
import { type ColumnLook, traceCells } from './columns.tsx';

/** In pixels. */
export const rowHeight = 36;

/** A row of the list. It is drawn again only when one of its props is another. */
export const TraceRow = memo(function TraceRow({
  trace,
  index,
  start,
  columns,
  template,
  keyName,
  isSelected,
  isAt,
  onOpen,
  onSelect,
}: {
  readonly trace: TraceSummary;
  readonly index: number;
  /** Pixels from the top of the list. */
  readonly start: number;
  readonly columns: readonly (readonly [id: string, look: ColumnLook])[];
  /** CSS grid tracks. */
  readonly template: string;
  readonly keyName: (id: string) => string;
  readonly isSelected: boolean;
  readonly isAt: boolean;
  readonly onOpen: (traceId: string) => void;
  readonly onSelect: (traceId: string) => void;
}) {
  const { traceId } = trace;
  return (
    <div
      role="row"
      aria-rowindex={index + 1}
      aria-current={isAt ? 'true' : undefined}
      onClick={() => onOpen(traceId)}
      style={{ gridTemplateColumns: template, height: rowHeight, transform: `translateY(${start}px)` }}
      className={cn(
        'absolute inset-x-0 top-0 grid cursor-pointer items-center border-b hover:bg-raised/60',
        isSelected && 'bg-accent-soft/60',
        isAt && 'bg-raised shadow-[inset_2px_0_0_var(--accent)]',
      )}
    >
      <span
        role="cell"
        className="grid size-full place-items-center"
        onClick={(event) => event.stopPropagation()}
      >
        <input
          type="checkbox"
          aria-label={`Select trace ${traceId.slice(0, 8)}`}
          checked={isSelected}
          onChange={() => onSelect(traceId)}
        />
      </span>
      {columns.map(([id, { align }]) => (
        <span
          key={id}
          role="cell"
          className={align === 'right' ? 'tabular truncate px-2 text-right' : 'tabular truncate px-2'}
        >
          {traceCells[id]?.(trace, keyName)}
        </span>
      ))}
    </div>
  );
});
