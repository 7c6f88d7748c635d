import type { LedgerCheck } from '@loom/api-contract';
import { leavesPageMax, type LogHead, type LedgerStore, type StoredLeaf } from '@loom/control-store';
import { isLoomError, messageOf } from '@loom/errors';
import type { StreamMark } from '@loom/event-stream';
import {
  CompactRange,
  concat,
  equalBytes,
  leafHash,
  nodeCrypto,
  parseCheckpoint,
  parseEnvelope,
  parseNote,
  parseVerifierKey,
  tileSlotOf,
  toHex,
  utf8,
  verifyNote,
} from '@loom/ledger';
import { callEndedTypes, nanosOfMillis, systemProjectId } from '@loom/trace-schema';
import type { TraceAuditor, TraceReader } from '@loom/trace-store';
import type { z } from 'zod';
import type { LedgerQueries } from '../ledger-queries.ts';
import { findUnreadEvents } from '../unread-events.ts';
import { DeepCheck, type DeepCheckDeps } from './deep-check.ts';
import { placeOf } from './findings.ts';
import { isPassed, notCompared } from './settled.ts';
import { StoreCheck } from './store-check.ts';

export interface RecordCheckDeps extends DeepCheckDeps {
  readonly ledger: LedgerStore;
  readonly store: Pick<TraceReader, 'reconcile'> & TraceAuditor;
  readonly queries: Pick<LedgerQueries, 'readVerifierKeys'>;
  /** Records that ledger and ingest have not taken in yet; null where that is not known. */
  readonly behind: () => Promise<number | null>;
  /** Marks where the stream is: tells later whether ledger and ingest have come to there. */
  readonly mark: () => Promise<StreamMark>;
}

/** What of a log is checked: what it had at one time. */
interface LogState {
  readonly head: LogHead;
  /** Calls that were open then; null when the log does not stand still long enough to count them. */
  readonly open: number | null;
  /** Whether the trace store has what the log had then. */
  readonly isSettled: boolean;
}

type Check = z.infer<typeof LedgerCheck>;
type Problem = Check['problems'][number];

const problemsMax = 1000;
const countTriesMax = 20;
const erasuresRead = 1000;
/** After its leaf an erasure takes some time to take the rows. */
const erasureMsMax = 2 * 86_400_000;

export interface CheckOptions {
  readonly deep: boolean;
  readonly signal: AbortSignal;
  /** Called with the leaves of a log that are checked, and all of them. */
  readonly onProgress: (leaves: number, of: number) => void;
}

/**
 * `loom fsck`: derives every root again from what is stored and compares it with every checkpoint, the head and the tiles;
 * compares what the log says happened with what the trace store has. Reads, and changes nothing.
 */
export class RecordCheck {
  readonly #deps: RecordCheckDeps;

  constructor(deps: RecordCheckDeps) {
    this.#deps = deps;
  }

