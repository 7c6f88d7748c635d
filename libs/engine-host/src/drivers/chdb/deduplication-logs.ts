import { open, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';

const logsDirectory = 'deduplication_logs';
const logName = /^deduplication_log_(\d+)\.txt$/;
const partName = /^([^_]+)_(\d+)_(\d+)_\d+(?:_\d+)?$/;

interface Part {
  readonly partition: string;
  readonly firstBlock: number;
  readonly lastBlock: number;
}

/**
 * Lets MergeTree tables forget the inserts that a crash has cut. The engine notes the id of a block in the table's
 * deduplication log, and only then gives the part its name: who dies in between has lost the rows and keeps the id, so
 * that the same batch, sent again, is taken for a repetition and dropped without a word. (`MergeTreeSink` commits a
 * part in this order; ReplicatedMergeTree does both in one transaction of its Keeper.) The last lines of each log whose
 * parts no part on the disk covers are cut off, and so is a line that is not whole. To be called before the engine has opened the directory.
 *
 * @returns How many lines were cut.
 */
export async function forgetCutInserts(dataDirectory: string): Promise<number> {
  const store = join(dataDirectory, 'store');
  let cut = 0;
  for (const prefix of await namesIn(store))
    for (const table of await namesIn(join(store, prefix)))
      cut += await forgetCutInsertsOf(join(store, prefix, table));
  return cut;
}

async function forgetCutInsertsOf(table: string): Promise<number> {
  const parts = (await namesIn(table)).map(parsePart).filter((part) => part !== null);
  const isThere = ({ partition, firstBlock, lastBlock }: Part) =>
    parts.some(
      (part) => part.partition === partition && part.firstBlock <= firstBlock && part.lastBlock >= lastBlock,
    );
  let cut = 0;
  for (const log of await logsOf(table)) {
    const lines = (await readFile(log, 'utf8')).split(/(?<=\n)/).filter((line) => line !== '');
    const kept = lines.findLastIndex((line) => {
      const part = addedPart(line);
      return line.endsWith('\n') && (part === null || isThere(part));
    });
    const cutHere = lines.length - 1 - kept;
    if (cutHere > 0) await truncate(log, Buffer.byteLength(lines.slice(0, kept + 1).join('')));
    cut += cutHere;
    if (kept >= 0) break;
  }
  return cut;
}

/** The table's logs, newest first. */
async function logsOf(table: string): Promise<string[]> {
  const number = (path: string) => Number(logName.exec(basename(path))?.[1]);
  return (await namesIn(join(table, logsDirectory)))
    .filter((name) => logName.test(name))
    .map((name) => join(table, logsDirectory, name))
    .sort((a, b) => number(b) - number(a));
}

/** The part of a line that tells of an insert: `1`, the part and the block's id, tabs in between. */
function addedPart(line: string): Part | null {
  const [operation, name] = line.split('\t');
  return operation === '1' && name !== undefined ? parsePart(name) : null;
}

function parsePart(name: string): Part | null {
  const [, partition, firstBlock, lastBlock] = partName.exec(name) ?? [];
  return partition === undefined
    ? null
    : { partition, firstBlock: Number(firstBlock), lastBlock: Number(lastBlock) };
}

async function truncate(path: string, length: number): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.truncate(length);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** None when the directory is not there. */
async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
