'use client';

import { ChevronDown, Minus } from 'lucide-react';
import { useState } from 'react';
import { useLoom } from '../api/loom.tsx';
import { cn } from '../format/class-names.ts';
import { formatCompact, formatCount } from '../format/numbers.ts';
import { Skeleton } from '../ui/states.tsx';
import { filterTerm, hasTerm, toggleTerm } from './filter-text.ts';

const attributes: readonly (readonly [attribute: string, label: string])[] = [
  ['outcome', 'Outcome'],
  ['model', 'Model'],
  ['provider', 'Provider'],
  ['operation', 'Operation'],
  ['key', 'API key'],
  ['environment', 'Environment'],
  ['error', 'Error'],
  ['finishReason', 'Finish reason'],
  ['agent', 'Agent'],
  ['user', 'User'],
  ['release', 'Release'],
];
const valuesShown = 6;
const valuesMax = 30;

/** What there is to filter by, with counts. They are of whole days, so a little more than the range. */
export function Facets({
  time,
  filter,
  onFilter,
  keyName,
}: {
  readonly time: { readonly from: string; readonly to: string };
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
  readonly keyName: (id: string) => string;
}) {
  const { data, error } = useLoom(
    'getFacets',
    { query: { ...time, attributes: attributes.map(([name]) => name).join(','), limit: valuesMax } },
    { keep: true, staleTime: 60_000 },
  );
  if (error && !data) return <p className="p-4 text-xs text-bad">{error.message}</p>;
  if (!data) return <Skeleton className="m-3 h-64" />;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-1 p-2" aria-label="Filter by value" role="region">
      {attributes.map(([attribute, label]) => {
        const values = data.facets.find((facet) => facet.attribute === attribute)?.values ?? [];
        if (values.length === 0) return null;
        return (
          <FacetGroup
            key={attribute}
            attribute={attribute}
            label={label}
            values={values}
            filter={filter}
            onFilter={onFilter}
            nameOf={attribute === 'key' ? keyName : undefined}
          />
        );
      })}
      <p className="px-2 pt-1 text-2xs text-muted">Counts are of spans, by whole days (UTC).</p>
    </div>
  );
}

interface GroupProps {
  readonly attribute: string;
  readonly label: string;
  readonly values: readonly { readonly value: string; readonly count: number }[];
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
  readonly nameOf: ((value: string) => string) | undefined;
}

function FacetGroup({ attribute, label, values, filter, onFilter, nameOf = (value) => value }: GroupProps) {
  const [open, setOpen] = useState(true);
  const [all, setAll] = useState(false);
  const largest = Math.max(...values.map(({ count }) => count));
  const shown = all ? values : values.slice(0, valuesShown);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-px">
      <button
        type="button"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
        className="flex h-7 items-center gap-1 rounded px-2 text-xs font-medium text-muted hover:bg-raised"
      >
        <ChevronDown aria-hidden className={cn('size-3 transition-transform', !open && '-rotate-90')} />
        {label}
      </button>
      {open &&
        shown.map(({ value, count }) => {
          const term = filterTerm(attribute, value);
          const [included, excluded] = [hasTerm(filter, term), hasTerm(filter, `-${term}`)];
          return (
            <div key={value} className="group relative flex items-center">
              <button
                type="button"
                aria-pressed={included}
                title={nameOf(value)}
                onClick={() => onFilter(toggleTerm(filter, term))}
                className={cn(
                  'relative flex h-6.5 min-w-0 grow items-center justify-between gap-2 overflow-hidden rounded px-2 pl-6 text-left text-xs hover:bg-raised',
                  included && 'bg-accent-soft font-medium text-accent',
                )}
              >
                <span
                  aria-hidden
                  className="absolute inset-y-1 left-5 rounded-sm bg-accent-soft/70 group-hover:bg-accent-soft"
                  style={{ width: `${(count / largest) * 70}%` }}
                />
                <bdi className={cn('relative truncate', excluded && 'line-through opacity-70')}>
                  {nameOf(value)}
                </bdi>
                <span title={formatCount(count)} className="tabular relative shrink-0 text-muted">
                  {formatCompact(count)}
                </span>
              </button>
              <button
                type="button"
                aria-label={`Leave out ${nameOf(value)}`}
                aria-pressed={excluded}
                onClick={() => onFilter(toggleTerm(filter, `-${term}`))}
                className="absolute left-1 grid size-4 place-items-center rounded text-muted opacity-0 group-hover:opacity-100 hover:bg-line focus-visible:opacity-100 aria-pressed:opacity-100"
              >
                <Minus aria-hidden className="size-3" />
              </button>
            </div>
          );
        })}
      {open && values.length > valuesShown && (
        <button
          type="button"
          onClick={() => setAll(!all)}
          className="h-6 px-6 text-left text-xs text-accent hover:underline"
        >
          {all ? 'Fewer' : `${values.length - valuesShown} more`}
        </button>
      )}
    </div>
  );
}
