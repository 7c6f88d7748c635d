import { readdir } from 'node:fs/promises';
import { leavesPageMax, type LedgerStore } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import {
  CompactRange,
  equalBytes,
  leafHash,
  nodeCrypto,
  parseCheckpoint,
  parseNote,
  proveWithTiles,
  utf8,
} from '@loom/ledger';
import { journalSizes, replayJournal } from '../seal/journal.ts';
import type { CheckpointFiles } from './checkpoint-files.ts';

export interface HistoryFiles {
  readonly checkpoints: Pick<CheckpointFiles, 'newest'>;
  /** Directories; null where none is kept. */
  readonly checkpointDirectory: string;
  readonly journalDirectory: string | null;
  /** Bring a store that is behind forward from the journal. */
  readonly recover: boolean;
}

/**
 * Refuses a store that has forgotten something that the files know of (`conflict`): a power cut took its last seconds, or
 * somebody put back an old copy. Resolves with the number of leaves that were brought back.
 */
export async function expectHistory(store: LedgerStore, files: HistoryFiles): Promise<number> {
  const behind = await findBehind(store, files);
  let recovered = 0;
  if (behind.length > 0) {
    if (!files.recover || files.journalDirectory === null) throw refusal(behind);
    recovered = await replayJournal(files.journalDirectory, store);
    const still = await findBehind(store, files);
    if (still.length > 0) throw refusal(still);
  }
  await expectCheckpoints(store, files);
  return recovered;
}

interface Behind {
  readonly projectId: string;
  readonly stored: number;
  readonly known: number;
}

async function findBehind(store: LedgerStore, files: HistoryFiles): Promise<Behind[]> {
  const known =
    files.journalDirectory === null ? new Map<string, number>() : await journalSizes(files.journalDirectory);
  for (const [projectId, note] of await newestNotes(files)) {
    const { size } = parseCheckpoint(parseNote(note).text);
    known.set(projectId, Math.max(known.get(projectId) ?? 0, size));
  }
  const behind: Behind[] = [];
  for (const [projectId, size] of known) {
    const { size: stored } = await store.readHead(projectId);
    if (stored < size) behind.push({ projectId, stored, known: size });
  }
  return behind;
}

function refusal(behind: readonly Behind[]): LoomError {
  const logs = behind.map(({ projectId, stored, known }) => `${projectId} has ${stored} leaves of ${known}`);
  return new LoomError(
    'conflict',
    `the control store is behind the ledger's files: ${logs.join(', ')}. After a power cut start once with ` +
      'LOOM_LEDGER_RECOVER=true, which brings it forward from the journal; else put back the store that belongs to them',
  );
}

/** That the last checkpoint of each log is one of the store's own history. */
async function expectCheckpoints(store: LedgerStore, files: HistoryFiles): Promise<void> {
  for (const [projectId, note] of await newestNotes(files)) {
    const { size, root } = parseCheckpoint(parseNote(note).text);
    if (size > 0 && !equalBytes(await rootAt(store, projectId, size), root))
      throw new LoomError(
        'conflict',
        `the control store has another history of ${projectId} than the checkpoint of size ${size} in ` +
          `${files.checkpointDirectory}: put back the store that belongs to it`,
      );
  }
}

/** Of the stored log's first leaves. */
async function rootAt(store: LedgerStore, projectId: string, size: number): Promise<Uint8Array> {
  const published = await store.readCheckpoint(projectId);
  if (published && published.size >= size) {
    const fetchTiles = (places: Parameters<LedgerStore['readTiles']>[1]) =>
      store.readTiles(projectId, places);
    return proveWithTiles(nodeCrypto, published.size, fetchTiles, (rangeHash) => rangeHash(0, size));
  }
  const range = new CompactRange(nodeCrypto, published?.size ?? 0, published?.edge ?? []);
  while (range.size < size) {
    const leaves = await store.readLeaves(projectId, range.size, Math.min(size, range.size + leavesPageMax));
    if (leaves.length === 0) throw new LoomError('conflict', `leaf ${range.size} of ${projectId} is missing`);
    for (const { envelope } of leaves) range.append(leafHash(nodeCrypto, utf8(envelope)));
  }
  return range.root();
}

async function newestNotes({ checkpoints, checkpointDirectory }: HistoryFiles): Promise<[string, string][]> {
  const notes: [string, string][] = [];
  for (const file of await readdir(checkpointDirectory)) {
    const projectId = decodeURIComponent(file.replace(/\.ndjson$/, ''));
    const note = await checkpoints.newest(projectId);
    if (note !== null) notes.push([projectId, note]);
  }
  return notes;
}
