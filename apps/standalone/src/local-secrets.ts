import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { newApiKey, newPepper } from '@loom/control-store/secrets';
import { newKeyText } from '@loom/signer';

/** Secrets of a deployment on one machine, made at its first start. On servers they come from outside. */
export interface LocalSecrets {
  /** `<id>:<base64>`, as LOOM_MASTER_KEYS wants it. */
  readonly masterKeys: string;
  /** `1:<text>`, as LOOM_KEY_PEPPERS wants it. */
  readonly keyPeppers: string;
  /** The first API key: may call and read. */
  readonly firstKey: string;
  /** The operator's API key: may read and manage. */
  readonly operatorKey: string;
  /** Signs console sessions. */
  readonly sessionSecret: string;
  /** Where the keys are that sign checkpoints: a file of Go note keys. */
  readonly ledgerSigner: URL;
  /** The first person's password until it is changed; then the file is empty, and this is null. */
  readonly firstPassword: string | null;
}

/** Reads `<home>/secrets/*`, making what is missing. Directory 0700, files 0600, on the disk when this resolves. */
export async function openLocalSecrets(home: string): Promise<LocalSecrets> {
  const directory = join(home, 'secrets');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const secret = (name: string, make: () => string) => readOrMake(join(directory, name), make);
  // Names the deployment as well: its logs' origins begin with it.
  await secret('ledger-keys', () => newKeyText(`loom-${randomBytes(4).toString('hex')}.local`));
  return {
    ledgerSigner: pathToFileURL(join(directory, 'ledger-keys')),
    masterKeys: await secret('master-key', () => `k1:${randomBytes(32).toString('base64')}`),
    keyPeppers: await secret('key-pepper', () => `1:${newPepper()}`),
    firstKey: await secret('first-key', () => newApiKey().text),
    operatorKey: await secret('operator-key', () => newApiKey().text),
    sessionSecret: await secret('session-secret', () => randomBytes(32).toString('base64url')),
    firstPassword: (await secret('first-password', newPassword)) || null,
  };
}

/** Where the first password is. Emptied when it is changed; without it a new one is made, for a new first person. */
export function firstPasswordFile(home: string): string {
  return join(home, 'secrets', 'first-password');
}

const letters = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789';
const passwordChars = 20;

/** Without letters that look alike; 116 bits. */
function newPassword(): string {
  return Array.from({ length: passwordChars }, () => letters[randomInt(letters.length)]).join('');
}

async function readOrMake(path: string, make: () => string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  const text = make();
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return text;
}
