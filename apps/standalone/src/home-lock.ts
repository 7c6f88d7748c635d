import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { LoomError } from '@loom/errors';
import { diskFault, startFault } from '@loom/service-kit';
import { tryLock } from 'fs-native-extensions';

/**
 * Makes the directory where it is missing, and takes it for this process until the returned function is called or the
 * process ends. Throws `conflict` when another process has it, and `config_invalid` when its disk is full, or it cannot
 * be made or written.
 */
export async function lockHome(home: string): Promise<() => Promise<void>> {
  const file = await openLock(home);
  const isTaken = !tryLock(file.fd);
  const fault = isTaken ? null : await diskFault(home, home);
  if (!isTaken && fault === null) return () => file.close();
  await file.close();
  if (fault !== null) throw refuse(home, fault);
  throw new LoomError('conflict', `${home} is in use by another Loom; stop it, or set LOOM_HOME`);
}

async function openLock(home: string): Promise<FileHandle> {
  try {
    await makeDirectory(home);
    return await open(join(home, 'lock'), 'a+', 0o600);
  } catch (cause) {
    throw refuse(home, startFault(cause), cause);
  }
}

async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
  } catch (error) {
    // A recursive one hides why: on a read-only disk it says that the directory is not there.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') await mkdir(path, { mode: 0o700 });
    throw error;
  }
}

function refuse(home: string, fault: string, cause?: unknown): LoomError {
  return new LoomError('config_invalid', `LOOM_HOME ${home} cannot be used: ${fault}`, { cause });
}
