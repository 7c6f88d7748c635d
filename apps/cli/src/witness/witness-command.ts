import { once } from 'node:events';
import { join } from 'node:path';
import { LoomError } from '@loom/errors';
import {
  ed25519Type,
  nodeCrypto,
  type NoteVerifier,
  parseVerifierKey,
  Witness,
  writeVerifierKey,
} from '@loom/ledger';
import type { Command } from 'commander';
import { collect } from '../repeated-option.ts';
import { FileWitnessStore } from './file-witness-store.ts';
import { openWitnessKey } from './witness-key.ts';
import { serveWitness, type WitnessAddress } from './witness-server.ts';

interface Options {
  readonly listen: string;
  readonly dir: string;
  readonly key?: string;
  readonly name: string;
  readonly log: readonly string[];
}

/** `loom witness`: what an auditor runs, so that a deployment cannot show two logs. */
export function addWitnessCommand(
  program: Command,
  io: {
    readonly out: (text: string) => void;
    readonly error: (text: string) => void;
    readonly signal: AbortSignal;
  },
): void {
  program
    .command('witness')
    .description('cosigns the checkpoints of logs that continue what it has seen (C2SP tlog-witness)')
    .copyInheritedSettings(program)
    .requiredOption('--name <name>', 'of its key, such as witness.example/w1')
    .requiredOption('--log <vkey>', 'of a deployment that it cosigns for; may be repeated', collect, [])
    .requiredOption('--dir <directory>', 'of what it has cosigned; never restore an old copy of it')
    .option('--key <file>', 'its key, made at the first start; default: <directory>/key')
    .option('--listen <address>', 'host and port', '127.0.0.1:4200')
    .action(async ({ listen, dir, key, name, log }: Options) => {
      const address = addressOf(listen);
      if (log.length === 0) throw new LoomError('invalid_request', 'give the key of a log with --log');
      const logs = log.map(logKeyOf);
      const store = await FileWitnessStore.open(dir);
      try {
        const witness = new Witness({
          ...{ crypto: nodeCrypto, store, logs },
          key: await openWitnessKey(key ?? join(dir, 'key'), name),
        });
        const server = await serveWitness(witness, address, (message) => io.error(`loom: ${message}\n`));
        io.out(`${writeVerifierKey(witness.verifier)}\nListening on ${server.url}\n`);
        if (!io.signal.aborted) await once(io.signal, 'abort');
        await server.close();
      } finally {
        await store.close();
      }
    });
}

function addressOf(text: string): WitnessAddress {
  const [, host = '', port = ''] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host === '' || Number(port) > 65_535)
    throw new LoomError('invalid_request', `--listen: "${text}" is no <host>:<port>`);
  return { host, port: Number(port) };
}

function logKeyOf(vkey: string): NoteVerifier {
  const key = parseVerifierKey(nodeCrypto, vkey);
  if (key.type !== ed25519Type)
    throw new LoomError(
      'invalid_request',
      `--log: that of ${key.name} is the key of a witness, not of a log`,
    );
  return key;
}
