'use client';

import type { LedgerCheck, LedgerCheckJob } from '@loom/api-contract';
import { useState } from 'react';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { Failure } from '../ui/states.tsx';
import { useStoreCheck } from './use-store-check.ts';

/** `loom fsck`, run by the query service: whether the stores still have what was sealed. */
export function StoreCheck() {
  const [isDeep, setDeep] = useState(false);
  const { job, isRunning, error, start, cancel } = useStoreCheck();
  return (
    <Card title="Check the stores">
      <div className="grid gap-3 p-4 pt-1">
        <p className="text-muted">
          Loom derives every root again from the stored leaves, and compares the log, the trace store and the
          stream (<code className="font-mono text-xs">loom fsck</code>).
        </p>
        <div className="flex flex-wrap items-center gap-3">
          <Button busy={isRunning} onClick={() => start(isDeep)}>
            Check
          </Button>
          {isRunning && job && <Button onClick={cancel}>Cancel</Button>}
          <label className="flex items-center gap-1.5">
            <input type="checkbox" checked={isDeep} onChange={({ target }) => setDeep(target.checked)} />
            Compare every recorded byte and column
          </label>
        </div>
        {isRunning && job && <Progress job={job} />}
        {error && <Failure error={error} />}
        {job?.state === 'cancelled' && <p role="status">The check was cancelled.</p>}
        {job?.state === 'failed' && (
          <p role="alert" className="foreign text-bad">
            The check failed: {visibleText(job.error ?? 'unknown reason')}
          </p>
        )}
        {job?.check && !isRunning && <Found check={job.check} />}
      </div>
    </Card>
  );
}

function Progress({ job: { state, leaves, ofLeaves } }: { readonly job: LedgerCheckJob }) {
  if (state === 'waiting' || ofLeaves === null)
    return (
      <p role="status" className="text-muted">
        Waiting for other checks to end.
      </p>
    );
  if (leaves >= ofLeaves)
    return (
      <p role="status" className="text-muted">
        All {formatCount(ofLeaves)} leaves are checked. Comparing the stores.
      </p>
    );
  return (
    <p role="status" className="tabular flex items-center gap-2 text-muted">
      <progress value={leaves} max={Math.max(1, ofLeaves)} className="h-1.5 w-40 accent-accent" />
      {formatCount(leaves)} of {formatCount(ofLeaves)} leaves
    </p>
  );
}

function Found({ check: { ok, problems, logs, counts } }: { readonly check: LedgerCheck }) {
  return (
    <div role="status" className="grid gap-2">
      <p>{ok ? <Badge tone="ok">consistent</Badge> : <Badge tone="bad">inconsistent</Badge>}</p>
      <ul className="grid gap-1 text-bad empty:hidden">
        {problems.map(({ log, message }) => (
          <li key={`${log} ${message}`} className="foreign">
            {log}: {visibleText(message)}
          </li>
        ))}
      </ul>
      <ul className="tabular grid gap-1 text-muted">
        {logs.map(({ project, size, checkpoints, openings }) => (
          <li key={project}>
            {project}: {formatCount(size)} leaves, {formatCount(checkpoints)} signed
            {checkpoints === 1 ? ' root' : ' roots'} derived again
            {openings &&
              `, ${formatCount(openings.verified)} commitments opened, ${formatCount(openings.unopened)} not`}
          </li>
        ))}
        <li>
          {formatCount(counts.accepted)} calls accepted, {formatCount(counts.ended)} ended; trace store:{' '}
          {countOf(counts.storedSpans)} of {formatCount(counts.ledgerSpans)} spans,{' '}
          {countOf(counts.storedCosts)} of {formatCount(counts.ledgerCosts)} prices
        </li>
      </ul>
    </div>
  );
}

function countOf(count: number | null): string {
  return count === null ? 'an unknown number' : formatCount(count);
}
