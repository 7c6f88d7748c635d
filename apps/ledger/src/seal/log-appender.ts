import { setTimeout as delay } from 'node:timers/promises';
import type { Append, LedgerStore } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import { CompactRange, leafHash, nodeCrypto, utf8 } from '@loom/ledger';
import type { Journal } from './journal.ts';
import { type Entry, lateIds, type LogChange, placeEntries } from './place-entries.ts';

const triesMax = 20;
const pauseMs = 20;

export interface LogAppenderDeps {
  readonly store: LedgerStore;
  /** Of this process. */
  readonly appender: string;
  /** What an appended change is written to as well; null where the store itself survives a power cut. */
  readonly journal: Pick<Journal, 'write'> | null;
  readonly now?: () => number;
}

/** Appends to logs as one of many who may do so at once. */
export class LogAppender {
  readonly #deps: LogAppenderDeps;
  /** The running append of each log: what store and journal take in has one order. */
  readonly #running = new Map<string, Promise<unknown>>();
  /** By log the change that the store has and the journal could not take. */
  readonly #owed = new Map<string, Append>();

  constructor(deps: LogAppenderDeps) {
    this.#deps = deps;
  }

  /**
   * Takes in what of the entries is new; resolves with the number of leaves when that is durable. Reads the head, decides
   * by it, and writes if it is still the head; else another was faster, and it decides again.
   */
  append(projectId: string, entries: readonly Entry[]): Promise<number> {
    const before = this.#running.get(projectId) ?? Promise.resolve();
    const append = before.catch(() => undefined).then(() => this.#append(projectId, entries));
    this.#running.set(projectId, append);
    const forget = () => {
      if (this.#running.get(projectId) === append) this.#running.delete(projectId);
    };
    append.then(forget, forget);
    return append;
  }

  /** Nothing is journaled after a change that could not be: the journal would have a hole that no start fills. */
  async #journalOwed(projectId: string): Promise<void> {
    const owed = this.#owed.get(projectId);
    if (!owed) return;
    await this.#deps.journal?.write(owed);
    this.#owed.delete(projectId);
  }

  async #append(projectId: string, entries: readonly Entry[]): Promise<number> {
    await this.#journalOwed(projectId);
    const { store, appender, now = Date.now } = this.#deps;
    const query = {
      projectId,
      emitters: [
        ...new Set(entries.flatMap(({ place, tellsGap }) => place?.emitter ?? tellsGap?.emitter ?? [])),
      ],
      ids: entries.flatMap(({ place, leaf }) => (place || !leaf ? [] : [leaf.eventId])),
    };
    for (let tried = 0; tried < triesMax; tried += 1) {
      const head = await store.readHead(projectId);
      const progress = await store.readProgress(query);
      const late = lateIds(entries, progress);
      const known =
        late.length === 0 ? null : await store.readProgress({ projectId, emitters: [], ids: late });
      const knownIds = known ? new Set([...progress.knownIds, ...known.knownIds]) : progress.knownIds;
      const change = placeEntries(projectId, entries, { ...progress, knownIds }, now());
      if (isEmpty(change)) return 0;
      const range = new CompactRange(nodeCrypto, head.size, head.edge);
      for (const { envelope } of change.leaves) range.append(leafHash(nodeCrypto, utf8(envelope)));
      const epoch = head.appender === appender ? head.epoch : head.epoch + 1;
      const append = {
        ...{ projectId, nowMs: now(), ...change },
        expected: { epoch: head.epoch, size: head.size },
        head: { epoch, edge: range.nodes, appender },
      };
      if (await store.append(append)) {
        this.#owed.set(projectId, append);
        await this.#journalOwed(projectId);
        return change.leaves.length;
      }
      await delay(Math.random() * pauseMs * (tried + 1));
    }
    throw new LoomError('overloaded', `the log of ${projectId} is changed by too many at once`, {
      retryAfterMs: 1000,
    });
  }
}

function isEmpty(change: LogChange): boolean {
  const lists = [change.leaves, change.gaps, change.filledGaps, change.ends, change.openCalls];
  const calls = [change.endedCalls, change.orphanedCalls];
  return change.marks.size === 0 && [...lists, ...calls].every((list) => list.length === 0);
}
