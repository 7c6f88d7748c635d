import type { Ledger, LedgerCheck } from '@loom/api-contract';
import { uncoveredCases } from '@loom/trace-schema/stored-columns';
import { safeText } from './terminal-text.ts';

export function formatLedger({ name, vkeys, logs }: Ledger): string {
  const lines = [`Deployment ${name ?? '(nothing is sealed yet)'}`, ...vkeys.map((vkey) => `  ${vkey}`)];
  for (const log of logs) {
    const { origin, size, checkpoint, openCalls, orphanedCalls, counts, gaps, unread, anchors } = log;
    lines.push('', origin, `  ${size} leaves, ${signedText(checkpoint)}`);
    lines.push(`  ${openCalls} calls open${orphanedCalls > 0 ? `, ${orphanedCalls} without an end` : ''}`);
    for (const [kind, count] of Object.entries(counts)) lines.push(`  ${count} × ${safeText(kind)}`);
    for (const gap of gaps)
      lines.push(`  gap: ${gap.emitter} ${gap.from} to ${gap.to}, noticed ${gap.noticedAt}`);
    for (const { event, leaf } of unread)
      lines.push(
        `  PROBLEM: the event ${safeText(event)} could not be read and is in no leaf (leaf ${leaf} tells of it)`,
      );
    for (const { name: anchor, size: shown, error } of anchors)
      lines.push(
        `  ${safeText(anchor)}: ${error === null ? `size ${shown}` : `failing, ${safeText(error)}`}`,
      );
  }
  return lines.join('\n');
}

function signedText(checkpoint: Ledger['logs'][number]['checkpoint']): string {
  return checkpoint === null
    ? 'nothing signed yet'
    : `${checkpoint.size} of them signed ${checkpoint.sealedAt}`;
}

export function formatCheck({ ok, problems, logs, counts }: LedgerCheck): string {
  const lines = logs.map(({ project, size, checkpoints, openings }) => {
    const opened =
      openings === null ? '' : `, ${openings.verified} commitments opened, ${openings.unopened} not`;
    return `${project}: ${size} leaves, ${checkpoints} checkpoints derived again${opened}`;
  });
  lines.push(
    `calls: ${counts.accepted} accepted, ${counts.ended} ended, ${counts.open} open; trace store: ${counts.storedSpans ?? 'unknown'} of ${counts.ledgerSpans} spans, ${counts.storedCosts ?? 'unknown'} of ${counts.ledgerCosts} prices; stream: ${counts.behind ?? 'unknown'} records behind`,
    ...logs.flatMap(({ openings }) => olderCalls(openings?.metaVersions['1'] ?? 0)),
    ...problems.map(({ log, message }) => `PROBLEM ${log}: ${safeText(message)}`),
    ok ? 'Consistent.' : `${problems.length} problems.`,
  );
  return lines.join('\n');
}

function olderCalls(count: number): string[] {
  return count === 0 ? [] : [`version 1 of meta: ${count} calls. ${uncoveredCases[0]}`];
}
