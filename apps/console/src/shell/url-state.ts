'use client';

import { useSearchParams } from 'next/navigation';
import { useCallback } from 'react';

/** The page's state lives in the URL's query, so that every state has a link. */
export function useUrlState(): {
  readonly get: (name: string) => string | null;
  readonly text: string;
  /** Null takes a name away. `push` makes a step to go back to; without it the step is replaced. */
  readonly set: (
    changes: Readonly<Record<string, string | null>>,
    options?: { readonly push?: boolean },
  ) => void;
} {
  const params = useSearchParams();
  const set = useCallback((changes: Readonly<Record<string, string | null>>, { push = false } = {}) => {
    const next = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value === null || value === '') next.delete(name);
      else next.set(name, value);
    }
    const text = next.toString();
    const url = text === '' ? window.location.pathname : `?${text}`;
    if (push) window.history.pushState(null, '', url);
    else window.history.replaceState(null, '', url);
  }, []);
  return { get: (name) => params.get(name), text: params.toString(), set };
}
