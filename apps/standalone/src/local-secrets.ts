import { randomBytes, randomInt } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  newApiKey,
  newPepper,
  parseApiKey,
  parseMasterKeys,
  parsePeppers,
} from '@loom/control-store/secrets';
import { LoomError } from '@loom/errors';
import { startFault } from '@loom/service-kit';
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

/**
 * Reads `<home>/secrets/*`, making what is missing. Directory 0700, files 0600, on the disk when this resolves. Throws
 * `config_invalid` with the file's name when one cannot be read or is not what it should be: a secret is never replaced.
 */
export async function openLocalSecrets(home: string): Promise<LocalSecrets> {
  const directory = join(home, 'secrets');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const secret = async (
    name: string,
    make: () => string,
    check: (text: string) => unknown = () => undefined,
  ) => {
    const path = join(directory, name);
    try {
      const text = await readOrMake(path, make);
      check(text);
      return text;
    } catch (cause) {
      throw new LoomError('config_invalid', faultOf(path, cause), { cause });
    }
  };
  // Names the deployment as well: its logs' origins begin with it.
  await secret('ledger-keys', () => newKeyText(`loom-${randomBytes(4).toString('hex')}.local`));
  return {
    ledgerSigner: pathToFileURL(join(directory, 'ledger-keys')),
    masterKeys: await secret('master-key', () => `k1:${randomBytes(32).toString('base64')}`, parseMasterKeys),
    keyPeppers: await secret('key-pepper', () => `1:${newPepper()}`, parsePeppers),
    firstKey: await secret('first-key', () => newApiKey().text, checkApiKey),
    operatorKey: await secret('operator-key', () => newApiKey().text, checkApiKey),
    sessionSecret: await secret('session-secret', newSessionSecret, checkSessionSecret),
    firstPassword: (await secret('first-password', newPassword)) || null,
  };
}

/** Where the first password is. Emptied when it is changed; without it a new one is made, for a new first person. */
export function firstPasswordFile(home: string): string {
  return join(home, 'secrets', 'first-password');
}

function checkApiKey(text: string): void {
  if (!parseApiKey(text)) throw new LoomError('config_invalid', 'it is not an API key');
}

const secretCharsMin = 32;
const newSessionSecret = (): string => randomBytes(32).toString('base64url');

function checkSessionSecret(text: string): void {
  if (text.length < secretCharsMin)
    throw new LoomError('config_invalid', `it is shorter than ${secretCharsMin} characters`);
}

function faultOf(path: string, cause: unknown): string {
  return `${path} cannot be used (${startFault(cause)}); restore it from a backup`;
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
  const next = `${path}.next`; // a file that the disk had no room for must not be taken for a secret
  const file = await open(next, 'w', 0o600);
  try {
    await file.writeFile(`${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(next, path);
  return text;
}
