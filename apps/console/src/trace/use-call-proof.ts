'use client';

import type { LedgerReceipt, Span } from '@loom/api-contract';
import type { LoomError } from '@loom/errors';
import { useLoom } from '../api/loom.tsx';
import { type ProofState, proofStateOf } from './proof-state.ts';

const pollMs = 2000;

/** What the ledger has of a call. Null until it is known; asked again until it is sealed. */
export function useCallProof(span: Span): {
  readonly receipt: LedgerReceipt | null;
  readonly state: ProofState | null;
  /** Why it cannot be said. */
  readonly error: LoomError | null;
} {
  const input = { params: { id: span.callId } };
  const { data, error } = useLoom('getReceipt', input, {
    refetchInterval: ({ state }) => {
      const isOpen = proofStateOf(span, state.data, state.error) === 'pending';
      return isOpen ? pollMs : false;
    },
  });
  const isUnknown = error !== null && error.code !== 'not_found';
  return {
    receipt: data ?? null,
    state: isUnknown ? null : proofStateOf(span, data, error),
    error: isUnknown && !data ? error : null,
  };
}
