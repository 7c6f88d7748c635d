import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isLoomError, LoomError, messageOf } from '@loom/errors';
import {
  concat,
  cosignatureType,
  cosignerOf,
  fromBase64,
  nodeCrypto,
  type NoteSigner,
  publicKeyOf,
  signEd25519,
  toBase64,
} from '@loom/ledger';
import { syncDirectory } from '../sync-directory.ts';

/*
 * The key of a witness, as a Go note key of the type that cosigns:
 *
 *   PRIVATE+KEY+<name>+<id: 8 hex digits>+<base64(0x04 || seed)>
 */
const prefix = 'PRIVATE+KEY+';

/** The key in a file; made when there is no such file, readable by its owner only. */
export async function openWitnessKey(path: string, name: string): Promise<NoteSigner> {
  await makeKey(path, name);
  const key = parse((await readFile(path, 'utf8')).trim());
  if (!key) throw new LoomError('invalid_request', `--key ${path} is no key of a witness`);
  if (key.name !== name)
    throw new LoomError('invalid_request', `--key ${path} is the key of ${key.name}, not of ${name}`);
  return key;
}

async function makeKey(path: string, name: string): Promise<void> {
  const refuse = (why: string) => new LoomError('invalid_request', `--key ${path}: ${why}`);
  if (!/^[^\s+]+$/u.test(name))
    throw new LoomError('invalid_request', `--name "${name}" is no name of a key`);
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(`${write(name, randomBytes(32))}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await syncDirectory(dirname(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw refuse(messageOf(error));
  }
}

function write(name: string, seed: Uint8Array): string {
  return `${prefix}${name}+${idOf(keyOf(name, seed))}+${toBase64(concat(Uint8Array.of(cosignatureType), seed))}`;
}

function parse(text: string): NoteSigner | null {
  if (!text.startsWith(prefix)) return null;
  const [name = '', id = '', ...encoded] = text.slice(prefix.length).split('+');
  const bytes = fromBase64(encoded.join('+')); // base64 may hold plus signs
  if (bytes?.length !== 33 || bytes[0] !== cosignatureType) return null;
  try {
    const key = keyOf(name, bytes.subarray(1));
    return idOf(key) === id ? key : null;
  } catch (error) {
    if (isLoomError(error)) return null;
    throw error;
  }
}

function keyOf(name: string, seed: Uint8Array): NoteSigner {
  const sign = (message: Uint8Array) => Promise.resolve(signEd25519(seed, message));
  return { name, publicKey: publicKeyOf(seed), sign };
}

function idOf(key: NoteSigner): string {
  return cosignerOf(nodeCrypto, key).keyId.toString(16).padStart(8, '0');
}
