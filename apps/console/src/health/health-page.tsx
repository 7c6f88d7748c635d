'use client';

import type { HealthReport } from '@loom/api-contract';
import { useLoom } from '../api/loom.tsx';
import { formatBytes, formatCount, formatPercent } from '../format/numbers.ts';
import { formatInstant, formatRelative, formatTime } from '../format/times.ts';
import { visibleText } from '../format/foreign-text.ts';
import { Badge } from '../ui/badge.tsx';
import { Card, PageHead } from '../ui/card.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';
import { DeadLetters } from './dead-letters.tsx';

const pollMs = 5000;
const tones = { ready: 'ok', 'not-ready': 'warn', unreachable: 'bad' } as const;
const lowDisk = 0.1;

/** Whether the deployment is well, for whoever runs it. */
export function HealthPage() {
  const { data, error, refetch } = useLoom('getHealth', {}, { refetchInterval: pollMs, keep: true });
  if (error && !data) return <Failure error={error} retry={() => void refetch()} />;
  return (
    <>
      <PageHead
        title="Health"
        lead={data ? `Loom ${data.version}, looked at ${formatTime(data.checkedAt)}` : undefined}
      />
      {error && (
        <p role="alert" className="rounded-md bg-bad-soft px-3 py-2 text-bad">
          The newest look failed: {error.message}. What is shown is older.
        </p>
      )}
      {data ? <Report report={data} /> : <Skeleton className="h-96" />}
      <DeadLetters />
    </>
  );
}

function Report({ report }: { readonly report: HealthReport }) {
  return (
    <>
      <Card title="Services">
        <DataTable
          caption="Services"
          rows={report.services}
          keyOf={({ name }) => name}
          columns={[
            { head: 'Service', cell: ({ name }) => <span className="font-medium">{name}</span> },
            {
              head: 'State',
              cell: ({ status, message }) => (
                <Badge tone={tones[status]} title={message ?? undefined}>
                  {status}
                </Badge>
              ),
            },
            {
              head: 'Why',
              cell: ({ message }) => <span className="text-muted">{message && visibleText(message)}</span>,
            },
            { head: 'Version', cell: ({ version }) => version ?? '–' },
            {
              head: 'Memory',
              align: 'right',
              cell: ({ memoryBytes }) => (memoryBytes === null ? '–' : formatBytes(memoryBytes)),
            },
            {
              head: 'Running since',
              cell: ({ startedAt }) =>
                startedAt === null ? (
                  '–'
                ) : (
                  <span title={formatInstant(startedAt)}>{formatRelative(startedAt)}</span>
                ),
              className: 'whitespace-nowrap',
            },
          ]}
        />
      </Card>
      <div className="grid gap-5 lg:grid-cols-3">
        <Card title="Lag">
          <dl className="grid gap-1.5 p-4 pt-1">
            {report.lag.map(({ group, records }) => (
              <Line
                key={group}
                label={group}
                value={records === null ? 'not known' : `${formatCount(records)} records behind`}
                isBad={records === null || records > 1000}
              />
            ))}
          </dl>
        </Card>
        <Card title="Outbox of the gateways">
          {report.outbox ? (
            <dl className="grid gap-1.5 p-4 pt-1">
              <Line
                label="Not on disk yet"
                value={`${formatCount(report.outbox.pendingRecords)} records, ${formatBytes(report.outbox.pendingBytes)}`}
              />
              <Line
                label="Not on the event stream yet"
                value={`${formatCount(report.outbox.lagRecords)} records`}
                isBad={report.outbox.lagRecords > 1000}
              />
              <Line
                label="Could not be recorded"
                value={formatCount(report.outbox.lostRecords)}
                isBad={report.outbox.lostRecords > 0}
              />
            </dl>
          ) : (
            <p className="p-4 pt-1 text-muted">No gateway answers.</p>
          )}
        </Card>
        <Card title="Disk">
          <dl className="grid gap-1.5 p-4 pt-1">
            {report.disks.map(({ path, freeBytes, totalBytes, usedByLoomBytes }) => (
              <div key={path} className="grid gap-1">
                <dt className="foreign font-mono text-xs text-muted">{path}</dt>
                <dd className={freeBytes / totalBytes < lowDisk ? 'text-bad' : ''}>
                  {formatBytes(freeBytes)} free of {formatBytes(totalBytes)} (
                  {formatPercent(freeBytes / totalBytes)})
                  {usedByLoomBytes !== null && (
                    <span className="text-muted">, Loom has {formatBytes(usedByLoomBytes)}</span>
                  )}
                </dd>
              </div>
            ))}
          </dl>
        </Card>
      </div>
      <Card title="Last errors">
        {report.lastErrors.length === 0 ? (
          <Empty title="No errors since the start" />
        ) : (
          <DataTable
            caption="Last errors"
            rows={report.lastErrors}
            keyOf={({ time, message }) => `${time} ${message}`}
            columns={[
              {
                head: 'Time',
                cell: ({ time }) => <span title={formatInstant(time)}>{formatTime(time)}</span>,
                className: 'whitespace-nowrap',
              },
              { head: 'Service', cell: ({ service }) => service },
              {
                head: 'Message',
                cell: ({ message }) => <span className="foreign">{visibleText(message)}</span>,
                className: 'w-full',
              },
            ]}
          />
        )}
      </Card>
    </>
  );
}

function Line({
  label,
  value,
  isBad = false,
}: {
  readonly label: string;
  readonly value: string;
  readonly isBad?: boolean;
}) {
  return (
    <div className="flex justify-between gap-4">
      <dt className="text-muted">{label}</dt>
      <dd className={isBad ? 'tabular text-bad' : 'tabular'}>{value}</dd>
    </div>
  );
}
