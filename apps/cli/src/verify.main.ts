#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { messageOf } from '@loom/errors';
import { safeText } from './terminal-text.ts';
import { verifyBundleFile, verifyExitCodes } from './verify-bundle-file.ts';

/* `loom verify bundle` by itself: dist/loom-verify.mjs is this file with all that it needs, for any Node from 20.12. */

const usage = `Checks a bundle that Loom exported. Needs no network.

  node loom-verify.mjs <bundle> --vkey <key> [--vkey <key>] [--prior <old.note>] [--policy <policy.json>] [--json]

Exit codes: 0 verified, 1 tampered, 2 incomplete, 3 untrusted key, 4 wrong usage.
`;

const io = {
  out: (text: string) => void process.stdout.write(text),
  error: (text: string) => void process.stderr.write(text),
};

async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        vkey: { type: 'string', multiple: true },
        prior: { type: 'string' },
        policy: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
    if (values.help === true) {
      io.out(usage);
      return verifyExitCodes.verified;
    }
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new Error('name one bundle');
    const { vkey: vkeys = [], prior, policy, json = false } = values;
    return await verifyBundleFile({ file, vkeys, prior, policy, json }, io);
  } catch (error) {
    const message = messageOf(error);
    // What it could not take apart may ask for JSON all the same.
    if (args.includes('--json')) io.out(`${JSON.stringify({ verdict: 'usage', message })}\n`);
    io.error(`loom-verify: ${safeText(message)}\n\n${usage}`);
    return verifyExitCodes.usage;
  }
}

process.exitCode = await main(process.argv.slice(2));
