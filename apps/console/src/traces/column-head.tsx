'use client';

import { type TraceSort, traceSorts } from '@loom/trace-schema/trace-sorts';
import { ArrowDown, ArrowUp } from 'lucide-react';
import type { Sorting } from './use-sort.ts';

export const ariaSort = { asc: 'ascending', desc: 'descending' } as const;

/** The name of a column. A click sorts by it, largest or latest first; another click turns the order round. */
export function ColumnHead({
  id,
  label,
  sorting: { sort, order },
  onSort,
}: {
  readonly id: string;
  readonly label: string;
  readonly sorting: Sorting;
  readonly onSort: (sort: TraceSort) => void;
}) {
  const own = traceSorts.find((known) => known === id);
  if (!own) return label;
  const Icon = order === 'asc' ? ArrowUp : ArrowDown;
  return (
    <button
      type="button"
      onClick={() => onSort(own)}
      className="inline-flex max-w-full items-center gap-0.5 hover:text-text"
    >
      <span className="truncate">{label}</span>
      {own === sort && <Icon aria-hidden className="size-3 shrink-0" />}
    </button>
  );
}
