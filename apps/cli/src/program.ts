import { readFile } from 'node:fs/promises';
import type { LoomClient, SpanChunks } from '@loom/api-contract';
import { type ErrorCode, LoomError, messageOf, toLoomError } from '@loom/errors';
import { KeyScope, type TraceOrder, traceOrders, type TraceSort, traceSorts } from '@loom/trace-schema';
import { Command, CommanderError, Option } from 'commander';
import type { CliConfig } from './config.ts';
import { connectGateway, connectOperator, connectReader } from './deployment.ts';
import { CommandExit, exitCodeOf, exitCodes } from './exit-codes.ts';
import { formatKeys } from './format-keys.ts';
import { addLedgerCommands } from './ledger-commands.ts';
import { formatLiveEvent, formatTrace, formatTraces } from './format-trace.ts';
import { type FixtureDeps, recordFixture } from './record-fixture.ts';
import { safeText } from './terminal-text.ts';
import { toExpiry, toTime } from './times.ts';
import { addVerifyCommands } from './verify-commands.ts';
import { addWitnessCommand } from './witness/witness-command.ts';

export interface CliIo {
  readonly out: (text: string) => void;
  readonly error: (text: string) => void;
  /** Replaces the line of the terminal that shows progress; absent where nobody watches. */
  readonly progress?: (text: string) => void;
  /** Ends `tail`. */
  readonly signal: AbortSignal;
}

interface Output {
  /** One JSON value with `--json`, else text for a person. */
  show<Value>(value: Value, format: (value: Value) => string): void;
}

/** Runs one command line; resolves with the exit code. Never throws. */
export async function runCli(
  args: readonly string[],
  readConfig: () => CliConfig,
  io: CliIo,
): Promise<number> {
  const json = args.includes('--json');
  const output: Output = {
    show: (value, format) => io.out(json ? `${JSON.stringify(value)}\n` : `${format(value)}\n`),
  };
  try {
    await programOf(readConfig, io, output).parseAsync(args, { from: 'user' });
    return exitCodes.ok;
  } catch (error) {
    const exitCode = exitCodeOf(error);
    const showJson = (code: ErrorCode, message: string) => {
      if (json) io.out(`${JSON.stringify({ error: { code, message } })}\n`);
    };
    if (error instanceof CommanderError) {
      // What it has to say to a person it has said on stderr.
      if (exitCode !== exitCodes.ok) showJson('invalid_request', usageMessageOf(error));
    } else if (!(error instanceof CommandExit)) {
      const { code, message } = toLoomError(error);
      showJson(code, message);
      io.error(`loom: ${safeText(message)}\n`);
    }
    return exitCode;
  }
}

function usageMessageOf({ code, message }: CommanderError): string {
  return code === 'commander.help' ? 'a command is missing' : message.replace(/^error: /, '');
}

function programOf(readConfig: () => CliConfig, io: CliIo, output: Output): Command {
  const program = new Command('loom')
    .description('Reads the record of a Loom deployment and manages its keys.')
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.error })
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 failed, 2 not found, 3 not running or unreachable, 4 wrong usage.',
    );
  const reader = () => connectReader(readConfig());
  const operator = () => connectOperator(readConfig());
  addTraceCommands(program, reader, io, output);
  addKeyCommands(command(program, 'keys', 'API keys'), operator, output);
  const verify = command(program, 'verify', 'checks what Loom has given out');
  addVerifyCommands(verify, io);
  addLedgerCommands(program, verify, command, {
    ...{
      reader,
      operator,
      gateway: () => connectGateway(readConfig()),
      signal: io.signal,
      progress: io.progress ?? (() => undefined),
    },
    show: (value, format) => output.show(value, format),
  });
  addWitnessCommand(program, io);
  const fixtures = command(program, 'fixtures', "recorded provider answers, for Loom's own tests");
  addFixtureCommands(
    fixtures,
    async () => ({ ...(await connectGateway(readConfig())), client: await reader() }),
    output,
  );
  return program;
}

/** Subcommands do not inherit what was set on their parent before they were added. */
function command(parent: Command, name: string, description: string): Command {
  return parent.command(name).description(description).copyInheritedSettings(parent);
}

type Connect = () => Promise<LoomClient>;

interface TraceOptions {
  readonly filter?: string;
  readonly from?: string;
  readonly to?: string;
  readonly sort: TraceSort;
  readonly order: TraceOrder;
  readonly limit: number;
}

function addTraceCommands(program: Command, connect: Connect, io: CliIo, output: Output): void {
  command(program, 'traces', 'lists traces, newest first or sorted')
    .option('--filter <filter>', 'such as: model:gpt-4o-mini status:error cost:>0.01 latency:>2s -env:dev')
    .option('--from <time>', 'ISO 8601, or how long ago: 30m, 1h, 7d')
    .option('--to <time>', 'the same')
    .addOption(new Option('--sort <figure>', 'what to sort by').choices(traceSorts).default('time'))
    .addOption(
      new Option('--order <order>', 'largest or latest first, or the reverse')
        .choices(traceOrders)
        .default('desc'),
    )
    .option('--limit <count>', 'at most 200', wholeNumber, 20)
    .option('--json', 'one JSON value')
    .action(async ({ filter, from, to, sort, order, limit }: TraceOptions) => {
      const query = { filter, from: from && toTime(from), to: to && toTime(to), sort, order, limit };
      const list = await (await connect()).listTraces({ query });
      output.show(list, ({ traces, unsearched }) =>
        unsearched === null || unsearched === 0
          ? formatTraces(traces)
          : `${formatTraces(traces)}\n${unsearched} calls of this range have more text than a search reads.`,
      );
    });
  command(program, 'show', 'shows a trace: asked, answered, tokens, cost, times')
    .argument('<trace id>')
    .option('--json', 'one JSON value')
    .action(async (traceId: string) => {
      const client = await connect();
      const detail = await client.getTrace({ params: { traceId } });
      const chunks = new Map<string, SpanChunks>();
      for (const { spanId, streamed } of detail.spans.slice(0, 20)) {
        if (streamed) chunks.set(spanId, await client.getSpanChunks({ params: { spanId } }));
      }
      const whole = { ...detail, chunks: [...chunks.values()] };
      output.show(whole, () => formatTrace(detail, chunks));
    });
  command(program, 'tail', 'follows calls as they happen')
    .option('--json', 'one JSON value a line')
    .action(async () => {
      const client = await connect();
      try {
        for await (const event of client.live({ signal: io.signal })) output.show(event, formatLiveEvent);
      } catch (error) {
        if (!io.signal.aborted) throw error;
      }
    });
}

