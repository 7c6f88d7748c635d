import { benchEnvironment } from '../bench-environment.ts';
import { median } from '../statistics.ts';
import type { ProofTimes } from './proof-times.ts';
import type { Spent } from './sealing-world.ts';

/** One measurement: what a call costs that comes to a log of so many leaves. */
export interface LedgerRow extends Spent, ProofTimes {
  /** The size that stands for it in the report. */
  readonly wanted: number;
  readonly leaves: number;
  readonly round: number;
  readonly seconds: number;
}

export interface LedgerSettings {
  readonly leaves: number;
  readonly calls: number;
  readonly rounds: number;
}

const measures = [
  'ledgerCpuMs',
  'engineCpuMs',
  'storeBytes',
  'journalBytes',
  'checkpointBytes',
  'inclusionMs',
  'consistencyMs',
] as const;
type Measure = (typeof measures)[number];
type Summary = Readonly<Record<Measure, number>> & { readonly leaves: number };

export type LedgerReport = ReturnType<typeof ledgerReportOf>;

export function ledgerReportOf(rows: readonly LedgerRow[], settings: LedgerSettings) {
  const groups = Map.groupBy(rows, ({ wanted }) => wanted);
  const summaries = [...groups].map(([leaves, group]) => ({
    leaves,
    ...eachMeasure((name) => thousandths(median(group.map((row) => row[name])))),
  }));
  const [first] = summaries;
  const ratios = summaries.map((summary) => ({
    leaves: summary.leaves,
    cpuToFirst: thousandths(cpuOf(summary) / (first ? cpuOf(first) : Number.NaN)),
    bytesToFirst: thousandths(bytesOf(summary) / (first ? bytesOf(first) : Number.NaN)),
  }));
  return { environment: benchEnvironment(), settings, ratios, summaries, rows };
}

/** The report for a person. */
export function formatLedgerReport({ environment, settings, ratios, summaries }: LedgerReport): string {
  const columns = (cells: readonly string[]) =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(9) : cell.padStart(11))).join(' ');
  return [
    `node ${environment.node}, linux ${environment.kernel}, ${environment.cores} cores (${environment.processor}); ` +
      `medians of ${settings.rounds} rounds of ${settings.calls} calls, two leaves each`,
    '',
    columns(['leaves', 'CPU ledger', 'CPU engine', 'to first', 'store B', 'journal B', 'signed B', 'to first', 'inclusion', 'consistency']), // prettier-ignore
    ...summaries.map((summary, at) =>
      columns([
        String(summary.leaves),
        ...[summary.ledgerCpuMs, summary.engineCpuMs, ratios[at]?.cpuToFirst ?? 0].map((value) =>
          value.toFixed(3),
        ),
        ...[summary.storeBytes, summary.journalBytes, summary.checkpointBytes].map((value) =>
          value.toFixed(0),
        ),
        ...[ratios[at]?.bytesToFirst ?? 0, summary.inclusionMs, summary.consistencyMs].map((value) =>
          value.toFixed(2),
        ),
      ]),
    ),
    '(CPU and bytes: of a call, in milliseconds and bytes; proofs in milliseconds)',
  ].join('\n');
}

function eachMeasure(of: (name: Measure) => number): Readonly<Record<Measure, number>> {
  return Object.fromEntries(measures.map((name) => [name, of(name)])) as Record<Measure, number>;
}

const cpuOf = ({ ledgerCpuMs, engineCpuMs }: Summary) => ledgerCpuMs + engineCpuMs;
const bytesOf = (summary: Summary) => summary.storeBytes + summary.journalBytes + summary.checkpointBytes;

function thousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}
