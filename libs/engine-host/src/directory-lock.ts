import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { LoomError } from '@loom/errors';
import { tryLock } from 'fs-native-extensions';

export interface DirectoryLock {
  release(): Promise<void>;
}

/**
 * Makes the directory and takes it for this process alone. The operating system holds the lock and lets go when the
 * process ends, however it ends. Two engines on one directory would lose rows in silence: the second one gets
 * `conflict`.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = await open(join(directory, 'lock'), 'a+', 0o600);
  if (!tryLock(file.fd)) {
    await file.close();
    throw new LoomError(
      'conflict',
      `${directory} is in use by another engine host; stop that one or use another`,
    );
  }
  return { release: () => file.close() };
}
