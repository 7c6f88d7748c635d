import type { LedgerReceipt, Span } from '@loom/api-contract';
import type { LoomError } from '@loom/errors';

/** A leaf is promised within so long. */
const promisedMs = 60_000;

export type ProofState =
  /** Both ends of the call are under a signed checkpoint. */
  | 'sealed'
  /** Not all of it yet, which is within the promise. */
  | 'pending'
  /** The log tells of it, but not of all: its end is missing, or unsigned for too long. */
  | 'partly'
  /** The log does not tell of it. */
  | 'absent';

/** What can be said of the proof of a call by the answer that came; null when that says nothing. */
export function proofStateOf(
  { timing }: Pick<Span, 'timing'>,
  receipt: LedgerReceipt | undefined,
  error: LoomError | null,
  now = Date.now(),
): ProofState | null {
  if (!receipt && error?.code !== 'not_found') return null;
  const leaves = receipt?.leaves ?? [];
  const hasEnd = leaves.some(({ kind }) => kind.startsWith('call.') && kind !== 'call.accepted');
  if (hasEnd && leaves.every(({ proof }) => proof !== null)) return 'sealed';
  const isYoung = now - Date.parse(timing.startTime) - timing.durationMs < promisedMs;
  if (isYoung) return 'pending';
  return leaves.length > 0 ? 'partly' : 'absent';
}
