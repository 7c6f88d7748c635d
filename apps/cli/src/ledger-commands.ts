import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoomClient } from '@loom/api-contract';
import { LoomError, messageOf, toLoomError } from '@loom/errors';
import { nodeCrypto, parseReceipt, parseVerifierKey } from '@loom/ledger';
import type { Command } from 'commander';
import { type CanaryFinding, runCanary } from './canary.ts';
import { CommandExit, CommandFailure, exitCodes } from './exit-codes.ts';
import { formatCheck, formatLedger } from './format-ledger.ts';
import { checkReceipt, receiptOutcomeOf } from './receipt-check.ts';
import { collect } from './repeated-option.ts';
import { runDeepCheck } from './run-check.ts';
import { toTime } from './times.ts';
import { verifyExitCodes } from './verify-bundle-file.ts';
import { writeWhole } from './write-whole.ts';

export interface LedgerCommandDeps {
  /** With the key that reads. */
  readonly reader: () => Promise<LoomClient>;
  /** With the key that manages. */
  readonly operator: () => Promise<LoomClient>;
  readonly gateway: () => Promise<{ gatewayUrl: string; apiKey: string }>;
  readonly show: <Value>(value: Value, format: (value: Value) => string) => void;
  /** Ends what runs until it is told to. */
  readonly signal: AbortSignal;
  /** Shows how far a long command is, where a person watches. */
  readonly progress: (text: string) => void;
}

type AddCommand = (parent: Command, name: string, description: string) => Command;

/** `loom ledger`, `export`, `fsck`, `canary`, `erase`, and `verify receipt`. */
export function addLedgerCommands(
  program: Command,
  verify: Command,
  add: AddCommand,
  deps: LedgerCommandDeps,
): void {
  addStatusCommands(add(program, 'ledger', 'the logs that the record is sealed in'), add, deps);
  addExport(program, add, deps);
  addFsck(program, add, deps);
  addCanary(program, add, deps);
  addErase(program, add, deps);
  addVerifyReceipt(verify, add, deps);
}

function addStatusCommands(ledger: Command, add: AddCommand, { reader, show }: LedgerCommandDeps): void {
  add(ledger, 'status', 'heads, gaps, losses, witnesses')
    .option('--json', 'one JSON value')
    .action(async () => show(await (await reader()).getLedger(), formatLedger));
  add(ledger, 'vkey', 'prints the verifier key: what an auditor needs, kept where Loom cannot change it')
    .option('--all', 'those of before, too', false)
    .option('--json', 'one JSON value')
    .action(async ({ all }: { all: boolean }) => {
      const { vkeys } = await (await reader()).getLedger();
      if (vkeys.length === 0) throw new LoomError('not_found', 'nothing is sealed yet');
      show({ vkeys: all ? vkeys : vkeys.slice(0, 1) }, (shown) => shown.vkeys.join('\n'));
    });
  add(ledger, 'checkpoint', 'prints the newest signed head: to keep, for --prior')
    .option('--system', "of the deployment's own log", false)
    .option('--json', 'one JSON value')
    .action(async ({ system }: { system: boolean }) => {
      const note = await (await reader()).getCheckpoint({ query: { log: system ? 'system' : 'project' } });
      show({ note }, (shown) => shown.note.trimEnd());
    });
}

function addExport(program: Command, add: AddCommand, { reader, show, signal }: LedgerCommandDeps): void {
  add(program, 'export', 'writes a signed bundle of the record, for `loom verify bundle`')
    .requiredOption('--from <time>', 'ISO 8601, or how long ago: 30m, 1h, 7d')
    .option('--to <time>', 'the same, or now', 'now')
    .option('--filter <filter>', 'opens only matching calls, such as: user:ann; the leaves of all are in it')
    .requiredOption('--out <file>', 'whole or not at all')
    .option('--json', 'one JSON value')
    .action(async ({ from, to, out, filter }: { from: string; to: string; out: string; filter?: string }) => {
      const query = {
        from: toTime(from),
        ...(to === 'now' ? {} : { to: toTime(to) }),
        ...(filter !== undefined && { filter }),
      };
      const client = await reader();
      const file = { path: out, option: '--out', signal };
      const bytes = await writeWhole(file, () => client.exportBundle({ query, signal }));
      show(
        { file: out, bytes },
        () => `Wrote ${out}, ${bytes} bytes. Check it: loom verify bundle ${out} --vkey <key>`,
      );
    });
}

function addFsck(program: Command, add: AddCommand, deps: LedgerCommandDeps): void {
  const { reader, operator, show, signal, progress } = deps;
  add(program, 'fsck', 'derives every root again from what is stored; compares log, trace store and stream')
    .option(
      '--deep',
      'compares every recorded byte and column, too; takes minutes and a key that manages',
      false,
    )
    .option('--json', 'one JSON value')
    .action(async ({ deep }: { deep: boolean }) => {
      const check = deep
        ? await runDeepCheck(await operator(), signal, ({ state, leaves, ofLeaves }) =>
            progress(state === 'running' ? `${leaves} of ${ofLeaves ?? '…'} leaves` : state),
          )
        : await (await reader()).checkLedger({ query: { deep: 'false' } });
      progress('');
      show(check, formatCheck);
      if (!check.ok) throw new CommandExit(exitCodes.failed);
    });
}

