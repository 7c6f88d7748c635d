import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { formatConsoleRows, measureConsole } from './console-bench.ts';
import { formatPageRows, measurePages } from './console-pages.ts';
import { measureGateway } from './gateway-bench.ts';
import { formatReport, reportOf } from './gateway-report.ts';
import { measureIngest } from './ingest/ingest-bench.ts';
import { formatIngestReport, ingestReportOf } from './ingest/ingest-report.ts';
import { measureLedger } from './ledger/ledger-bench.ts';
import { formatLedgerReport, ledgerReportOf } from './ledger/ledger-report.ts';
import { formatNeighbourRows, measureNeighbour } from './neighbour-bench.ts';
import { formatSeedReport, seedDeployment } from './seed/seed-command.ts';
import { largestTrace, readRuntime } from './seed/seed-target.ts';

interface GatewayFlags {
  readonly json: boolean;
  readonly seconds: number;
  readonly connections: number;
  readonly rounds: number;
  readonly directory: string;
  readonly nodeFlag: readonly string[];
}

interface IngestFlags {
  readonly json: boolean;
  readonly events: number;
  readonly rounds: number;
  readonly directory: string;
}

interface LedgerFlags {
  readonly json: boolean;
  readonly leaves: number;
  readonly calls: number;
  readonly rounds: number;
  readonly directory: string;
}

interface ConsoleFlags {
  readonly home: string;
  readonly json: boolean;
  readonly trace?: string;
}

interface SeedFlags {
  readonly home: string;
  readonly json: boolean;
  readonly spans: number;
  readonly days: number;
  readonly seed: number;
  readonly end?: number;
  readonly project: string;
  readonly traceStoreUrl?: string;
}

const integer =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
  };

const evenInteger = (min: number, max: number) => (text: string) => {
  const value = integer(min, max)(text);
  if (value % 2 === 0) return value;
  throw new InvalidArgumentError('expected an even number: each call has two events');
};

function instant(text: string): number {
  const ms = Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw new InvalidArgumentError('expected a time such as 2026-11-22T12:00:00Z');
}

/** Aborted by Ctrl-C and SIGTERM. */
function interruption(): AbortSignal {
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  return interrupted.signal;
}

const program = new Command('bench').description('Benchmarks of Loom: ratios in one run, on this machine.');
const home = [
  '--home <path>',
  'home of the deployment that runs',
  process.env['LOOM_HOME'] ?? '.loom',
] as const;
program
  .command('gateway')
  .description('CPU, throughput and added latency of the gateway with strict capture, beside a bare proxy')
  .option('--json', 'one JSON object on standard output, nothing else', false)
  .option('--seconds <n>', 'length of each load', integer(1, 60), 3)
  .option('--connections <n>', 'connections of a closed loop', integer(1, 256), 16)
  .option('--rounds <n>', 'how often each target gets its turn', integer(1, 20), 3)
  .option('--directory <path>', 'a directory on the disk that is to be measured', '.loom')
  .option(
    '--node-flag <flag>',
    'a flag of Node for the gateway, such as --cpu-prof; may be repeated',
    (flag: string, flags: readonly string[]) => [...flags, flag],
    [],
  )
  .action(async (flags: GatewayFlags) => {
    const { seconds, connections, rounds } = flags;
    const measurement = await measureGateway({
      ...flags,
      nodeFlags: flags.nodeFlag,
      signal: interruption(),
      progress: (line) => console.error(line),
    });
    const report = reportOf(measurement, { seconds, connections, rounds });
    console.log(flags.json ? JSON.stringify(report) : formatReport(report));
    if (report.missingTerminals !== 0 || report.failed > 0) process.exitCode = 1;
  });

program
  .command('ingest')
  .description('events a second through Kafka and ingest, beside raw inserts of the same rows; needs Java')
  .option('--json', 'one JSON object on standard output, nothing else', false)
  .option('--events <n>', 'events of each run, two a call', evenInteger(4000, 200_000), 20_000)
  .option('--rounds <n>', 'how often each variant gets its turn', integer(1, 20), 2)
  .option('--directory <path>', 'a directory on the disk that is to be measured', '.loom')
  .action(async (flags: IngestFlags) => {
    const { rows, ...sizes } = await measureIngest({
      ...flags,
      signal: interruption(),
      progress: (line) => console.error(line),
    });
    const report = ingestReportOf(rows, { events: flags.events, rounds: flags.rounds, ...sizes });
    console.log(flags.json ? JSON.stringify(report) : formatIngestReport(report));
    if (report.missingSpans !== 0) process.exitCode = 1;
  });

