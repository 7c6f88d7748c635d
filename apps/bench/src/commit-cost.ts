import { open } from 'node:fs/promises';
import { join } from 'node:path';

const commits = 200;
const commitBytes = 3 * 1024;

/** Appends about one event and syncs it, many times, nothing else running: what one group commit costs. Milliseconds. */
export async function measureCommits(directory: string): Promise<number[]> {
  const file = await open(join(directory, 'commits'), 'a');
  const bytes = Buffer.alloc(commitBytes, 'x');
  const times: number[] = [];
  try {
    for (let at = 0; at < commits; at += 1) {
      const startedAt = performance.now();
      await file.write(bytes);
      await file.datasync();
      times.push(performance.now() - startedAt);
    }
  } finally {
    await file.close();
  }
  return times;
}
