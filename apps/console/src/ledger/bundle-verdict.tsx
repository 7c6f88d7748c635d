import { type BundleReport, lossesInWords, outcomeTexts, placeText, verdictTexts } from '@loom/ledger/verify';
import type { ReactNode } from 'react';
import { cn } from '../format/class-names.ts';
import { visibleText } from '../format/foreign-text.ts';
import { formatCount } from '../format/numbers.ts';
import { formatInstant } from '../format/times.ts';
import type { BundleCheckState } from './use-bundle-check.ts';

const looks = {
  ok: 'border-ok bg-ok-soft text-ok',
  warn: 'border-warn bg-warn-soft text-warn',
  bad: 'border-bad bg-bad-soft text-bad',
} as const;
const toneOfOutcome = { tampered: 'bad', untrusted: 'bad', incomplete: 'warn', usage: 'warn' } as const;
const listedMax = 20;

/** What came of a check: the verdict first, then what was checked, then what is not there. */
export function BundleVerdict({ state }: { readonly state: BundleCheckState }) {
  if (state.type === 'failed') {
    return (
      <Banner tone="bad" title="NOT CHECKED: the bundle could not be read to its end.">
        {visibleText(state.message)}
      </Banner>
    );
  }
  if (state.type === 'refused') {
    const { outcome, reason, place } = state.refusal;
    return (
      <Banner tone={toneOfOutcome[outcome]} title={outcomeTexts[outcome]}>
        <code className="font-mono text-xs">{reason}</code> at {visibleText(placeText(place))}:{' '}
        {visibleText(state.message)}
      </Banner>
    );
  }
  if (state.type !== 'report') return null;
  const { report } = state;
  return (
    <div className="grid gap-3">
      <Banner tone={report.verdict === 'verified' ? 'ok' : 'warn'} title={verdictTexts[report.verdict]} />
      <ReportFacts report={report} />
    </div>
  );
}

function Banner({
  tone,
  title,
  children,
}: {
  readonly tone: keyof typeof looks;
  readonly title: string;
  readonly children?: ReactNode;
}) {
  return (
    <div role="status" className={cn('foreign rounded-md border px-3 py-2', looks[tone])}>
      <p className="font-medium">{title}</p>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}

function ReportFacts({ report }: { readonly report: BundleReport }) {
  const {
    checkpoints,
    continues,
    cosignatures,
    exportedBy,
    from,
    gaps,
    leaves,
    losses,
    missing,
    origin,
    to,
  } = report;
  const { end, newest } = checkpoints;
  return (
    <dl className="grid gap-x-4 gap-y-1.5 sm:grid-cols-[max-content_1fr] [&_dt]:text-muted">
      <dt>Log</dt>
      <dd className="foreign">{visibleText(origin)}</dd>
      <dt>Period</dt>
      <dd>
        {from === 0 ? 'From the first leaf' : formatInstant(from)} to {formatInstant(to)}
        {!report.isPeriodCovered && (
          <span className="text-warn">: the log may have leaves of it that are not in the bundle</span>
        )}
      </dd>
      <dt>Leaves</dt>
      <dd className="tabular">
        {formatCount(leaves.total)} verified (
        {Object.entries(leaves.byKind)
          .map(([kind, count]) => `${formatCount(count)} ${visibleText(kind)}`)
          .join(', ')}
        )
      </dd>
      <dt>Payloads</dt>
      <dd className="tabular">{countsText(report.payloads)}</dd>
      <dt>Other parts</dt>
      <dd className="tabular">{countsText(report.texts)}</dd>
      <dt>Checkpoint</dt>
      <dd className="tabular">
        {formatCount(end.size)} leaves, sealed {formatInstant(end.sealedAt)}
        {newest.size > end.size &&
          `; continued by one of ${formatCount(newest.size)}, sealed ${formatInstant(newest.sealedAt)}`}
      </dd>
      <dt>Older checkpoint</dt>
      <dd>{continues === null ? 'none given' : `continues that of ${formatCount(continues)} leaves`}</dd>
      <dt>Witnesses</dt>
      <dd className="foreign">
        {cosignatures.length === 0
          ? 'none whose key is trusted here'
          : cosignatures.map(({ name, time }) => `${name}, ${formatInstant(time)}`).join('; ')}
      </dd>
      <dt>Exported by</dt>
      <dd className="foreign">{exportedBy.join(', ')}</dd>
      <dt>Gaps</dt>
      <dd className={gaps.open > 0 ? 'text-bad' : ''}>
        {formatCount(gaps.open)} open, {formatCount(gaps.filled)} filled later
      </dd>
      {report.filter !== undefined && (
        <>
          <dt>Filter</dt>
          <dd className="foreign text-warn">
            {visibleText(report.filter)}: the bundle opens nothing of {formatCount(report.leftOut)} leaves of
            other calls
          </dd>
        </>
      )}
      {missing.length > 0 && (
        <>
          <dt>Missing</dt>
          <dd className="text-bad">
            {missing
              .slice(0, listedMax)
              .map(({ leaf, part }) => `the ${part} of leaf ${leaf}`)
              .join(', ')}
          </dd>
        </>
      )}
      {lossesInWords(losses).map(({ count, what }) => (
        <div key={what} className="contents">
          <dt>The log says</dt>
          <dd className="text-warn">
            {formatCount(count)} {what}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function countsText({ verified, erased, missing }: BundleReport['payloads']): string {
  return `${formatCount(verified)} verified, ${formatCount(erased)} erased with a record of it, ${formatCount(missing)} missing`;
}
