import { open, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';

const mebibyte = 1024 ** 2;
/** The engines of one machine, the ledger and the stream together write less than this in a few seconds. */
const roomMin = 16 * mebibyte;

/**
 * Checks that a directory can be written and has room: writes a small file and removes it. Returns null, or what is
 * wrong with its disk, in a sentence that begins with `what` and names no path.
 */
export async function diskFault(directory: string, what: string): Promise<string | null> {
  const fault = await writeFaultOf(join(directory, '.room'));
  if (fault === 'ENOSPC' || fault === 'EDQUOT') return `the disk of ${what} is full; free some space`;
  if (fault === 'EROFS') return `the disk of ${what} is read-only; mount it writable`;
  if (fault !== null) return `${what} cannot be written (${fault}); check its directory and its disk`;
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free >= roomMin) return null;
  const figures = `${Math.floor(free / mebibyte)} MiB are free, ${roomMin / mebibyte} MiB are needed`;
  return `the disk of ${what} is full: ${figures}; free some space`;
}

/** The code of what keeps a file from being written; null when it can be. */
async function writeFaultOf(path: string): Promise<string | null> {
  try {
    const file = await open(path, 'w', 0o600);
    try {
      await file.write(Buffer.alloc(4096));
    } finally {
      await file.close();
      await rm(path, { force: true });
    }
    return null;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}
