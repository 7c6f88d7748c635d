'use client';

import { Columns3, PanelLeft } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useCallback, useState } from 'react';
import { useKeyNames } from '../api/key-names.ts';
import { formatCount } from '../format/numbers.ts';
import { usePath } from '../shell/session.tsx';
import { useUrlState } from '../shell/url-state.ts';
import { useKeys } from '../shell/use-keys.ts';
import { RangePicker } from '../time/range-picker.tsx';
import { useRange } from '../time/range.ts';
import { Button } from '../ui/button.tsx';
import { Menu, MenuCheck, MenuLabel } from '../ui/menu.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { Facets } from './facets.tsx';
import { FilterBar } from './filter-bar.tsx';
import { MatchStrip } from './match-strip.tsx';
import { Peek } from './peek.tsx';
import { SavedViews } from './saved-views.tsx';
import { type Selection, toggled } from './selection.ts';
import { SelectionBar } from './selection-bar.tsx';
import { TraceTable } from './trace-table.tsx';
import { useColumns } from './use-columns.ts';
import { useSort } from './use-sort.ts';
import { newsMax, useTraces } from './use-traces.ts';
import { columnLooks } from './columns.tsx';

export function TracesPage() {
  const range = useRange();
  const { get, set } = useUrlState();
  const filter = get('filter') ?? '';
  const peeked = get('peek');
  const [sorting, sortBy] = useSort();
  const list = useTraces(range, filter, sorting);
  const keyName = useKeyNames();
  const [columns, setColumns] = useColumns();
  const [selection, setSelection] = useState<Selection>({});
  const [facets, setFacets] = useState(false);
  const router = useRouter();
  const path = usePath();
  const time = { from: range.from, to: range.to };
  const at = list.traces.findIndex(({ traceId }) => traceId === peeked);
  const peek = useCallback((traceId: string | null) => set({ peek: traceId }), [set]);
  const step = (by: number) => {
    const next = list.traces[Math.min(list.traces.length - 1, Math.max(0, at + by))];
    if (next) peek(next.traceId);
  };
  const setFilter = useCallback((text: string) => set({ filter: text, peek: null }, { push: true }), [set]);
  const changeFilter = useCallback(
    (change: (before: string) => string) => {
      const before = new URLSearchParams(window.location.search).get('filter') ?? '';
      setFilter(change(before));
    },
    [setFilter],
  );
  const loadMore = useCallback(() => {
    if (!list.isLoadingMore) list.more?.();
  }, [list]);
  useKeys({
    j: () => step(1),
    k: () => step(-1),
    ArrowDown: () => step(1),
    ArrowUp: () => step(-1),
    x: () => peeked !== null && setSelection((before) => toggled(before, peeked)),
    Enter: () => peeked !== null && router.push(path('traces', peeked)),
    Escape: () => peek(null),
    '/': () => document.getElementById('filter')?.focus(),
  });
  const selected = Object.keys(selection).filter((id) => selection[id]);
  const isFaultOfFilter = list.error?.param === 'filter' || list.error?.param === 'from';
  return (
    <div className="-m-4 flex h-[calc(100dvh-3rem)] flex-col md:-m-6">
      <h1 className="sr-only">Traces</h1>
      <div className="flex flex-wrap items-start gap-2 border-b bg-surface px-3 py-2">
        <Button
          size="icon"
          aria-label="Show values to filter by"
          aria-expanded={facets}
          className="lg:hidden"
          onClick={() => setFacets(!facets)}
        >
          <PanelLeft aria-hidden className="size-4" />
        </Button>
        <FilterBar filter={filter} onFilter={setFilter} time={time} error={list.error} />
        <div className="flex flex-wrap gap-2">
          <Menu
            align="end"
            trigger={
              <Button aria-label="Columns">
                <Columns3 aria-hidden className="size-3.5 text-muted" /> Columns
              </Button>
            }
          >
            <MenuLabel>Columns</MenuLabel>
            {Object.entries(columnLooks).map(([id, { label }]) => (
              <MenuCheck
                key={id}
                checked={columns.includes(id)}
                onCheckedChange={(shown) =>
                  setColumns(shown ? [...columns, id] : columns.filter((name) => name !== id))
                }
              >
                {label}
              </MenuCheck>
            ))}
          </Menu>
          <SavedViews />
          <RangePicker range={range} />
        </div>
      </div>
      <div className="flex min-h-0 grow">
        <aside
          className={`w-60 shrink-0 overflow-y-auto border-r bg-canvas ${facets ? 'block' : 'hidden'} lg:block`}
        >
          <Facets from={range.from} to={range.to} filter={filter} onFilter={changeFilter} keyName={keyName} />
        </aside>
        <div className="flex min-w-0 grow flex-col bg-surface">
          {selected.length > 0 && <SelectionBar traceIds={selected} onClear={() => setSelection({})} />}
          {!isFaultOfFilter && <MatchStrip range={range} filter={filter} />}
          {list.news > 0 && (
            <button
              type="button"
              onClick={list.refresh}
              className="border-b bg-accent-soft py-1.5 text-xs font-medium text-accent hover:underline"
            >
              {list.news >= newsMax ? `${newsMax} or more` : formatCount(list.news)} new{' '}
              {list.news === 1 ? 'trace' : 'traces'} · show
            </button>
          )}
          {list.unsearched > 0 && (
            <p className="border-b bg-warn-soft px-3 py-1.5 text-xs text-warn">
              {list.unsearched === 1 ? '1 call has' : `${formatCount(list.unsearched)} calls have`} more text
              in this range than a search reads. Search for other facts of the call to be sure.
            </p>
          )}
          {list.error && !isFaultOfFilter ? (
            <Failure error={list.error} retry={list.refresh} />
          ) : list.isLoading && !list.error ? (
            <div aria-busy="true" aria-label="Loading" className="grid gap-2 p-3">
              {[...Array(12).keys()].map((line) => (
                <Skeleton key={line} className="h-7" />
              ))}
            </div>
          ) : list.traces.length === 0 ? (
            <Nothing filter={filter} onClear={() => setFilter('')} isFault={isFaultOfFilter} />
          ) : (
            <TraceTable
              traces={list.traces}
              columns={columns}
              sorting={sorting}
              onSort={sortBy}
              keyName={keyName}
              selection={selection}
              onSelection={setSelection}
              at={at}
              onOpen={peek}
              onEnd={loadMore}
              isLoadingMore={list.isLoadingMore}
              isStale={list.isStale}
            />
          )}
        </div>
      </div>
      {peeked !== null && <Peek traceId={peeked} onClose={() => peek(null)} onStep={step} />}
    </div>
  );
}

function Nothing({
  filter,
  onClear,
  isFault,
}: {
  readonly filter: string;
  readonly onClear: () => void;
  readonly isFault: boolean;
}) {
  if (isFault) return <Empty title="Can’t read this filter">The reason is below the filter.</Empty>;
  if (filter === '') return <Empty title="No traces in this range">Widen the range, or make a call.</Empty>;
  return (
    <Empty title="No matches" action={<Button onClick={onClear}>Clear filter</Button>}>
      No traces match <code className="foreign font-mono text-xs">{filter}</code>
    </Empty>
  );
}
