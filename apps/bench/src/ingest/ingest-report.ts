import { benchEnvironment } from '../bench-environment.ts';
import { median } from '../statistics.ts';
import type { CpuMs } from './cpu-reader.ts';

/** `ingest`: processes on as many partitions; `raw`: the same rows straight into the engine, so many batches at once. */
export type VariantName = 'ingest' | 'raw';

/** One run. */
export interface IngestRow {
  readonly name: VariantName;
  readonly parallel: number;
  readonly round: number;
  readonly events: number;
  readonly seconds: number;
  readonly eventsPerSecond: number;
  readonly cpuMs: CpuMs;
  /** Calls that have no span in the store afterwards. */
  readonly missingSpans: number;
}

/** Medians of the rounds. */
interface IngestSummary {
  readonly name: VariantName;
  readonly parallel: number;
  readonly eventsPerSecond: number;
  readonly spansPerSecond: number;
  /** Processor time for a thousand events. */
  readonly cpuMsPerThousand: CpuMs;
}

export interface IngestSettings {
  readonly events: number;
  readonly rounds: number;
  readonly batches: number;
  readonly eventBytes: number;
  readonly insertBytes: number;
}

export type IngestReport = ReturnType<typeof ingestReportOf>;

export function ingestReportOf(rows: readonly IngestRow[], settings: IngestSettings) {
  const summaries = summarize(rows);
  const rate = (name: VariantName, parallel: number) =>
    summaries.find((one) => one.name === name && one.parallel === parallel)?.eventsPerSecond ?? Number.NaN;
  return {
    environment: benchEnvironment(),
    settings,
    ratios: {
      ingestToRawOne: hundredths(rate('ingest', 1) / rate('raw', 1)),
      ingestToRawTwo: hundredths(rate('ingest', 2) / rate('raw', 2)),
      ingestTwoToOne: hundredths(rate('ingest', 2) / rate('ingest', 1)),
      rawTwoToOne: hundredths(rate('raw', 2) / rate('raw', 1)),
    },
    missingSpans: rows.reduce((sum, row) => sum + Math.abs(row.missingSpans), 0),
    summaries,
    rows,
  };
}

function summarize(rows: readonly IngestRow[]): IngestSummary[] {
  const groups = Map.groupBy(rows, ({ name, parallel }) => `${name} ${parallel}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const eventsPerSecond = Math.round(median(group.map((row) => row.eventsPerSecond)));
    const perThousand = (part: keyof CpuMs) =>
      Math.round(median(group.map(({ cpuMs, events }) => (cpuMs[part] / events) * 1000)));
    return {
      name: first.name,
      parallel: first.parallel,
      eventsPerSecond,
      spansPerSecond: Math.round(eventsPerSecond / 2),
      cpuMsPerThousand: {
        ingest: perThousand('ingest'),
        engine: perThousand('engine'),
        broker: perThousand('broker'),
      },
    };
  });
}

/** The report for a person. */
export function formatIngestReport({
  environment,
  settings,
  ratios,
  summaries,
  missingSpans,
}: IngestReport): string {
  const columns = (cells: readonly string[]) =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(24) : cell.padStart(10))).join(' ');
  const kib = (bytes: number) => `${(bytes / settings.events / 1024).toFixed(1)} KiB`;
  const label = ({ name, parallel }: IngestSummary) =>
    name === 'ingest'
      ? `ingest, ${parallel} ${parallel === 1 ? 'partition' : 'partitions'}`
      : `raw, ${parallel} ${parallel === 1 ? 'batch' : 'batches'} at once`;
  return [
    `node ${environment.node}, linux ${environment.kernel}, ${environment.cores} cores (${environment.processor}); ` +
      `medians of ${settings.rounds} rounds of ${settings.events} events in ${settings.batches} batches; ` +
      `an event has ${kib(settings.eventBytes)}, its rows ${kib(settings.insertBytes)}`,
    '',
    columns(['', 'events/s', 'spans/s', 'CPU ingest', 'engine', 'broker']),
    ...summaries.map((summary) =>
      columns([
        label(summary),
        ...[summary.eventsPerSecond, summary.spansPerSecond].map(String),
        ...(['ingest', 'engine', 'broker'] as const).map((part) => `${summary.cpuMsPerThousand[part]}`),
      ]),
    ),
    '(CPU: milliseconds for a thousand events)',
    '',
    `ingest to raw: ${ratios.ingestToRawOne} one by one, ${ratios.ingestToRawTwo} by two`,
    `two to one: ingest ${ratios.ingestTwoToOne}, raw ${ratios.rawTwoToOne}`,
    missingSpans === 0 ? 'every call has its span' : `WRONG: ${missingSpans} spans missing or too many`,
  ].join('\n');
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
