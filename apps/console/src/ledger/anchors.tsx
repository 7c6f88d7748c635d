import type { LedgerLog } from '@loom/api-contract';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { formatInstant, formatRelative } from '../format/times.ts';
import { Badge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Empty } from '../ui/states.tsx';
import { logName } from './log-names.ts';

/** Who was shown which head: while they keep it, nobody can show them another history. */
export function Anchors({ logs }: { readonly logs: readonly LedgerLog[] }) {
  const shown = logs.flatMap((log) => log.anchors.map((anchor) => ({ log, anchor })));
  return (
    <Card title="Witnesses and anchors">
      {shown.length === 0 ? (
        <Empty title="Nobody outside sees the heads">
          A witness (<code className="font-mono text-xs">LOOM_LEDGER_WITNESSES</code>), a webhook or a bucket
          with object lock keeps Loom from ever showing two histories.
        </Empty>
      ) : (
        <DataTable
          caption="Witnesses and anchors"
          rows={shown}
          keyOf={({ log, anchor }) => `${log.project} ${anchor.name}`}
          columns={[
            {
              head: 'Who',
              cell: ({ anchor }) => <span className="foreign">{visibleText(anchor.name)}</span>,
            },
            { head: 'Of', cell: ({ log }) => logName(log), className: 'whitespace-nowrap' },
            {
              head: 'Has seen',
              cell: ({ log, anchor }) => {
                const behind = (log.checkpoint?.size ?? 0) - anchor.size;
                return `${formatCount(anchor.size)} leaves${behind > 0 ? `, ${formatCount(behind)} behind` : ''}`;
              },
              className: 'whitespace-nowrap',
            },
            {
              head: 'State',
              cell: ({ anchor: { at, error } }) =>
                error === null ? (
                  <Badge tone="ok" title={formatInstant(at)}>
                    {formatRelative(at)}
                  </Badge>
                ) : (
                  <span className="foreign text-bad">{visibleText(error)}</span>
                ),
            },
          ]}
        />
      )}
    </Card>
  );
}
