'use client';

import type { LedgerCheck } from '@loom/api-contract';
import { useState } from 'react';
import { useLoomChange } from '../api/loom.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { Failure } from '../ui/states.tsx';

/** `loom fsck`, run by the query service: whether the stores still have what was sealed. */
export function StoreCheck() {
  const [isDeep, setDeep] = useState(false);
  const { data, error, isPending, mutate } = useLoomChange('checkLedger');
  const run = () => mutate({ query: { deep: isDeep ? 'true' : 'false' } });
  return (
    <Card title="Check the stores">
      <div className="grid gap-3 p-4 pt-1">
        <p className="text-muted">
          Loom derives every root again from the leaves that are stored, and compares log, trace store and
          stream (<code className="font-mono text-xs">loom fsck</code>).
        </p>
        <div className="flex flex-wrap items-center gap-3">
          <Button busy={isPending} onClick={run}>
            Check
          </Button>
          <label className="flex items-center gap-1.5">
            <input type="checkbox" checked={isDeep} onChange={({ target }) => setDeep(target.checked)} />
            Open every commitment too
          </label>
        </div>
        {error && <Failure error={error} />}
        {data && !isPending && <Found check={data} />}
      </div>
    </Card>
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
          {formatCount(counts.storedSpans)} of {formatCount(counts.ledgerSpans)} spans,{' '}
          {formatCount(counts.storedCosts)} of {formatCount(counts.ledgerCosts)} prices
        </li>
      </ul>
    </div>
  );
}
