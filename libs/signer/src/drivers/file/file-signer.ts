import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { LoomError, messageOf } from '@loom/errors';
import { parseKeyText } from '../../key-text.ts';
import type { Signer, SigningKey } from '../../signer.ts';

/*
 * A key a line, the newest first; blank lines and lines that begin with # are left out:
 *
 *   <key> [until <ISO time>]      after that time it no longer signs
 */
const keysMax = 8;

/** Keys of a file that only its owner can read: `file:/path`. */
export async function openFileSigner(url: URL): Promise<Signer> {
  const path = fileURLToPath(url);
  await readKeys(path);
  return { keys: () => readKeys(path), close: () => Promise.resolve() };
}

async function readKeys(path: string): Promise<SigningKey[]> {
  const text = await readPrivate(path);
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  if (lines.length > keysMax) throw refuse(path, `more than ${keysMax} keys`);
  const keys = lines.flatMap((line) => keyOf(path, line));
  const [first] = keys;
  if (!first) throw refuse(path, 'no key in use is in it');
  if (keys.some(({ name }) => name !== first.name)) throw refuse(path, 'its keys have different names');
  return keys;
}

function keyOf(path: string, line: string): SigningKey[] {
  const [text = '', until, time = '', ...rest] = line.trim().split(/\s+/);
  const end = until === undefined ? Number.POSITIVE_INFINITY : Date.parse(time);
  if ((until !== undefined && until !== 'until') || Number.isNaN(end) || rest.length > 0)
    throw refuse(path, 'a line is not "<key> [until <ISO time>]"');
  return Date.now() < end ? [parseKeyText(text)] : [];
}

async function readPrivate(path: string): Promise<string> {
  try {
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) throw refuse(path, 'others can read it; make it 0600');
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof LoomError) throw error;
    throw refuse(path, messageOf(error));
  }
}

function refuse(path: string, why: string): LoomError {
  return new LoomError('config_invalid', `signing keys ${path}: ${why}`);
}
