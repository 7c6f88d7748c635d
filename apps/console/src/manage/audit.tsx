'use client';

import type { AuditEntry } from '@loom/api-contract';
import { FileClock } from 'lucide-react';
import { useState } from 'react';
import { usePages } from '../api/use-pages.ts';
import { JsonTree } from '../content/json-tree.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { formatInstant, formatTime } from '../format/times.ts';
import { useUrlState } from '../shell/url-state.ts';
import { RangePicker } from '../time/range-picker.tsx';
import { useRange } from '../time/range.ts';
import { Badge } from '../ui/badge.tsx';
import { Button } from '../ui/button.tsx';
import { Dialog } from '../ui/dialog.tsx';
import { TextInput } from '../ui/field.tsx';
import { Empty } from '../ui/states.tsx';
import { ManagePage } from './manage-page.tsx';

/** Who changed what, when, and what it was before. */
export function Audit() {
  const range = useRange();
  const { get, set } = useUrlState();
  const action = get('action') ?? '';
  const [wanted, setWanted] = useState(action);
  const [shown, setShown] = useState<AuditEntry | null>(null);
  const { pages, error, retry, more, isLoadingMore } = usePages('listAudit', {
    query: { from: range.from, to: range.to, ...(action && { action }) },
  });
  return (
    <ManagePage
      title="Audit log"
      lead="Every change of what people configure, written together with the change itself."
      actions={
        <>
          <form
            role="search"
            onSubmit={(event) => {
              event.preventDefault();
              set({ action: wanted.trim() });
            }}
          >
            <TextInput
              aria-label="Action"
              placeholder="Action: apiKey.create"
              className="w-48"
              value={wanted}
              onChange={(event) => setWanted(event.target.value)}
            />
          </form>
          <RangePicker range={range} />
        </>
      }
      rows={pages?.flatMap(({ entries }) => entries)}
      error={error}
      retry={retry}
      keyOf={({ id }) => id}
      empty={<Empty icon={FileClock} title="No changes in this time" />}
      columns={[
        {
          head: 'Time',
          cell: ({ time }) => <span title={formatInstant(time)}>{formatTime(time)}</span>,
          className: 'whitespace-nowrap',
        },
        {
          head: 'Who',
          cell: ({ actor }) => (
            <span className="flex items-center gap-1.5">
              <bdi>{visibleText(actor.name)}</bdi> {actor.type !== 'user' && <Badge>{actor.type}</Badge>}
            </span>
          ),
        },
        { head: 'Action', cell: ({ action }) => <code className="font-mono text-xs">{action}</code> },
        {
          head: 'What',
          cell: ({ resource }) => <bdi title={resource.id}>{visibleText(resource.name || resource.id)}</bdi>,
        },
        {
          head: 'Change',
          align: 'right',
          cell: (entry) => (
            <Button
              size="small"
              onClick={() => setShown(entry)}
              aria-label={`Show ${entry.action} of ${formatTime(entry.time)}`}
            >
              Show
            </Button>
          ),
        },
      ]}
    >
      {more && (
        <Button busy={isLoadingMore} onClick={more} className="self-center">
          Earlier
        </Button>
      )}
      {shown && (
        <Dialog
          open
          onOpenChange={() => setShown(null)}
          title={shown.action}
          description={`${shown.actor.name}, ${formatInstant(shown.time)}`}
          className="max-w-3xl"
        >
          <div className="grid gap-3 md:grid-cols-2">
            {(['before', 'after'] as const).map((side) => (
              <section key={side} className="min-w-0 rounded-lg border p-2.5">
                <h3 className="pb-1 text-xs font-medium text-muted capitalize">{side}</h3>
                {shown[side] ? (
                  <JsonTree value={shown[side]} />
                ) : (
                  <p className="text-muted">{side === 'before' ? 'It was not there.' : 'It is gone.'}</p>
                )}
              </section>
            ))}
          </div>
        </Dialog>
      )}
    </ManagePage>
  );
}
