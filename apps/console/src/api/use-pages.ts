'use client';

import type { LoomError } from '@loom/errors';
import { type InfiniteData, keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { type OutputOf, type RouteMethod, useClient } from './loom.tsx';

type Paged = {
  [Name in RouteMethod]: OutputOf<Name> extends { nextCursor: string | null } ? Name : never;
}[RouteMethod];

/**
 * A route that answers a page at a time: all pages that were asked for so far, and a way to the next. With `round` they
 * stand still: they are asked for again when the round changes, and not before.
 */
export function usePages<Name extends Paged>(
  name: Name,
  input: { readonly params?: object; readonly query?: object },
  { round }: { readonly round?: number } = {},
) {
  const { client, projectId } = useClient();
  type Page = OutputOf<Name>;
  const pages = useInfiniteQuery<Page, LoomError, InfiniteData<Page>, readonly unknown[], string | null>({
    queryKey: [projectId, name, 'pages', input, round ?? null],
    queryFn: ({ pageParam, signal }) => {
      const call = client[name] as unknown as (input: object) => Promise<Page>;
      return call({
        ...input,
        query: { ...input.query, ...(pageParam !== null && { cursor: pageParam }) },
        signal,
      });
    },
    initialPageParam: null,
    getNextPageParam: (page) => (page as { nextCursor: string | null }).nextCursor,
    placeholderData: keepPreviousData,
    ...(round !== undefined && { staleTime: Infinity, refetchOnWindowFocus: false }),
  });
  return {
    pages: pages.data?.pages,
    error: pages.error,
    retry: () => void pages.refetch(),
    isLoadingMore: pages.isFetchingNextPage,
    /** What is there is still the answer to the input before. */
    isStale: pages.isPlaceholderData,
    more: pages.hasNextPage ? () => void pages.fetchNextPage() : null,
  };
}
