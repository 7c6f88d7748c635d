'use client';

import type { LoomError } from '@loom/errors';
import { ListFilter, X } from 'lucide-react';
import dynamic from 'next/dynamic';
import { useClient } from '../api/loom.tsx';
import { cn } from '../format/class-names.ts';

const FilterEditor = dynamic(() => import('./filter-editor.tsx'), {
  ssr: false,
  loading: () => <span className="grow px-1 font-mono text-[13px] text-muted">Filter</span>,
});
const completionsMax = 100;

export function FilterBar({
  filter,
  onFilter,
  time,
  error,
}: {
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
  readonly time: { readonly from: string; readonly to: string };
  readonly error: LoomError | null;
}) {
  const { client } = useClient();
  const fault = error?.param === 'filter' || error?.param === 'from' ? error : null;
  const position = Number(fault?.details?.['position'] ?? 0);
  const valuesOf = async (attribute: string) => {
    const { facets } = await client
      .getFacets({ query: { ...time, attributes: attribute, limit: completionsMax } })
      .catch(() => ({ facets: [] }));
    return facets[0]?.values ?? [];
  };
  return (
    <>
      <div
        className={cn(
          'flex h-8 min-w-48 grow basis-48 items-center gap-1 rounded-md border border-strong bg-surface pl-2.5 focus-within:outline-2 focus-within:outline-accent',
          fault && 'border-bad',
        )}
      >
        <ListFilter aria-hidden className="size-3.5 shrink-0 text-muted" />
        <FilterEditor value={filter} onApply={onFilter} fault={fault ? position : null} valuesOf={valuesOf} />
        {filter !== '' && (
          <button
            type="button"
            aria-label="Clear filter"
            onClick={() => onFilter('')}
            className="grid size-7 shrink-0 place-items-center text-muted hover:text-text"
          >
            <X aria-hidden className="size-3.5" />
          </button>
        )}
      </div>
      {fault && (
        <p role="alert" className="order-last basis-full text-xs text-bad">
          {fault.message}
        </p>
      )}
    </>
  );
}
