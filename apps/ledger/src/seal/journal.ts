import { join } from 'node:path';
import { type Append, leavesPageMax, type LedgerStore, type StoredLeaf } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import { listPartitions, PartitionWriter, readPartition, sweepLog } from '@loom/event-stream';
import {
  CompactRange,
  type Envelope,
  equalBytes,
  leafHash,
  nodeCrypto,
  parseEnvelope,
  utf8,
} from '@loom/ledger';
import { callEndedTypes } from '@loom/trace-schema';

/** The topic of the segment files that the journal is kept in. */
const topic = 'loom.ledger.v1';
/** What was appended before this is on the disk: a store that does not sync loses the system's last half minute at most. */
const keptMs = 3_600_000;
/** Leaves of one record: with 1 KiB each it stays below what a record may be. */
const leavesMax = 400;

type Entry = Omit<Append, 'marks' | 'head'> & {
  readonly marks: readonly (readonly [string, number])[];
  readonly head: { readonly epoch: number; readonly appender: string };
};

/**
 * What was appended, a second time, in synced segment files of this machine: a store that never syncs may come back from
 * a power cut without its last seconds. One partition for each start of the process.
 */
export class Journal {
  readonly #root: string;
  readonly #writer: PartitionWriter;

  private constructor(root: string, writer: PartitionWriter) {
    this.#root = root;
    this.#writer = writer;
  }

  static async open(
    root: string,
    { appender, onFailure }: { readonly appender: string; readonly onFailure: (error: LoomError) => void },
  ): Promise<Journal> {
    for (const name of await listPartitions(root, topic)) {
      await (await PartitionWriter.adopt(join(root, topic, name)))?.close();
    }
    return new Journal(root, await PartitionWriter.create(root, topic, appender, { onFailure }));
  }

  /** Resolves when it is on the disk. */
  async write({ head, marks, leaves, ...rest }: Append): Promise<void> {
    const { epoch, appender } = head;
    const values: Entry[] = [];
    for (let at = 0; at === 0 || at < leaves.length; at += leavesMax) {
      const expected = { epoch: rest.expected.epoch, size: rest.expected.size + at };
      const slice = leaves.slice(at, at + leavesMax);
      const isLast = at + leavesMax >= leaves.length;
      // Progress goes with the last piece: half of a change must not count as all of it.
      values.push({
        ...(isLast ? rest : { ...rest, ...nothing }),
        ...{ expected, head: { epoch, appender }, leaves: slice, marks: isLast ? [...marks] : [] },
      });
    }
    await this.#writer.append(
      values.map((value) => ({
        key: rest.projectId,
        headers: {},
        value: Buffer.from(JSON.stringify(value)),
      })),
    );
  }

  /** Forgets closed partitions that nothing was written to for long. */
  sweep(): Promise<number> {
    return sweepLog(this.#root, { topic, groups: [], minAgeMs: keptMs });
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}

const nothing = { gaps: [], filledGaps: [], ends: [], openCalls: [], endedCalls: [], orphanedCalls: [] };

/** How many leaves each log has by the journal; of the parts that are still kept. */
export async function journalSizes(root: string): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { projectId, expected, leaves } of readEntries(root)) {
    sizes.set(projectId, Math.max(sizes.get(projectId) ?? 0, expected.size + leaves.length));
  }
  return sizes;
}

/**
 * Writes into the journal what the store has and it has not: the last change of a log, when the process that made it
 * ended before it could write it down. It would be missing between what was journaled before it and what is after it.
 * Progress is what leaves tell of it: of a change without leaves nothing is known here.
 */
