import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LoomError } from '@loom/errors';
import { tryLock } from 'fs-native-extensions';
import { makeDirectory, replaceFile } from './layout.ts';

/** Where a group stands in one partition: everything below `committed` is done, a batch up to `planned` is out. */
export interface PartitionOffsets {
  readonly committed: number;
  /** One past the last offset of the batch that was handed out; null when none is. */
  readonly planned: number | null;
}

/** `<topic>/<partition>` to offsets. */
export type GroupOffsets = Map<string, PartitionOffsets>;

const groupsDirectory = (root: string): string => join(root, '.groups');
const offsetsPath = (root: string, group: string): string => join(groupsDirectory(root), `${group}.json`);

export async function readGroupOffsets(root: string, group: string): Promise<GroupOffsets> {
  let text: string;
  try {
    text = await readFile(offsetsPath(root, group), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
  return new Map(Object.entries(JSON.parse(text) as Record<string, PartitionOffsets>));
}

export async function writeGroupOffsets(root: string, group: string, offsets: GroupOffsets): Promise<void> {
  await replaceFile(offsetsPath(root, group), JSON.stringify(Object.fromEntries(offsets)));
}

/** Becomes the group's live member, waiting while another one lives; null when `signal` aborts first. */
export async function joinGroup(
  root: string,
  group: string,
  signal: AbortSignal,
): Promise<FileHandle | null> {
  if (!/^[a-z0-9][a-z0-9-]{0,62}$/.test(group)) {
    throw new LoomError(
      'config_invalid',
      `consumer group "${group}": use lower-case letters, digits and hyphens`,
    );
  }
  await makeDirectory(groupsDirectory(root));
  const lock = await open(join(groupsDirectory(root), `${group}.lock`), 'a+', 0o600);
  while (!tryLock(lock.fd)) {
    if (signal.aborted) {
      await lock.close();
      return null;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return lock;
}
