'use client';

import type { MetricsOverview } from '@loom/api-contract';
import { formatCompact, formatCount, formatDuration, formatPercent } from '../format/numbers.ts';
import { Card } from '../ui/card.tsx';
import { Cost } from '../ui/cost.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Link } from '../ui/link.tsx';
import { Skeleton } from '../ui/states.tsx';
import { totalTokens } from './figures.ts';
import type { GroupBy } from './group-picker.tsx';

export function GroupTable({
  groups,
  groupBy,
  nameOf,
  hrefOf,
}: {
  /** Undefined while they are being loaded. */
  readonly groups: MetricsOverview['groups'] | undefined;
  readonly groupBy: GroupBy;
  readonly nameOf: (group: string) => string;
  readonly hrefOf: (group: string) => string;
}) {
  const head = { model: 'Model', provider: 'Provider', key: 'API key', project: 'Project' }[groupBy];
  return (
    <Card title={`By ${head === 'API key' ? head : head.toLowerCase()}`}>
      {!groups && <Skeleton className="m-4 h-40" />}
      {groups && (
        <DataTable
          caption={`Figures by ${head}`}
          rows={groups}
          keyOf={({ group }) => group}
          columns={[
            {
              head,
              cell: ({ group }) => (
                <Link href={hrefOf(group)} className="font-medium hover:text-accent hover:underline">
                  {nameOf(group) || 'unknown'}
                </Link>
              ),
            },
            { head: 'Requests', align: 'right', cell: ({ requests }) => formatCount(requests) },
            {
              head: 'Errors',
              align: 'right',
              cell: ({ errors, requests }) => (
                <span className={errors > 0 ? 'text-bad' : 'text-muted'}>
                  {formatPercent(requests === 0 ? 0 : errors / requests)}
                </span>
              ),
            },
            {
              head: 'Spend',
              align: 'right',
              cell: ({ costUsd, ...unknown }) => <Cost usd={costUsd} {...unknown} />,
            },
            {
              head: 'Tokens',
              align: 'right',
              cell: (group) => (
                <span title={formatCount(totalTokens(group))}>{formatCompact(totalTokens(group))}</span>
              ),
            },
            {
              head: 'p50',
              align: 'right',
              cell: ({ latencyMs }) => (latencyMs ? formatDuration(latencyMs.p50) : '–'),
            },
            {
              head: 'p95',
              align: 'right',
              cell: ({ latencyMs }) => (latencyMs ? formatDuration(latencyMs.p95) : '–'),
            },
            {
              head: 'First chunk',
              align: 'right',
              cell: ({ timeToFirstChunkMs }) =>
                timeToFirstChunkMs ? formatDuration(timeToFirstChunkMs.p50) : '–',
            },
          ]}
        />
      )}
    </Card>
  );
}
