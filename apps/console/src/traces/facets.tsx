'use client';

import { ChevronDown, Minus } from 'lucide-react';
import { memo, useCallback, useMemo, useState } from 'react';
import { useLoom } from '../api/loom.tsx';
import { cn } from '../format/class-names.ts';
import { formatCompact, formatCount } from '../format/numbers.ts';
import { Skeleton } from '../ui/states.tsx';
import { filterTerm, splitTerms, toggleTerm } from './filter-text.ts';

const attributes: readonly (readonly [attribute: string, label: string])[] = [
  ['outcome', 'Outcome'],
  ['status', 'Status'],
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

/** Values to filter by, with the number of matching spans that have each. */
export const Facets = memo(function Facets({
  from,
  to,
  filter,
  onFilter,
  keyName,
}: {
  readonly from: string;
  readonly to: string;
  readonly filter: string;
  readonly onFilter: (change: (before: string) => string) => void;
  readonly keyName: (id: string) => string;
}) {
  const { data, error } = useLoom(
    'getFacets',
    {
      query: {
        ...{ from, to, limit: valuesMax },
        ...(filter && { filter }),
        attributes: attributes.map(([name]) => name).join(','),
      },
    },
    { keep: true, staleTime: 60_000 },
  );
  const onToggle = useCallback((term: string) => onFilter((before) => toggleTerm(before, term)), [onFilter]);
  const terms = useMemo(() => new Set(splitTerms(filter)), [filter]);
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
            terms={terms}
            onToggle={onToggle}
            nameOf={attribute === 'key' ? keyName : undefined}
          />
        );
      })}
      <p className="px-2 pt-1 text-2xs text-muted">Spans that match, in this range.</p>
    </div>
  );
});

interface GroupProps {
  readonly attribute: string;
  readonly label: string;
  readonly values: readonly { readonly value: string; readonly count: number }[];
  /** Those of the filter. */
  readonly terms: ReadonlySet<string>;
  readonly onToggle: (term: string) => void;
  readonly nameOf: ((value: string) => string) | undefined;
}

function FacetGroup({ attribute, label, values, terms, onToggle, nameOf = (value) => value }: GroupProps) {
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
          return (
            <FacetValue
              key={value}
              name={nameOf(value)}
              count={count}
              share={count / largest}
              term={term}
              isIncluded={terms.has(term)}
              isExcluded={terms.has(`-${term}`)}
              onToggle={onToggle}
            />
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

/** Drawn again only when it changes: a click on one is seen at once. */
const FacetValue = memo(function FacetValue({
  name,
  count,
  share,
  term,
  isIncluded,
  isExcluded,
  onToggle,
}: {
  readonly name: string;
  readonly count: number;
  /** Of the group's largest count. */
  readonly share: number;
  readonly term: string;
  readonly isIncluded: boolean;
  readonly isExcluded: boolean;
  readonly onToggle: (term: string) => void;
}) {
  return (
    <div className="group relative flex items-center">
      <button
        type="button"
        aria-pressed={isIncluded}
        title={name}
        onClick={() => onToggle(term)}
        className={cn(
          'relative flex h-6.5 min-w-0 grow items-center justify-between gap-2 overflow-hidden rounded px-2 pl-6 text-left text-xs hover:bg-raised',
          isIncluded && 'bg-accent-soft font-medium text-accent',
        )}
      >
        <span
          aria-hidden
          className="absolute inset-y-1 left-5 rounded-sm bg-accent-soft/70 group-hover:bg-accent-soft"
          style={{ width: `${share * 70}%` }}
        />
        <bdi className={cn('relative truncate', isExcluded && 'line-through opacity-70')}>{name}</bdi>
        <span title={formatCount(count)} className="tabular relative shrink-0 text-muted">
          {formatCompact(count)}
        </span>
      </button>
      <button
        type="button"
        aria-label={`Leave out ${name}`}
        aria-pressed={isExcluded}
        onClick={() => onToggle(`-${term}`)}
        className="absolute left-1 grid size-4 place-items-center rounded text-muted opacity-0 group-hover:opacity-100 hover:bg-line focus-visible:opacity-100 aria-pressed:opacity-100"
      >
        <Minus aria-hidden className="size-3" />
      </button>
    </div>
  );
});
