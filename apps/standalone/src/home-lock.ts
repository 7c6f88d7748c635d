import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { LoomError } from '@loom/errors';
import { tryLock } from 'fs-native-extensions';

/**
 * Makes a home this process' own until the returned function is called or the process ends. Throws `conflict` when
 * another process has it. The directory must exist.
 */
export async function lockHome(home: string): Promise<() => Promise<void>> {
  const file = await open(join(home, 'lock'), 'a+', 0o600);
  if (tryLock(file.fd)) return () => file.close();
  await file.close();
  throw new LoomError('conflict', `${home} is in use by another Loom; stop it, or set LOOM_HOME`);
}
