'use client';

import { useCallback } from 'react';
import { useLoom } from './loom.tsx';

/** The names that people gave to API keys; the id's beginning for one that is gone. */
export function useKeyNames(): (keyId: string) => string {
  const { data } = useLoom('listKeys', {}, { staleTime: 60_000 });
  return useCallback((keyId) => data?.keys.find(({ id }) => id === keyId)?.name ?? keyId.slice(0, 8), [data]);
}
