'use client';

import type { LedgerLeaf } from '@loom/api-contract';
import { useLoom } from '../api/loom.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { formatInstant, formatTime } from '../format/times.ts';
import { Badge, type Tone } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Empty, Failure, Skeleton } from '../ui/states.tsx';

const tones: Readonly<Record<string, Tone>> = {
  'capture.gap': 'bad',
  'capture.gap.filled': 'ok',
  'capture.lost': 'bad',
  'capture.orphaned': 'warn',
  'capture.refusals': 'neutral',
  'record.set-aside': 'bad',
  'record.unread': 'bad',
  'record.unreadable': 'bad',
  'payload.erased': 'accent',
  'retention.run': 'accent',
};
const limit = 50;
/** Members that every leaf has, or that have a column. */
const common = new Set(['v', 'project', 'id', 'kind', 'time', 'commits', 'bucket', 'seq']);

/** Leaves that tell of what is not on the record, or no longer: the newest first. */
export function Evidence() {
  const query = { kinds: Object.keys(tones).join(','), limit };
  const { data, error, refetch } = useLoom(
    'listLedgerLeaves',
    { query },
    { refetchInterval: 10_000, keep: true },
  );
  return (
    <Card title="Losses, erasures and retention in the log of this project">
      {error && !data && <Failure error={error} retry={() => void refetch()} />}
      {!data && !error && <Skeleton className="m-4 h-24" />}
      {data?.leaves.length === 0 && <Empty title="None">Nothing was lost, set aside or erased.</Empty>}
      {data && data.leaves.length > 0 && (
        <DataTable
          caption="Losses, erasures and retention"
          rows={data.leaves}
          keyOf={({ index }) => String(index)}
          columns={[
            {
              head: 'Time',
              cell: ({ time }) => <span title={formatInstant(time)}>{formatTime(time)}</span>,
              className: 'whitespace-nowrap',
            },
            { head: 'Leaf', align: 'right', cell: ({ index }) => formatCount(index) },
            {
              head: 'Kind',
              cell: ({ kind }) => <Badge tone={tones[kind] ?? 'neutral'}>{visibleText(kind)}</Badge>,
            },
            {
              head: 'What it says',
              cell: (leaf) => <span className="foreign">{visibleText(saidBy(leaf))}</span>,
              className: 'w-full',
            },
          ]}
        />
      )}
    </Card>
  );
}

/** `contentBefore 2026-11-01T…, counts.spans 12`. */
function saidBy({ envelope }: LedgerLeaf): string {
  const members = Object.entries(JSON.parse(envelope) as Record<string, unknown>);
  return members
    .filter(([name]) => !common.has(name))
    .map(([name, value]) => wordsOf(name, value))
    .join(', ');
}

function wordsOf(name: string, value: unknown): string {
  if (typeof value === 'number' && name.endsWith('Before')) return `${name} ${new Date(value).toISOString()}`;
  if (Array.isArray(value)) return `${value.length} ${name}`;
  if (typeof value !== 'object' || value === null) return `${name} ${String(value)}`;
  return Object.entries(value)
    .map(([inner, count]) => `${inner} ${String(count)}`)
    .join(', ');
}
