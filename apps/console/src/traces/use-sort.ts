'use client';

import { type TraceOrder, type TraceSort, traceSorts } from '@loom/trace-schema/trace-sorts';
import { useUrlState } from '../shell/url-state.ts';

export interface Sorting {
  readonly sort: TraceSort;
  readonly order: TraceOrder;
}

const newestFirst: Sorting = { sort: 'time', order: 'desc' };

export function isNewestFirst({ sort, order }: Sorting): boolean {
  return sort === newestFirst.sort && order === newestFirst.order;
}

/** What the list is sorted by, from the URL; newest first without a word there. */
export function useSort(): [Sorting, (sort: TraceSort) => void] {
  const { get, set } = useUrlState();
  const sort = traceSorts.find((known) => known === get('sort')) ?? newestFirst.sort;
  const order = get('order') === 'asc' ? 'asc' : 'desc';
  const choose = (wanted: TraceSort) => {
    const next = { sort: wanted, order: wanted === sort && order === 'desc' ? 'asc' : 'desc' } as const;
    const isDefault = isNewestFirst(next);
    set(
      { sort: isDefault ? null : next.sort, order: next.order === 'asc' ? 'asc' : null, peek: null },
      { push: true },
    );
  };
  return [{ sort, order }, choose];
}
