'use client';

import type { Span } from '@loom/api-contract';
import { formatInstant, formatTime } from '../format/times.ts';
import { useUrlState } from '../shell/url-state.ts';
import type { ProofState } from './proof-state.ts';
import { useCallProof } from './use-call-proof.ts';

const words: Readonly<Record<ProofState, string>> = {
  sealed: 'sealed',
  pending: 'being sealed',
  partly: 'partly sealed',
  absent: 'not in the log',
};

/** Whether the record of a call is sealed; leads to its proof. */
export function ProofMark({ span }: { readonly span: Span }) {
  const { set } = useUrlState();
  const { receipt, state } = useCallProof(span);
  if (state === null) return '–';
  const sealedAt = receipt?.leaves.findLast((leaf) => leaf.sealedAt !== null)?.sealedAt ?? null;
  const isBad = state === 'absent' || state === 'partly';
  return (
    <button
      type="button"
      title={sealedAt === null ? undefined : `Under a signed checkpoint since ${formatInstant(sealedAt)}`}
      onClick={() => set({ tab: 'proof' })}
      className={`underline decoration-dotted underline-offset-4 ${isBad ? 'text-bad' : ''}`}
    >
      {state === 'sealed' && sealedAt !== null ? formatTime(sealedAt) : words[state]}
    </button>
  );
}
