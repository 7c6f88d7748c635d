import {
  type BundleReport,
  lossesInWords,
  outcomeTexts,
  placeText,
  type refusalOf,
  verdictTexts,
} from '@loom/ledger/verify';
import { safeText } from './terminal-text.ts';

type Refusal = NonNullable<ReturnType<typeof refusalOf>>;

const linesMax = 20;

/** For an auditor: the verdict first, then what was checked, then what is not there. */
export function formatBundleReport(report: BundleReport): string {
  const { verdict, origin, from, to, start, end, leaves, payloads, texts, exportedBy, createdAt } = report;
  const lines = [
    verdictTexts[verdict],
    '',
    `log          ${origin}`,
    `period       ${timeText(from)} to ${timeText(to)}`,
    `leaves       ${leaves.total} verified (${start} to ${end - 1})`,
    ...Object.entries(leaves.byKind).map(([kind, count]) => `               ${count} ${kind}`),
    `payloads     ${counted(payloads)}`,
    `other parts  ${counted(texts)}`,
    ...checkpointLines(report),
    `exported     ${timeText(createdAt)}, signed by ${exportedBy.join(', ')}`,
    ...absenceLines(report),
  ];
  return `${lines.map(safeText).join('\n')}\n`;
}

export function formatRefusal({ outcome, reason, place }: Refusal, message: string): string {
  return `${[outcomeTexts[outcome], '', `reason       ${reason}`, `place        ${placeText(place)}`, `             ${message}`].map(safeText).join('\n')}\n`;
}

function counted({ verified, erased, missing }: BundleReport['payloads']): string {
  return `${verified} verified, ${erased} erased with a record of it, ${missing} missing`;
}

function checkpointLines({ checkpoints, cosignatures, continues }: BundleReport): string[] {
  const { start, end, newest } = checkpoints;
  const shown = [...(start ? [start] : []), end, ...(newest.size > end.size ? [newest] : [])];
  return [
    ...shown.map(({ size, sealedAt }) => `checkpoint   ${size} leaves, sealed ${timeText(sealedAt)}`),
    ...cosignatures.map(({ name, time }) => `witness      ${name}, ${timeText(time)}`),
    ...(cosignatures.length === 0 ? ['witness      none that is known'] : []),
    continues === null
      ? 'prior        none given'
      : `prior        continues the checkpoint of ${continues} leaves`,
  ];
}

function absenceLines({
  isPeriodCovered,
  missing,
  gaps,
  losses,
  unread,
  filter,
  leftOut,
}: BundleReport): string[] {
  const said = lossesInWords(losses).map(({ count, what }) => `               ${count} ${what}`);
  return [
    ...(isPeriodCovered
      ? []
      : ['NOT COVERED  the log may have leaves of this period that are not in the bundle']),
    ...(filter === undefined
      ? []
      : [`FILTERED     by ${filter}: nothing is opened of ${leftOut} leaves of other calls`]),
    ...missing.slice(0, linesMax).map(({ leaf, part }) => `MISSING      the ${part} of leaf ${leaf}`),
    `gaps         ${gaps.open} open (${gaps.missing} numbers), ${gaps.filled} filled later`,
    ...gaps.list
      .slice(0, linesMax)
      .map(
        ({ emitter, from, to, leaf }) => `OPEN GAP     ${emitter}: ${from} to ${to}, told of by leaf ${leaf}`,
      ),
    ...unread.slice(0, linesMax).map((event) => `UNREAD       the event ${event} is in no leaf`),
    ...(said.length === 0 ? [] : ['the log says of itself:', ...said]),
  ];
}

function timeText(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? `${ms} ms` : time.toISOString();
}
