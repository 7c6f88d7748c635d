import { setTimeout as delay } from 'node:timers/promises';
import type { LedgerCheck, LedgerCheckJob, LoomClient } from '@loom/api-contract';
import { LoomError } from '@loom/errors';

const pollMs = 500;

/**
 * Runs a deep check as a job of the deployment, and returns what it found. Cancels the job when the signal aborts. Throws
 * when the job failed or was cancelled.
 */
export async function runDeepCheck(
  client: LoomClient,
  signal: AbortSignal,
  onProgress: (job: LedgerCheckJob) => void,
): Promise<LedgerCheck> {
  let job = await client.startLedgerCheck({ body: { deep: true } });
  const params = { id: job.id };
  while (job.state === 'waiting' || job.state === 'running') {
    onProgress(job);
    await delay(pollMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) {
      await client.cancelLedgerCheck({ params });
      throw new LoomError('client_closed', 'the check was cancelled');
    }
    job = await client.getLedgerCheck({ params });
  }
  onProgress(job);
  if (job.check) return job.check;
  throw new LoomError(
    'unavailable',
    `the check ended as ${job.state}${job.error === null ? '' : `: ${job.error}`}`,
  );
}