  /** With `deep` every commitment is opened again too, and figures of calls are compared. */
  async run(projectId: string, options: CheckOptions): Promise<Check> {
    const problems: Problem[] = [];
    const logs = [];
    const state = await this.#stateOf(projectId);
    if (!state.isSettled) noteIn(problems, projectId)(notCompared);
    logs.push(await this.#checkLog(projectId, state, options, problems));
    const ofSystem = { ...state, head: await this.#deps.ledger.readHead(systemProjectId) };
    logs.push(await this.#checkLog(systemProjectId, ofSystem, { ...options, deep: false }, problems));
    for (const { event, leaf } of await findUnreadEvents(this.#deps.ledger, projectId))
      noteIn(problems, projectId)(unreadText(event, leaf));
    const counts = await this.#compareCounts(projectId, { ...state, kinds: logs[0]?.kinds ?? {} }, problems);
    return { ok: problems.length === 0, problems, logs, counts };
  }

  async #stateOf(project: string): Promise<LogState> {
    const { ledger, mark } = this.#deps;
    let head = await ledger.readHead(project);
    let open: number | null = null;
    for (let tries = 0; tries < countTriesMax && open === null; tries += 1) {
      const counted = (await ledger.countOpenCalls(project)).open;
      const now = await ledger.readHead(project);
      if (now.size === head.size) open = counted;
      head = now;
    }
    return { head, open, isSettled: await isPassed(await mark()) };
  }

  async #checkLog(
    project: string,
    { head, isSettled }: LogState,
    { deep, signal, onProgress }: CheckOptions,
    problems: Problem[],
  ): Promise<Check['logs'][number]> {
    const { ledger } = this.#deps;
    const kinds = new Map<string, number>();
    const opening = deep ? await DeepCheck.begin(this.#deps, project) : null;
    const note = noteIn(problems, project);
    const walk = new LogWalk(project, await this.#checkpoints(project, note), note);
    for (let at = 0; at < head.size;) {
      signal.throwIfAborted();
      onProgress(at, head.size);
      const leaves = await ledger.readLeaves(project, at, Math.min(head.size, at + leavesPageMax));
      if (leaves.length === 0) {
        note(`leaf ${at} of ${head.size} is missing`);
        break;
      }
      for (const leaf of leaves) walk.take(leaf, kinds);
      for (const message of await walk.compareTiles(ledger)) note(message);
      const progress = (checked: number) => {
        signal.throwIfAborted();
        onProgress(at + checked, head.size);
      };
      for (const message of (await opening?.take(leaves, progress)) ?? []) note(message);
      at += leaves.length;
    }
    if (!equalBytes(concat(...walk.range.nodes), concat(...head.edge)))
      note('the head has another root than its leaves');
    onProgress(head.size, head.size);
    walk.finish();
    if (opening) await this.#deepEnd(project, opening, isSettled, note);
    return {
      ...{ project, size: head.size, checkpoints: walk.checked },
      ...{ kinds: Object.fromEntries(kinds) },
      openings: opening && {
        ...{ verified: opening.verified, unopened: opening.unopened, metaVersions: opening.versions },
      },
    };
  }

  /** What can be said when all leaves were compared: what is not there, and what is there and was never recorded. */
  async #deepEnd(
    project: string,
    opening: DeepCheck,
    isSettled: boolean,
    note: (message: string) => void,
  ): Promise<void> {
    const { ledger } = this.#deps;
    for (const { leaf: index, what } of isSettled ? opening.missing() : []) {
      const [leaf] = await ledger.readLeaves(project, index, index + 1);
      const place = leaf ? placeOf({ index, envelope: parseEnvelope(leaf.envelope) }) : `leaf ${index}`;
      note(`${place}: ${what} is not there, and no leaf tells of its erasure`);
    }
    const kinds = ['retention.run', 'payload.erased'];
    const leaves = await ledger.listLeavesOfKinds({ projectId: project, kinds, limit: erasuresRead });
    const read = leaves.map(({ envelope }) => parseEnvelope(envelope));
    const latest = (times: readonly (number | undefined)[]) => {
      const known = times.filter((time) => time !== undefined);
      return known.length === 0 ? null : nanosOfMillis(Math.max(...known));
    };
    const query = {
      projectId: project,
      retainedSince: latest(read.map(({ metadataBefore }) => metadataBefore)),
      contentSince: latest(read.map(({ contentBefore }) => contentBefore)),
      erasedUntil: latest(
        read.flatMap(({ kind, time }) => (kind === 'payload.erased' ? [time + erasureMsMax] : [])),
      ),
    };
    for (const message of await new StoreCheck(this.#deps).run(query)) note(message);
  }

  /** Roots by size, of checkpoints whose signature holds. */
  async #checkpoints(
    project: string,
    note: (message: string) => void,
  ): Promise<ReadonlyMap<number, Uint8Array>> {
    const keys = (await this.#deps.queries.readVerifierKeys()).map((vkey) =>
      parseVerifierKey(nodeCrypto, vkey),
    );
    const roots = new Map<number, Uint8Array>();
    for (let size = 1; ;) {
      const found = await this.#deps.ledger.checkpointOver(project, size);
      if (!found) return roots;
      try {
        verifyNote(nodeCrypto, found.note, keys);
        const checkpoint = parseCheckpoint(parseNote(found.note).text);
        if (checkpoint.size !== found.size)
          note(`the checkpoint of size ${found.size} says ${checkpoint.size}`);
        roots.set(found.size, checkpoint.root);
      } catch (error) {
        note(
          `the checkpoint of size ${found.size}: ${isLoomError(error) ? error.message : messageOf(error)}`,
        );
      }
      size = found.size + 1;
    }
  }

  /** The log says how many calls ended; the trace store has a span for each, unless retention took them. */
  async #compareCounts(
    projectId: string,
    { kinds, open: openThen, isSettled }: LogState & { readonly kinds: Readonly<Record<string, number>> },
    problems: Problem[],
  ): Promise<Check['counts']> {
    const of = (kind: string) => kinds[kind] ?? 0;
    const ended = callEndedTypes.reduce((sum, kind) => sum + of(kind), 0);
    const stored = await this.#countStored(projectId, problems);
    const open = openThen ?? (await this.#deps.ledger.countOpenCalls(projectId)).open;
    const behind = await this.#deps.behind();
    const counts = {
      ...{ accepted: of('call.accepted'), ended, open, behind },
      ...{ ledgerSpans: ended + of('call.refused'), storedSpans: stored?.spans ?? null },
      ...{ ledgerCosts: of('cost.computed'), storedCosts: stored?.costs ?? null },
    };
    const note = noteIn(problems, projectId);
    if (openThen !== null && counts.accepted - ended !== open)
      note(`${counts.accepted} calls were accepted and ${ended} have ended, but ${open} are open`);
    if (stored === null || !isSettled || of('retention.run') > 0) return counts;
    // While calls come, the store may have more than the log had.
    const differs = (inLog: number, inStore: number) => inStore < inLog || (behind === 0 && inStore > inLog);
    if (differs(counts.ledgerSpans, stored.spans))
      note(`the log has ${counts.ledgerSpans} calls, the trace store ${stored.spans} spans`);
    if (differs(counts.ledgerCosts, stored.costs))
      note(`the log has ${counts.ledgerCosts} prices, the trace store ${stored.costs}`);
    return counts;
  }

  /** Null when the rows cannot be counted, since some of them are damaged. */
  async #countStored(
    projectId: string,
    problems: Problem[],
  ): Promise<{ readonly spans: number; readonly costs: number } | null> {
    try {
      const { spans, costs } = await this.#deps.store.reconcile({ projectId });
      return { spans: spans.distinct, costs: costs.distinct };
    } catch (error) {
      if (!isLoomError(error) || error.code !== 'internal') throw error;
      problems.push({
        log: projectId,
        message: 'the rows of the trace store cannot be counted: some are damaged',
      });
      return null;
    }
  }
}

/** Those over the limit are not kept: a check that finds so many has found enough. */
function noteIn(problems: Problem[], log: string): (message: string) => void {
  return (message) => {
    if (problems.length < problemsMax) problems.push({ log, message });
  };
}

function unreadText(event: string, leaf: number): string {
  const [callId = ''] = event.split('/');
  return `call ${callId}, leaf ${leaf}: its event ${event} came and could not be read: it is in no leaf. Replay its dead letter`;
}

/** One walk over the leaves of a log. */
class LogWalk {
  readonly range = new CompactRange(nodeCrypto);
  checked = 0;
  readonly #project: string;
  readonly #roots: ReadonlyMap<number, Uint8Array>;
  readonly #note: (message: string) => void;
  readonly #tiles = new Map<string, { level: number; index: number; offset: number; hashes: Uint8Array[] }>();

  constructor(project: string, roots: ReadonlyMap<number, Uint8Array>, note: (message: string) => void) {
    this.#project = project;
    this.#roots = roots;
    this.#note = note;
  }

  take({ index, envelope, eventId, kind }: StoredLeaf, kinds: Map<string, number>): void {
    if (index !== this.range.size) this.#note(`leaf ${this.range.size} is missing`);
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    try {
      const { project, id, kind: own } = parseEnvelope(envelope);
      if (project !== this.#project || id !== eventId || own !== kind)
        this.#note(`leaf ${index} is filed under what it does not say`);
    } catch (error) {
      this.#note(`leaf ${index}: ${messageOf(error)}`);
    }
    this.range.append(leafHash(nodeCrypto, utf8(envelope)), (level, at, hash) =>
      this.#gather(level, at, hash),
    );
    const root = this.#roots.get(this.range.size);
    if (!root) return;
    this.checked += 1;
    if (!equalBytes(root, this.range.root()))
      this.#note(
        `the checkpoint of size ${this.range.size} has another root than the leaves: ${toHex(root)}`,
      );
  }

  finish(): void {
    const beyond = [...this.#roots.keys()].filter((size) => size > this.range.size);
    if (beyond.length > 0)
      this.#note(`a checkpoint of size ${Math.max(...beyond)} is there, and so many leaves are not`);
  }

  #gather(treeLevel: number, at: number, hash: Uint8Array): void {
    const slot = tileSlotOf(treeLevel, at);
    if (!slot) return;
    const key = `${slot.level}/${slot.index}`;
    const tile = this.#tiles.get(key) ?? { ...slot, hashes: [] };
    tile.hashes.push(hash);
    this.#tiles.set(key, tile);
  }

  /** Stored tiles may lag behind the leaves, but never say something else. */
  async compareTiles(ledger: Pick<LedgerStore, 'readTiles'>): Promise<string[]> {
    const stored = await ledger.readTiles(this.#project, [...this.#tiles.values()]);
    const wrong: string[] = [];
    for (const [key, { offset, hashes }] of this.#tiles) {
      const tile = stored.get(key) ?? new Uint8Array();
      const differs = hashes.some((hash, at) => {
        const own = tile.subarray((offset + at) * hash.length, (offset + at + 1) * hash.length);
        return own.length > 0 && !equalBytes(own, hash);
      });
      if (differs) wrong.push(`tile ${key} is not made of the leaves`);
    }
    this.#tiles.clear();
    return wrong;
  }
}
