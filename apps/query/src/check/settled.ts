import { setTimeout as delay } from 'node:timers/promises';
import type { StreamMark } from '@loom/event-stream';

const passMsMax = 30_000;
const lookMs = 200;

/** Said instead of what could not be compared: a check that leaves something out is not one that found nothing. */
export const notCompared =
  'ledger and ingest do not come to the end of the stream, so rows that are missing or too many were not all looked for; check again when they do';

/**
 * Waits until what was in the stream at the mark was taken in by ledger and ingest: what the log has is then in the trace
 * store too. False when that takes too long. However much comes meanwhile makes no difference.
 */
export async function isPassed(mark: StreamMark): Promise<boolean> {
  const deadline = performance.now() + passMsMax;
  while (!(await mark())) {
    if (performance.now() > deadline) return false;
    await delay(lookMs);
  }
  return true;
}