export async function journalUnwritten(
  root: string,
  journal: Pick<Journal, 'write'>,
  store: LedgerStore,
): Promise<void> {
  const sizes = await journalSizes(root);
  for (const { projectId, ...head } of await store.listHeads()) {
    if (head.appendedAtMs < Date.now() - keptMs) continue;
    // Of a log that the journal no longer knows, what was signed before its last change is long on the disk.
    const signed = async () =>
      (await store.readCheckpoint(projectId, { sealedAtMs: head.appendedAtMs - 1 }))?.size ?? 0;
    let size = sizes.get(projectId) ?? (await signed());
    while (size < head.size) {
      const leaves = await store.readLeaves(projectId, size, Math.min(head.size, size + leavesPageMax));
      if (leaves.length === 0) throw new LoomError('conflict', `leaf ${size} of ${projectId} is missing`);
      const expected = { epoch: head.epoch, size };
      const progress = await progressOf(projectId, leaves, store);
      await journal.write({ projectId, expected, head, leaves, ...nothing, ...progress, nowMs: Date.now() });
      size += leaves.length;
    }
  }
}

async function progressOf(
  projectId: string,
  leaves: readonly StoredLeaf[],
  store: LedgerStore,
): Promise<Pick<Append, 'marks' | 'gaps' | 'openCalls' | 'endedCalls'>> {
  const envelopes = leaves.flatMap(({ envelope }) => readEnvelope(envelope) ?? []);
  const emitters = [...new Set(envelopes.flatMap(({ emitter }) => emitter ?? []))];
  const { marks, gaps } = await store.readProgress({ projectId, emitters, ids: [] });
  const endedCalls = envelopes.flatMap(({ kind, callId }) => (endings.has(kind) ? (callId ?? []) : []));
  const openCalls = envelopes.flatMap(({ kind, callId, time }) =>
    kind === 'call.accepted' && callId !== undefined && !endedCalls.includes(callId)
      ? [{ callId, acceptedAtMs: time }]
      : [],
  );
  return { marks, gaps, openCalls, endedCalls };
}

/** Null for a leaf that says nothing: it is journaled as it is, and is not what keeps a ledger from starting. */
function readEnvelope(text: string): Envelope | null {
  try {
    return parseEnvelope(text);
  } catch {
    return null;
  }
}

const endings: ReadonlySet<string> = new Set(callEndedTypes);

/**
 * Brings a store forward by what the journal has and it has not. Throws `conflict` when the journal does not continue it:
 * its first entry begins behind the store's head, or says something else of leaves that both have.
 */
export async function replayJournal(root: string, store: LedgerStore): Promise<number> {
  let replayed = 0;
  for await (const entry of readEntries(root)) {
    const { projectId, expected, leaves, marks, head } = entry;
    const now = await store.readHead(projectId);
    if (expected.size > now.size)
      throw new LoomError(
        'conflict',
        `the journal lacks leaves ${now.size} to ${expected.size - 1} of ${projectId}`,
      );
    const known = Math.min(leaves.length, now.size - expected.size);
    await assertSame(store, entry, known);
    const range = new CompactRange(nodeCrypto, now.size, now.edge);
    const missing = leaves.slice(known);
    for (const { envelope } of missing) range.append(leafHash(nodeCrypto, utf8(envelope)));
    const isDone = await store.append({
      ...entry,
      marks: new Map(marks),
      ...{ leaves: missing, expected: { epoch: now.epoch, size: now.size } },
      head: { epoch: now.epoch + 1, edge: range.nodes, appender: head.appender },
    });
    if (!isDone)
      throw new LoomError('conflict', `the log of ${projectId} changes while it is brought forward`);
    replayed += missing.length;
  }
  return replayed;
}

async function assertSame(
  store: LedgerStore,
  { projectId, expected, leaves }: Entry,
  known: number,
): Promise<void> {
  const stored = await store.readLeaves(projectId, expected.size, expected.size + known);
  const differs = leaves.slice(0, known).findIndex(({ envelope }, at) => {
    return !equalBytes(utf8(envelope), utf8(stored[at]?.envelope ?? ''));
  });
  if (differs >= 0)
    throw new LoomError(
      'conflict',
      `store and journal differ in leaf ${expected.size + differs} of ${projectId}`,
    );
}

/** One partition for each start of a process, by the time of the start. */
async function* readEntries(root: string): AsyncGenerator<Entry> {
  for (const name of (await listPartitions(root, topic)).sort()) {
    for await (const { value } of readPartition(join(root, topic, name)))
      yield JSON.parse(value.toString('utf8')) as Entry;
  }
}
