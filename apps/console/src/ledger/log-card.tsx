'use client';

import type { LedgerLog } from '@loom/api-contract';
import { messageOf } from '@loom/errors';
import { useQuery } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import type { ReactNode } from 'react';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { formatInstant, formatRelative } from '../format/times.ts';
import { download } from '../traces/export-traces.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { CopyableId } from '../ui/copy-button.tsx';
import { logName } from './log-names.ts';

/** How far a log goes, and how much of it is signed. */
export function LogCard({ log, vkeys }: { readonly log: LedgerLog; readonly vkeys: readonly string[] }) {
  const { checkpoint, counts, openCalls, orphanedCalls, origin, size } = log;
  const save = () => {
    if (checkpoint) download(new Blob([checkpoint.note]), `checkpoint-${log.project}-${checkpoint.size}.txt`);
  };
  return (
    <Card
      title={logName(log)}
      aside={
        checkpoint && (
          <Button size="small" look="ghost" onClick={save}>
            <Download aria-hidden className="size-3" /> Checkpoint
          </Button>
        )
      }
    >
      <dl className="grid gap-1.5 p-4 pt-1">
        <Line label="Origin">
          <code className="foreign font-mono text-xs">{visibleText(origin)}</code>
        </Line>
        <Line label="Leaves">{formatCount(size)}</Line>
        <Line label="Signed">
          {checkpoint === null ? (
            'nothing yet'
          ) : (
            <span title={formatInstant(checkpoint.sealedAt)}>
              {checkpoint.size === size ? 'all of them' : `the first ${formatCount(checkpoint.size)}`},{' '}
              {formatRelative(checkpoint.sealedAt)}
            </span>
          )}
        </Line>
        {checkpoint && (
          <>
            <Line label="Root">
              <CopyableId id={checkpoint.root} label="Copy root hash" length={16} />
            </Line>
            <Line label="Signature">
              <HeadMark note={checkpoint.note} origin={origin} vkeys={vkeys} />
            </Line>
          </>
        )}
        {(openCalls > 0 || orphanedCalls > 0) && (
          <Line label="Calls without an end">
            {formatCount(openCalls)} open
            {orphanedCalls > 0 && <span className="text-bad">, {formatCount(orphanedCalls)} overdue</span>}
          </Line>
        )}
        {Object.entries(counts).map(([kind, count]) => (
          <Line key={kind} label={<code className="font-mono text-xs">{visibleText(kind)}</code>}>
            {formatCount(count)}
          </Line>
        ))}
      </dl>
    </Card>
  );
}

/** Whether the head is signed as it should be: found out here, not asked. */
function HeadMark({
  note,
  origin,
  vkeys,
}: {
  readonly note: string;
  readonly origin: string;
  readonly vkeys: readonly string[];
}) {
  const { data, error } = useQuery({
    queryKey: ['checked-head', note, vkeys],
    queryFn: async () => {
      const { checkHead } = await import('./check-head.ts');
      return checkHead(note, origin, vkeys);
    },
    staleTime: Infinity,
    retry: false,
  });
  if (error) return <Badge tone="bad">does not hold: {messageOf(error)}</Badge>;
  if (!data) return <span className="text-muted">being checked</span>;
  return (
    <Badge tone="ok" title="Checked in this browser with the key below">
      holds, {data.join(', ')}
    </Badge>
  );
}

function Line({ label, children }: { readonly label: ReactNode; readonly children: ReactNode }) {
  return (
    <div className="flex justify-between gap-4">
      <dt className="text-muted">{label}</dt>
      <dd className="tabular min-w-0 text-right">{children}</dd>
    </div>
  );
}