function addCanary(program: Command, add: AddCommand, deps: LedgerCommandDeps): void {
  add(
    program,
    'canary',
    'a call through the real path, read back by id, from the list, as bytes and by its proof',
  )
    .option('--once', 'one call, and its exit code', false)
    .option('--every <seconds>', 'between calls', '10')
    .option('--within <seconds>', 'how long one may take to be found and proved', '60')
    .option('--model <model>', 'which one answers', 'loom-sim')
    .option('--json', 'one JSON value a call')
    .action(async (options: { once: boolean; every: string; within: string; model: string }) => {
      const { once, model } = options;
      const [everyMs, withinMs] = [
        secondsOf('--every', options.every),
        secondsOf('--within', options.within),
      ];
      const { signal } = deps;
      do {
        const finding = await runCanary({
          gateway: await deps.gateway(),
          client: await deps.reader(),
          model,
          withinMs,
        });
        deps.show(finding, formatFinding);
        if (once && !finding.ok) throw new CommandExit(exitCodes.failed);
        if (!once) await delay(everyMs, undefined, { signal }).catch(() => undefined);
      } while (!once && !signal.aborted);
    });
}

function formatFinding({ ok, callId, lateSeconds, message }: CanaryFinding): string {
  const after = lateSeconds === null ? '' : ` after ${lateSeconds} s`;
  return `${new Date().toISOString()} ${ok ? 'ok' : 'FAILED'}${after} ${callId ?? ''} ${message}`;
}

function addErase(program: Command, add: AddCommand, { operator, reader, show }: LedgerCommandDeps): void {
  add(program, 'erase', 'erases what an end user said and was answered; the log says that it was erased')
    .requiredOption('--user <id>', 'as calls named them')
    .option('--dry-run', 'only counts', false)
    .option('--project <id>', 'default: the project of the key')
    .option('--json', 'one JSON value')
    .action(
      async ({ user: userId, dryRun, project }: { user: string; dryRun: boolean; project?: string }) => {
        if (dryRun) {
          const query = { userId, projectId: project };
          const preview = await (await reader()).previewErasure({ query });
          show(preview, ({ spans, payloads }) => `Would take out ${payloads} payloads of ${spans} calls.`);
          return;
        }
        const body = { userId, ...(project === undefined ? {} : { projectId: project }) };
        const client = await operator();
        const erasure = await client.createErasure({ body });
        const onHold = await isOnHold(client, erasure.projectId);
        show({ ...erasure, onHold }, ({ id }) =>
          [
            `Erasure ${id} is requested; follow it in the console or with GET /v1/erasures.`,
            ...(onHold ? ['The project is under a legal hold: the erasure waits while the hold lasts.'] : []),
          ].join('\n'),
        );
      },
    );
}

/** For a word about it: what was asked for is asked for, known or not. */
async function isOnHold(client: LoomClient, projectId: string): Promise<boolean | null> {
  try {
    const { projects } = await client.listProjects();
    return projects.find(({ id }) => id === projectId)?.retention?.hold ?? false;
  } catch {
    return null;
  }
}

interface ReceiptOptions {
  readonly request?: string;
  readonly vkey: readonly string[];
}

function addVerifyReceipt(verify: Command, add: AddCommand, { reader, show }: LedgerCommandDeps): void {
  add(verify, 'receipt', 'checks the x-loom-receipt of an answer against the log')
    .argument('<receipt>', 'the value of the header')
    .option('--request <file>', 'the body of the request, as it was sent')
    .option(
      '--vkey <key>',
      'of the deployment; may be repeated; default: what the deployment says itself',
      collect,
      [],
    )
    .option('--json', 'one JSON value')
    .addHelpText(
      'after',
      '\nExit codes: 0 verified, 1 tampered, 2 not sealed yet, 3 untrusted key or unreachable, 4 wrong usage.',
    )
    .action(async (receipt: string, { request, vkey }: ReceiptOptions) => {
      for (const key of vkey) parseVerifierKey(nodeCrypto, key);
      const { callId } = parseReceipt(receipt).stated;
      const held = { receipt, request: request === undefined ? null : await readRequest(request) };
      const client = await reader();
      const vkeys = vkey.length > 0 ? [...vkey] : (await client.getLedger()).vkeys;
      const answer = await client.getReceipt({ params: { id: callId } });
      const finding = withVerdict(() => checkReceipt(held, { vkeys }, answer));
      show(finding, ({ acceptedIndex, endedIndex, checkpointSize, sealedAt }) =>
        [
          `Verified: call ${callId} is leaf ${acceptedIndex}, under the checkpoint of size ${checkpointSize}, since ${sealedAt}.`,
          endedIndex === null ? 'Its end is not sealed yet.' : `Its end is leaf ${endedIndex}.`,
        ].join('\n'),
      );
    });
}

async function readRequest(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new LoomError('invalid_request', `--request ${file}: ${messageOf(cause)}`, { cause });
  }
}

/** What a check refuses ends with the exit code of that verdict, as for a bundle. */
function withVerdict<Value>(check: () => Value): Value {
  try {
    return check();
  } catch (error) {
    const outcome = receiptOutcomeOf(error);
    if (outcome === null) throw error;
    throw new CommandFailure(verifyExitCodes[outcome], toLoomError(error));
  }
}

function secondsOf(option: string, text: string): number {
  const seconds = Number(text);
  if (Number.isFinite(seconds) && seconds > 0 && seconds <= 86_400) return seconds * 1000;
  throw new LoomError('invalid_request', `${option}: "${text}" is no number of seconds`);
}
