import type { LedgerLog } from '@loom/api-contract';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { formatInstant, formatRelative } from '../format/times.ts';
import { Badge } from '../ui/badge.tsx';
import { Card } from '../ui/card.tsx';
import { CopyableId } from '../ui/copy-button.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { Empty } from '../ui/states.tsx';

/** Numbers of an emitter's sequence that never came: something was recorded that is not here. */
export function Gaps({ logs }: { readonly logs: readonly LedgerLog[] }) {
  const gaps = logs.flatMap((log) => log.gaps);
  return (
    <Card title="Gaps">
      {gaps.length === 0 ? (
        <Empty title="No gaps">Every numbered event of every gateway has come.</Empty>
      ) : (
        <DataTable
          caption="Gaps"
          rows={gaps}
          keyOf={({ emitter, from }) => `${emitter} ${from}`}
          columns={[
            {
              head: 'Emitter',
              cell: ({ emitter }) => <CopyableId id={visibleText(emitter)} label="Copy emitter" />,
            },
            {
              head: 'Missing',
              cell: ({ from, to }) =>
                from === to ? `number ${formatCount(from)}` : `${formatCount(from)} to ${formatCount(to)}`,
              className: 'whitespace-nowrap',
            },
            {
              head: 'Noticed',
              cell: ({ noticedAt }) => (
                <span title={formatInstant(noticedAt)}>{formatRelative(noticedAt)}</span>
              ),
              className: 'whitespace-nowrap',
            },
            {
              head: 'In the log',
              cell: ({ sealed }) =>
                sealed ? <Badge tone="bad">sealed</Badge> : <Badge tone="warn">not yet</Badge>,
            },
          ]}
        />
      )}
      <Unread logs={logs} />
    </Card>
  );
}

/** Events that came and could not be read: somebody has to replay their dead letters. */
function Unread({ logs }: { readonly logs: readonly LedgerLog[] }) {
  const unread = logs.flatMap((log) => log.unread);
  if (unread.length === 0) return null;
  return (
    <ul className="grid gap-1 px-4 pb-4 text-bad" aria-label="Events that are in no leaf">
      {unread.map(({ event, leaf }) => (
        <li key={event} className="foreign">
          The event {visibleText(event)} could not be read and is in no leaf (leaf {formatCount(leaf)} tells
          of it).
        </li>
      ))}
    </ul>
  );
}
