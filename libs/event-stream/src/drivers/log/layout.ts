import { mkdir, open, readdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/*
 * <root>/<topic>/<partition>/            one emitter's directory, one writer
 *        00000000000000000000.log        segments, named by their first offset
 *        lock                            held by the operating system while a writer lives
 *        closed                          nothing is appended here any more
 * <root>/.groups/<group>.{json,lock}     a consumer group's offsets, and its one live member
 */
export const lockFile = 'lock';
export const closedFile = 'closed';
const segmentName = /^(\d{20})\.log$/;

export function segmentPath(directory: string, firstOffset: number): string {
  return join(directory, `${String(firstOffset).padStart(20, '0')}.log`);
}

/** First offsets of the segments, ascending; empty when the directory is gone. */
export async function listSegments(directory: string): Promise<number[]> {
  const names = await readdirOrEmpty(directory);
  return names
    .flatMap((name) => segmentName.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Partition names of a topic, in the order in which they were made (names are UUIDv7). */
export async function listPartitions(root: string, topic: string): Promise<string[]> {
  const names = await readdirOrEmpty(join(root, topic));
  return names.filter((name) => !name.startsWith('.')).sort();
}

/** What the segments of a topic take on disk, those of writers that are gone as well. */
export async function topicBytes(root: string, topic: string): Promise<number> {
  let bytes = 0;
  for (const partition of await listPartitions(root, topic)) {
    const directory = join(root, topic, partition);
    for (const first of await listSegments(directory)) {
      bytes += await stat(segmentPath(directory, first)).then(
        (found) => found.size,
        () => 0, // swept meanwhile
      );
    }
  }
  return bytes;
}

export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

export async function fsyncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Replaces a file so that after a power cut either the old or the new content is there, whole. */
export async function replaceFile(path: string, content: string): Promise<void> {
  const next = join(dirname(path), `.${basename(path)}.next`);
  const handle = await open(next, 'w', 0o600);
  try {
    await handle.writeFile(content);
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(next, path);
  await fsyncDirectory(dirname(path));
}

/** Makes a directory and its parents, owner-only. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
}

async function readdirOrEmpty(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