function addFixtureCommands(fixtures: Command, connect: () => Promise<FixtureDeps>, output: Output): void {
  command(fixtures, 'record', 'records a case anew from the provider itself, whose key the running Loom has')
    .argument('<case>', '<provider>/<api>/<case>, such as openai/chat/openai-text')
    .requiredOption('--model <model>', 'such as openai/gpt-4.1-nano')
    .option('--request <file>', 'JSON of the request; model and stream are put in')
    .option('--stream', 'records a stream', false)
    .option('--into <folder>', 'of the recorded cases', 'libs/testkit/testdata/recorded')
    .option('--json', 'one JSON value')
    .action(
      async (name: string, options: { model: string; request?: string; stream: boolean; into: string }) => {
        const { model, stream, into } = options;
        const request = options.request === undefined ? null : await readRequest(options.request);
        const path = await recordFixture({ name, model, stream, request, into }, await connect());
        output.show({ path }, () => `recorded ${path}`);
      },
    );
}

async function readRequest(path: string): Promise<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    throw new Error('it is no JSON object');
  } catch (error) {
    throw new LoomError('invalid_request', `--request ${path}: ${messageOf(error)}`);
  }
}

function addKeyCommands(keys: Command, connect: Connect, output: Output): void {
  command(keys, 'list', 'lists keys, without their secrets')
    .option('--json', 'one JSON value')
    .action(async () => {
      output.show(await (await connect()).listKeys(), formatKeys);
    });
  command(keys, 'create', 'creates a key and shows its secret, once')
    .requiredOption('--name <name>', 'what the key is for')
    .option('--scope <scope...>', `what it may do: ${KeyScope.options.join(', ')}`, ['call'])
    .option('--project <id>', 'default: the project of the operator key')
    .option('--expires <time>', 'when it ends: 30d, or ISO 8601; default: never')
    .option('--json', 'one JSON value')
    .action(async (options: { name: string; scope: string[]; project?: string; expires?: string }) => {
      const { name, project, expires } = options;
      const body = {
        name,
        scopes: options.scope.map(toScope),
        ...(project !== undefined && { projectId: project }),
        ...(expires !== undefined && { expiresAt: toExpiry(expires) }),
      };
      output.show(await (await connect()).createKey({ body }), ({ key, secret }) =>
        [
          `Key ${key.id} (${safeText(key.name)}: ${key.scopes.join(', ')}). The secret is shown this once:`,
          secret,
        ].join('\n'),
      );
    });
  const update = command(keys, 'update', 'changes the name, the expiry or the limits of a key')
    .argument('<key id>')
    .option('--name <name>', 'what the key is for')
    .option('--expires <time>', 'when it ends: 30d, ISO 8601 or never');
  for (const [, option] of limitOptions) update.option(`--${option} <count>`, 'a whole number, or none');
  update
    .option('--json', 'one JSON value')
    .action(async (id: string, options: Readonly<Record<string, string | undefined>>) => {
      output.show(
        await (await connect()).updateKey({ params: { id }, body: keyChangeOf(options) }),
        (key) => `Key ${key.id} (${safeText(key.name)}) is changed.`,
      );
    });
  command(keys, 'revoke', 'revokes a key')
    .argument('<key id>')
    .option('--json', 'one JSON value')
    .action(async (id: string) => {
      output.show(
        await (await connect()).revokeKey({ params: { id } }),
        (key) => `Key ${key.id} is revoked.`,
      );
    });
}

const limitOptions = [
  ['requestsPerMinute', 'requests-per-minute'],
  ['tokensPerMinute', 'tokens-per-minute'],
  ['concurrentCalls', 'concurrent-calls'],
] as const;

function keyChangeOf({ name, expires, ...options }: Readonly<Record<string, string | undefined>>) {
  const limits = limitOptions.flatMap(([limit]) => {
    const text = options[limit];
    return text === undefined ? [] : [[limit, text === 'none' ? null : wholeNumber(text)] as const];
  });
  return {
    ...(name !== undefined && { name }),
    ...(expires !== undefined && { expiresAt: expires === 'never' ? null : toExpiry(expires) }),
    ...(limits.length > 0 && { limits: Object.fromEntries(limits) }),
  };
}

function toScope(text: string): KeyScope {
  const parsed = KeyScope.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new LoomError('invalid_request', `unknown scope "${text}"; known: ${KeyScope.options.join(', ')}`);
}

function wholeNumber(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new LoomError('invalid_request', `"${text}" is not a whole number`);
}
