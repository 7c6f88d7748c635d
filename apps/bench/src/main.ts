import { Command, InvalidArgumentError } from 'commander';
import { measureGateway } from './gateway-bench.ts';
import { formatReport, reportOf } from './gateway-report.ts';

interface GatewayFlags {
  readonly json: boolean;
  readonly seconds: number;
  readonly connections: number;
  readonly rounds: number;
  readonly directory: string;
  readonly nodeFlag: readonly string[];
}

const integer =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`);
  };

const program = new Command('bench').description('Benchmarks of Loom: ratios in one run, on this machine.');
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
    const interrupted = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
    const measurement = await measureGateway({
      ...flags,
      nodeFlags: flags.nodeFlag,
      signal: interrupted.signal,
      progress: (line) => console.error(line),
    });
    const report = reportOf(measurement, { seconds, connections, rounds });
    console.log(flags.json ? JSON.stringify(report) : formatReport(report));
    if (report.missingTerminals !== 0 || report.failed > 0) process.exitCode = 1;
  });

await program.parseAsync();
