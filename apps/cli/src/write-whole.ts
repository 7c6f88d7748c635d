import { randomBytes } from 'node:crypto';
import { lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LoomError, messageOf } from '@loom/errors';
import { syncDirectory } from './sync-directory.ts';

export interface WholeFile {
  readonly path: string;
  /** The option that named it, for what is said when it cannot be written. */
  readonly option: string;
  /** Nothing is written when it aborts. */
  readonly signal: AbortSignal;
}

/**
 * Writes what comes to a file, whole or not at all: under a name of its own beside it until all of it is on the disk.
 * Resolves with its bytes. Throws `invalid_request` for what the file system refuses, what `receive` throws, and
 * `unavailable` when what comes breaks off.
 */
export async function writeWhole(
  { path, option, signal }: WholeFile,
  receive: () => Promise<AsyncIterable<Uint8Array>>,
): Promise<number> {
  const local = <Value>(work: Promise<Value>) =>
    work.catch((cause: unknown) => {
      throw new LoomError('invalid_request', `${option} ${path}: ${messageOf(cause)}`, { cause });
    });
  const target = await local(targetOf(path));
  const directory = dirname(target);
  const name = `.${basename(target).slice(0, 50)}.${randomBytes(6).toString('hex')}.partial`;
  const partial = join(directory, name);
  const file = await local(open(partial, 'wx', 0o600));
  let bytes = 0;
  try {
    try {
      for await (const piece of pieces(receive, signal)) {
        await local(file.writeFile(piece));
        bytes += piece.length;
      }
      await local(file.sync());
    } finally {
      await local(file.close());
    }
    if (signal.aborted) throw interrupted();
    await local(rename(partial, target));
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  }
  await local(syncDirectory(directory));
  return bytes;
}

/** Where a link leads, for a file that is there. */
async function targetOf(path: string): Promise<string> {
  const found = await lstat(path).catch((error: unknown) => {
    if (isMissing(error)) return null;
    throw error;
  });
  if (!found) return path;
  const target = found.isSymbolicLink() ? await realpath(path).catch(() => null) : path;
  if (target !== null && (await stat(target)).isFile()) return target;
  throw new Error('it is there and is no regular file');
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}

async function* pieces(
  receive: () => Promise<AsyncIterable<Uint8Array>>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  let body: AsyncIterable<Uint8Array>;
  try {
    body = await receive();
  } catch (error) {
    throw signal.aborted ? interrupted() : error;
  }
  try {
    yield* body;
  } catch (cause) {
    if (signal.aborted) throw interrupted();
    throw new LoomError('unavailable', `nothing was written: ${messageOf(cause)}`, { cause });
  }
}

function interrupted(): LoomError {
  return new LoomError('client_closed', 'interrupted; nothing was written');
}
