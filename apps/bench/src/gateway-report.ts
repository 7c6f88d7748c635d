import { benchEnvironment } from './bench-environment.ts';
import type { Shape } from './chat-fixture.ts';
import type { GatewayMeasurement } from './gateway-bench.ts';
import { median, percentile } from './statistics.ts';
import type { Target } from './target.ts';

/** One load on one target. */
export interface Row {
  readonly target: Target['name'];
  readonly shape: Shape;
  /** Requests per second of an open loop; null for a closed loop. */
  readonly rate: number | null;
  readonly round: number;
  readonly answered: number;
  readonly failed: number;
  readonly requestsPerSecond: number;
  /** User and system time of the target's process, all threads. Null for the upstream itself. */
  readonly cpuMsPerRequest: number | null;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Loom only: successful answers without a terminal on the record, over the whole run until now. */
  readonly missingTerminals: number | null;
}

/** The medians of one target's rounds. */
type Summary = Omit<Row, 'round'>;

interface AddedLatency {
  readonly rate: number;
  /** Loom's percentile less that of the upstream asked directly, at the same rate. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The same less one group commit. */
  readonly p50MsBesideCommit: number;
}

export interface GatewayReport {
  readonly environment: { node: string; kernel: string; cores: number; processor: string };
  readonly settings: { seconds: number; connections: number; rounds: number };
  readonly ratios: {
    readonly loomToBareCpuJson: number;
    readonly loomToBareCpuStream: number;
    readonly loomToBareThroughputJson: number;
    readonly loomToBareThroughputStream: number;
  };
  readonly commit: { readonly p50Ms: number; readonly p99Ms: number };
  readonly added: Readonly<Record<Shape, AddedLatency>>;
  /** Successful answers without a terminal on the record; 0 when the record is complete. */
  readonly missingTerminals: number;
  readonly failed: number;
  readonly summaries: readonly Summary[];
  readonly rows: readonly Row[];
}

export function reportOf(
  { rows, commitsMs }: GatewayMeasurement,
  settings: GatewayReport['settings'],
): GatewayReport {
  const summaries = summarize(rows);
  const of = (target: Target['name'], shape: Shape, open: boolean): Summary => {
    const found = summaries.find(
      (row) => row.target === target && row.shape === shape && (row.rate !== null) === open,
    );
    if (!found) throw new Error(`no rows of ${target} ${shape}`);
    return found;
  };
  const ratio = (shape: Shape, value: (summary: Summary) => number | null): number =>
    round((value(of('loom', shape, false)) ?? Number.NaN) / (value(of('bare', shape, false)) ?? Number.NaN));
  const commit = { p50Ms: round(percentile(commitsMs, 50)), p99Ms: round(percentile(commitsMs, 99)) };
  const added = (shape: Shape): AddedLatency => {
    const [direct, loom] = [of('direct', shape, true), of('loom', shape, true)];
    const p50Ms = round(loom.p50Ms - direct.p50Ms);
    return {
      rate: loom.rate ?? 0,
      p50Ms,
      p99Ms: round(loom.p99Ms - direct.p99Ms),
      p50MsBesideCommit: round(p50Ms - commit.p50Ms),
    };
  };
  return {
    environment: benchEnvironment(),
    settings,
    ratios: {
      loomToBareCpuJson: ratio('json', (summary) => summary.cpuMsPerRequest),
      loomToBareCpuStream: ratio('stream', (summary) => summary.cpuMsPerRequest),
      loomToBareThroughputJson: ratio('json', (summary) => summary.requestsPerSecond),
      loomToBareThroughputStream: ratio('stream', (summary) => summary.requestsPerSecond),
    },
    commit,
    added: { json: added('json'), stream: added('stream') },
    missingTerminals: rows.findLast((row) => row.missingTerminals !== null)?.missingTerminals ?? 0,
    failed: rows.reduce((sum, row) => sum + row.failed, 0),
    summaries,
    rows,
  };
}

function summarize(rows: readonly Row[]): Summary[] {
  const groups = Map.groupBy(rows, (row) => `${row.rate === null} ${row.shape} ${row.target}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const middle = (value: (row: Row) => number) => round(median(group.map(value)));
    return {
      target: first.target,
      shape: first.shape,
      rate: first.rate,
      answered: group.reduce((sum, row) => sum + row.answered, 0),
      failed: group.reduce((sum, row) => sum + row.failed, 0),
      requestsPerSecond: middle((row) => row.requestsPerSecond),
      cpuMsPerRequest: first.cpuMsPerRequest === null ? null : middle((row) => row.cpuMsPerRequest ?? 0),
      p50Ms: middle((row) => row.p50Ms),
      p99Ms: middle((row) => row.p99Ms),
      missingTerminals: group.at(-1)?.missingTerminals ?? null,
    };
  });
}

/** The report for a person. */
export function formatReport(report: GatewayReport): string {
  const { environment, settings, ratios, commit, added } = report;
  const columns = (cells: readonly string[]) =>
    cells.map((cell, index) => (index < 3 ? cell.padEnd(9) : cell.padStart(10))).join(' ');
  const lines = report.summaries.map((row) =>
    columns([
      row.shape,
      row.rate === null ? 'closed' : `${row.rate}/s`,
      row.target,
      row.cpuMsPerRequest?.toFixed(3) ?? '-',
      row.requestsPerSecond.toFixed(0),
      row.p50Ms.toFixed(2),
      row.p99Ms.toFixed(2),
      `${row.failed}`,
      row.missingTerminals === null ? '-' : `${row.missingTerminals}`,
    ]),
  );
  const latency = (shape: Shape) =>
    `${shape} at ${added[shape].rate}/s: p50 ${added[shape].p50Ms} ms (${added[shape].p50MsBesideCommit} beside one commit), ` +
    `p99 ${added[shape].p99Ms} ms`;
  return [
    `node ${environment.node}, linux ${environment.kernel}, ${environment.cores} cores (${environment.processor}); ` +
      `medians of ${settings.rounds} rounds of ${settings.seconds} s, ${settings.connections} connections`,
    '',
    columns(['shape', 'load', 'target', 'CPU ms/req', 'req/s', 'p50 ms', 'p99 ms', 'failed', 'missing']),
    ...lines,
    '',
    `CPU, Loom to bare: json ${ratios.loomToBareCpuJson}, stream ${ratios.loomToBareCpuStream}`,
    `requests/s, Loom to bare: json ${ratios.loomToBareThroughputJson}, stream ${ratios.loomToBareThroughputStream}`,
    `added latency (Loom less direct): ${latency('json')}; ${latency('stream')}`,
    `one commit (append and sync of 3 KB): p50 ${commit.p50Ms} ms, p99 ${commit.p99Ms} ms`,
    report.missingTerminals === 0
      ? 'every successful answer has its terminal on the record'
      : `NOT ON THE RECORD: ${report.missingTerminals} successful answers have no terminal`,
  ].join('\n');
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
