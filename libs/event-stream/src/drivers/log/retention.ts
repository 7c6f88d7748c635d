import { readFile, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readGroupOffsets } from './group-offsets.ts';
import { closedFile, exists, listPartitions, listSegments, segmentPath } from './layout.ts';

export interface SweepOptions {
  readonly topic: string;
  /** A segment goes only when each of these groups has committed all of it. Other readers hold nothing back. */
  readonly groups: readonly string[];
  /** … and when nothing was written to it for this long. Milliseconds. */
  readonly minAgeMs: number;
  /** Leave partitions that are still written to whole: for topics whose newest partition says everything again. */
  readonly closedOnly?: boolean;
}

/**
 * Deletes whole segments that nobody waits for any more, and closed partitions that are empty of others. Safe beside
 * writers and readers of any process. Returns the bytes given back.
 */
export async function sweepLog(root: string, options: SweepOptions): Promise<number> {
  const offsets = await Promise.all(options.groups.map((group) => readGroupOffsets(root, group)));
  let freed = 0;
  for (const partition of await listPartitions(root, options.topic)) {
    const id = `${options.topic}/${partition}`;
    const done = Math.min(Number.MAX_SAFE_INTEGER, ...offsets.map((group) => group.get(id)?.committed ?? 0));
    const directory = join(root, options.topic, partition);
    if (options.closedOnly && !(await exists(join(directory, closedFile)))) continue;
    freed += await sweepPartition(directory, done, options.minAgeMs);
  }
  return freed;
}

async function sweepPartition(directory: string, done: number, minAgeMs: number): Promise<number> {
  const segments = await listSegments(directory);
  const oldest = Date.now() - minAgeMs;
  let freed = 0;
  for (const [index, first] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined || next > done) break;
    const path = segmentPath(directory, first);
    const found = await stat(path);
    if (found.mtimeMs > oldest) return freed;
    await rm(path);
    freed += found.size;
  }
  const closed = join(directory, closedFile);
  if (!(await exists(closed)) || (await stat(closed)).mtimeMs > oldest) return freed;
  const end = await closedEnd(closed);
  if (end > done) return freed;
  await rm(directory, { recursive: true });
  return freed;
}

async function closedEnd(closed: string): Promise<number> {
  return Number(await readFile(closed, 'utf8'));
}
