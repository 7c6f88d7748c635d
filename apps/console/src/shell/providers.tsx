'use client';

import { LoomError } from '@loom/errors';
import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { setNonce } from 'get-nonce';
import { type ReactNode, useState } from 'react';
import { NonceContext } from './nonce.ts';
import { Toaster } from '../ui/toaster.tsx';

const staleMs = 10_000;

export function Providers({ nonce, children }: { readonly nonce: string; readonly children: ReactNode }) {
  const [queries] = useState(newQueryClient);
  useState(() => setNonce(nonce)); // before any dialog locks the page's scrolling
  return (
    <NonceContext value={nonce}>
      <QueryClientProvider client={queries}>
        {children}
        <Toaster />
      </QueryClientProvider>
    </NonceContext>
  );
}

function newQueryClient(): QueryClient {
  return new QueryClient({
    queryCache: new QueryCache({ onError: leaveWhenSignedOut }),
    mutationCache: new MutationCache({ onError: leaveWhenSignedOut }),
    defaultOptions: {
      queries: {
        staleTime: staleMs,
        refetchOnWindowFocus: true,
        retry: (failures, error) => failures < 2 && error instanceof LoomError && error.retryable,
      },
    },
  });
}

/** A session that is over ends on the sign-in page, which leads back to where it was. */
function leaveWhenSignedOut(error: unknown): void {
  const { pathname, search } = window.location;
  if (!(error instanceof LoomError) || error.code !== 'unauthenticated' || !pathname.startsWith('/p/'))
    return;
  window.location.assign(`/sign-in?over=1&next=${encodeURIComponent(pathname + search)}`);
}
