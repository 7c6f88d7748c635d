'use client';

import { useState } from 'react';
import { useLoom, useLoomChange } from '../api/loom.tsx';
import { usePages } from '../api/use-pages.ts';
import { LongText } from '../content/long-text.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatBytes } from '../format/numbers.ts';
import { formatInstant, formatRelative, formatTime } from '../format/times.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Card } from '../ui/card.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { notify } from '../ui/toaster.tsx';

/** Records that a consumer could not take in: to look at, and to put back when its cause is gone. */
export function DeadLetters() {
  const { pages, error, retry, more } = usePages('listDeadLetters', {});
  const [open, setOpen] = useState<string | null>(null);
  const letters = pages?.flatMap(({ deadLetters }) => deadLetters);
  return (
    <Card title="Dead letters">
      {error && !letters && <Failure error={error} retry={retry} />}
      {!letters && !error && <Skeleton className="m-4 h-24" />}
      {letters?.length === 0 && <Empty title="None">Everything on the stream could be taken in.</Empty>}
      {letters && letters.length > 0 && (
        <DataTable
          caption="Dead letters"
          rows={letters}
          keyOf={({ id }) => id}
          columns={[
            {
              head: 'Time',
              cell: ({ time }) => <span title={formatInstant(time)}>{formatTime(time)}</span>,
              className: 'whitespace-nowrap',
            },
            { head: 'Consumer', cell: ({ consumer }) => consumer },
            { head: 'Reason', cell: ({ reason }) => <Badge tone="bad">{reason}</Badge> },
            {
              head: 'Message',
              cell: ({ message }) => <span className="foreign line-clamp-2">{visibleText(message)}</span>,
              className: 'w-full',
            },
            {
              head: 'Size',
              align: 'right',
              cell: ({ bytes }) => formatBytes(bytes),
              className: 'whitespace-nowrap',
            },
            {
              head: 'Replayed',
              cell: ({ replayedAt }) => (replayedAt === null ? '–' : formatRelative(replayedAt)),
              className: 'whitespace-nowrap',
            },
            {
              head: 'Action',
              align: 'right',
              cell: ({ id }) => (
                <Button size="small" onClick={() => setOpen(id)}>
                  Look
                </Button>
              ),
            },
          ]}
        />
      )}
      {more && (
        <div className="border-t p-2 text-center">
          <Button look="ghost" onClick={more}>
            Earlier
          </Button>
        </div>
      )}
      {open !== null && <Letter id={open} onClose={() => setOpen(null)} />}
    </Card>
  );
}

function Letter({ id, onClose }: { readonly id: string; readonly onClose: () => void }) {
  const { data, error } = useLoom('getDeadLetter', { params: { id } });
  const replay = useLoomChange('replayDeadLetter', ['listDeadLetters', 'listAudit']);
  const put = () =>
    replay.mutate(
      { params: { id } },
      {
        onSuccess: () => {
          notify('The record is back on its topic.');
          onClose();
        },
      },
    );
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Dead letter"
      className="max-w-3xl"
      description={data && `${data.consumer}: ${visibleText(data.message)}`}
    >
      {error && <Failure error={error} />}
      {!data && !error && <Skeleton className="h-48" />}
      {data && (
        <div className="grid gap-3">
          <p className="text-xs text-muted">
            {data.topic}, partition {data.partition}, offset {data.offset}, {formatBytes(data.bytes)}
          </p>
          <div
            tabIndex={0}
            role="region"
            aria-label="Record"
            className="max-h-96 overflow-auto rounded-lg border bg-canvas p-3"
          >
            <LongText text={data.value} className="font-mono text-xs leading-5" />
          </div>
          {data.truncated && <p className="text-xs text-warn">Cut at 256 KiB; it is put back whole.</p>}
          {replay.error && (
            <p role="alert" className="text-bad">
              {replay.error.message}
            </p>
          )}
          <p className="text-muted">
            Every consumer reads the record again, those that have taken it in already too; what is stored
            once stays stored once. One that gives up again writes a new dead letter.
          </p>
          <Button look="primary" busy={replay.isPending} onClick={put} className="justify-self-end">
            Put back on the topic
          </Button>
        </div>
      )}
    </Dialog>
  );
}
