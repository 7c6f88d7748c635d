'use client';

import type { LedgerCheckJob } from '@loom/api-contract';
import type { LoomError } from '@loom/errors';
import { useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';

const pollMs = 500;

export interface StoreCheckRun {
  readonly job: LedgerCheckJob | undefined;
  readonly isRunning: boolean;
  readonly error: LoomError | null;
  readonly start: (deep: boolean) => void;
  readonly cancel: () => void;
}

/** A check of the record as a job of the deployment: it goes on when the page is left. */
export function useStoreCheck(): StoreCheckRun {
  const [id, setId] = useState<string | null>(null);
  const begin = useLoomChange('startLedgerCheck');
  const stop = useLoomChange('cancelLedgerCheck');
  const { data: job, error } = useLoom(
    'getLedgerCheck',
    { params: { id: id ?? '' } },
    { enabled: id !== null, refetchInterval: ({ state }) => (isOpen(state.data) ? pollMs : false) },
  );
  return {
    job,
    isRunning: begin.isPending || (id !== null && !error && isOpen(job)),
    error: begin.error ?? error ?? null,
    start: (deep) => begin.mutate({ body: { deep } }, { onSuccess: (started) => setId(started.id) }),
    cancel: () => id !== null && stop.mutate({ params: { id } }),
  };
}

function isOpen(job: LedgerCheckJob | undefined): boolean {
  return job === undefined || job.state === 'waiting' || job.state === 'running';
}
