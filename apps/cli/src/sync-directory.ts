import { open } from 'node:fs/promises';

/** What was put into a directory outlives a power cut only when the directory is on the disk, too. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
