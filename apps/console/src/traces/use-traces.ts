'use client';

import type { TraceSummary } from '@loom/api-contract';
import type { LoomError } from '@loom/errors';
import { useMemo, useState } from 'react';
import { useLoom } from '../api/loom.tsx';
import { usePages } from '../api/use-pages.ts';
import { useUrlState } from '../shell/url-state.ts';
import type { TimeRange } from '../time/range.ts';
import { isNewestFirst, type Sorting } from './use-sort.ts';

const pageSize = 50;
const newsPollMs = 5000;
const nothing = { traces: [], nextCursor: null, unsearched: null };
export const newsMax = 100;

export interface Traces {
  readonly traces: readonly TraceSummary[];
  readonly isLoading: boolean;
  readonly isLoadingMore: boolean;
  /** What is shown is still the list of the choice before. */
  readonly isStale: boolean;
  /** Null at the end of the list. */
  readonly more: (() => void) | null;
  readonly error: LoomError | null;
  /** Traces that came since the list was made; at most {@link newsMax}. */
  readonly news: number;
  /** Calls of the range with more text than a search reads; 0 without a search in text. */
  readonly unsearched: number;
  readonly refresh: () => void;
}

/**
 * The list under a range and filter. It stands still: what comes later is counted, and shown when someone asks for it.
 */
export function useTraces(range: TimeRange, filter: string, sorting: Sorting): Traces {
  const { get } = useUrlState();
  const [round, setRound] = useState(0);
  const chosen = `${get('range') ?? ''} ${get('from') ?? ''} ${get('to') ?? ''} ${round}`;
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the range moves with the clock; the list is of one moment
  const anchored = useMemo(() => ({ from: range.from, to: range.preset ? undefined : range.to }), [chosen]);
  const query = {
    from: anchored.from,
    ...(anchored.to !== undefined && { to: anchored.to }),
    ...(filter && { filter }),
  };
  const list = usePages('listTraces', { query: { ...query, ...sorting, limit: pageSize } }, { round });
  const traces = useMemo(() => list.pages?.flatMap(({ traces }) => traces) ?? [], [list.pages]);
  const newest = traces[0];
  const since = newest ? newest.span.startTime : anchored.from;
  const isWatching =
    range.preset !== null && isNewestFirst(sorting) && list.pages !== undefined && !list.isStale;
  const later = useLoom(
    'listTraces',
    { query: { ...query, from: since, limit: newsMax } },
    // A list that was made just now has no news: the first look is after the interval.
    { enabled: isWatching, refetchInterval: newsPollMs, staleTime: newsPollMs, initialData: nothing },
  );
  const news = later.data?.traces.filter(({ span }) => span.startTime > since).length ?? 0;
  return {
    traces,
    isLoading: !list.pages && !list.error,
    isLoadingMore: list.isLoadingMore,
    isStale: list.isStale,
    more: list.more,
    error: list.error,
    news: isWatching ? news : 0,
    unsearched: list.pages?.[0]?.unsearched ?? 0,
    refresh: () => setRound((before) => before + 1),
  };
}
