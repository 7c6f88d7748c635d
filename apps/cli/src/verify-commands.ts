import type { Command } from 'commander';
import { CommandExit, exitCodes } from './exit-codes.ts';
import { collect } from './repeated-option.ts';
import { verifyBundleFile } from './verify-bundle-file.ts';

interface Options {
  readonly vkey: readonly string[];
  readonly prior?: string;
  readonly policy?: string;
  readonly json?: boolean;
}

/** What an auditor runs, on a machine that has never seen the deployment. */
export function addVerifyCommands(
  verify: Command,
  io: { readonly out: (text: string) => void; readonly error: (text: string) => void },
): void {
  verify
    .command('bundle')
    .description('checks an exported bundle: nothing changed, removed, added or hidden')
    .copyInheritedSettings(verify)
    .argument('<file>')
    .option(
      '--vkey <key>',
      'of the deployment, from `loom ledger vkey`, or of a witness; may be repeated',
      collect,
      [],
    )
    .option('--prior <file>', 'a checkpoint of the same log that you kept')
    .option('--policy <file>', 'witnesses and their quorum, JSON')
    .option('--json', 'one JSON value')
    .addHelpText(
      'after',
      '\nExit codes: 0 verified, 1 tampered, 2 incomplete, 3 untrusted key, 4 wrong usage.',
    )
    .action(async (file: string, { vkey, prior, policy, json = false }: Options) => {
      const code = await verifyBundleFile({ file, vkeys: vkey, prior, policy, json }, io);
      if (code !== exitCodes.ok) throw new CommandExit(code);
    });
}
