import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Where the trace store is, for tools of the same user that write rows themselves: the password is in the URL. It stays
 * the same over restarts of the engine.
 */
export async function writeEnginesFile(home: string, traceStoreUrl: string): Promise<void> {
  await removeEnginesFile(home);
  await writeFile(pathIn(home), `${JSON.stringify({ traceStoreUrl })}\n`, { mode: 0o600 });
}

export async function removeEnginesFile(home: string): Promise<void> {
  await rm(pathIn(home), { force: true });
}

const pathIn = (home: string): string => join(home, 'engines.json');