program
  .command('ledger')
  .description('what sealing a call costs, in processor time and bytes, as the log grows; and proofs')
  .option('--json', 'one JSON object on standard output, nothing else', false)
  .option(
    '--leaves <n>',
    'of the largest log; the others are a tenth of the next',
    integer(1000, 100_000_000),
    1_000_000,
  )
  .option('--calls <n>', 'calls of each measurement', integer(100, 100_000), 2_000)
  .option('--rounds <n>', 'measurements at each size', integer(1, 20), 3)
  .option('--directory <path>', 'a directory on the disk that is to be measured', '.loom')
  .action(async (flags: LedgerFlags) => {
    const { leaves, calls, rounds } = flags;
    const rows = await measureLedger({
      ...flags,
      signal: interruption(),
      progress: (line) => console.error(line),
    });
    const report = ledgerReportOf(rows, { leaves, calls, rounds });
    console.log(flags.json ? JSON.stringify(report) : formatLedgerReport(report));
  });

program
  .command('console')
  .description(
    'the pages of the console and the answers behind them, of a deployment that runs; needs Chromium',
  )
  .option('--json', 'one JSON object on standard output, nothing else', false)
  .option('--trace <id>', 'whose outline is read, if not the one of the seed')
  .option(...home)
  .action(async (flags: ConsoleFlags) => {
    const { queryUrl, apiKey, consoleUrl, adminEmail, adminPassword } = await readRuntime(flags.home);
    const traceId = flags.trace ?? (await largestTrace(flags.home));
    const signal = interruption();
    const rows = await measureConsole({ queryUrl, apiKey, traceId, signal });
    // Without the first password there is no way in: then the pages are left out, and it says so.
    const signIn = consoleUrl !== null && adminEmail !== null && adminPassword !== null;
    const pages = signIn
      ? await measurePages({ consoleUrl, email: adminEmail, password: adminPassword, traceId, signal })
      : null;
    if (!pages) console.error('pages not measured: the first password was changed');
    if (flags.json) console.log(JSON.stringify({ rows, pages }));
    else console.log([formatConsoleRows(rows), ...(pages ? [formatPageRows(pages)] : [])].join('\n\n'));
  });

program
  .command('neighbour')
  .description(
    'lists and calls of one organization while another reads as much as it can, of a deployment that runs',
  )
  .option('--json', 'one JSON object on standard output, nothing else', false)
  .option(...home)
  .action(async (flags: ConsoleFlags) => {
    const { consoleUrl, adminEmail, adminPassword, ...runtime } = await readRuntime(flags.home);
    if (consoleUrl === null || adminEmail === null || adminPassword === null)
      throw new InvalidArgumentError('needs the console and the first password, to make an organization');
    const apiKey = (await readFile(join(flags.home, 'secrets', 'operator-key'), 'utf8')).trim();
    const access = { consoleUrl, adminEmail, adminPassword, apiKey };
    const rows = await measureNeighbour({ ...runtime, ...access, signal: interruption() });
    console.log(flags.json ? JSON.stringify({ rows }) : formatNeighbourRows(rows));
  });

program
  .command('seed')
  .description('fills the queryable store with made-up calls; the stream and the ledger do not have them')
  .option('--spans <n>', 'how many', integer(1, 100_000_000), 100_000)
  .option('--days <n>', 'over how many days until now', integer(1, 365), 30)
  .option('--seed <n>', 'the same seed makes the same calls', integer(0, 2_147_483_647), 1)
  .option('--end <time>', 'ISO time of the end instead of now: the same calls another day', instant)
  .option('--project <id>', 'whose calls they are', 'default')
  .option('--trace-store-url <url>', 'where to write, if not to the deployment of this machine')
  .option('--json', 'one JSON object on standard output, nothing else', false)
  .option(...home)
  .action(async ({ traceStoreUrl, json, ...flags }: SeedFlags) => {
    const report = await seedDeployment({
      ...flags,
      traceStoreUrl: traceStoreUrl ?? null,
      signal: interruption(),
      progress: (line) => console.error(line),
    });
    if (json) console.log(JSON.stringify(report));
    else console.log(formatSeedReport(report));
  });

await program.parseAsync();
