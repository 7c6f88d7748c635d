'use client';

import type { Span } from '@loom/api-contract';
import { own } from '../format/own.ts';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount, formatDuration } from '../format/numbers.ts';
import { Badge } from '../ui/badge.tsx';
import { DataTable } from '../ui/data-table.tsx';

/** Why a target was tried, in a word and in a sentence. */
const reasons: Readonly<Record<string, readonly [word: string, meaning: string]>> = {
  only: ['first', 'The only first target'],
  balanced: ['balanced', 'Chosen by weight among the first targets'],
  breaker: ['breaker', 'Another target was passed over: it failed too often lately'],
  retry: ['retry', 'The same target once more'],
  next_key: ['next key', 'The same target with its next key'],
  fallback: ['fallback', 'The target before it failed'],
};

export function AttemptReason({ reason }: { readonly reason: string | null }) {
  if (reason === null) return <span className="text-muted">–</span>;
  const [word, meaning] = own(reasons, reason) ?? [reason, ''];
  return <Badge title={meaning}>{visibleText(word)}</Badge>;
}

/** What was tried upstream for one call, in order. */
export function Attempts({ attempts }: { readonly attempts: Span['attempts'] }) {
  if (attempts.length === 0) return null;
  const first = Date.parse(attempts[0]?.startTime ?? '');
  const rows = attempts.map((attempt, index) => ({ ...attempt, index }));
  return (
    <section className="min-w-0 rounded-lg border bg-surface">
      <h3 className="px-4 pt-2 text-xs font-medium text-muted">Attempts</h3>
      <DataTable
        caption="Attempts"
        rows={rows}
        keyOf={({ index }) => String(index)}
        columns={[
          { head: 'Why', cell: ({ reason }) => <AttemptReason reason={reason} /> },
          {
            head: 'Status',
            cell: ({ status, error }) => (
              <Badge tone={error ? 'bad' : 'ok'}>{status ?? (error ? 'none' : 'ok')}</Badge>
            ),
          },
          {
            head: 'Target',
            className: 'w-full min-w-48',
            cell: ({ provider, model, error }) => (
              <>
                <code className="font-mono text-xs">
                  <span className="text-muted">{provider}/</span>
                  <bdi>{visibleText(model)}</bdi>
                </code>
                {error && (
                  <p className="foreign line-clamp-3 text-xs text-bad" title={visibleText(error.message)}>
                    {visibleText(`${error.type}: ${error.message}`)}
                  </p>
                )}
              </>
            ),
          },
          {
            head: 'Tokens',
            align: 'right',
            cell: ({ usage }) =>
              usage ? (
                <span
                  title={`${formatCount(usage.inputTokens)} in, ${formatCount(usage.outputTokens)} out, beside those of the answer`}
                >
                  {formatCount(usage.totalTokens)}
                </span>
              ) : (
                <span className="text-muted">–</span>
              ),
          },
          {
            head: 'After',
            align: 'right',
            cell: ({ startTime }) => formatDuration(Math.max(0, Date.parse(startTime) - first)),
          },
          { head: 'Took', align: 'right', cell: ({ durationMs }) => formatDuration(durationMs) },
        ]}
      />
    </section>
  );
}
