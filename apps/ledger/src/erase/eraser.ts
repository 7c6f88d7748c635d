import { hash } from 'node:crypto';
import type { Erasure, LedgerStore } from '@loom/control-store';
import { bucketLabels, type MasterKeys, openErasedUser } from '@loom/control-store/secrets';
import { keyPeriodMs, keyPeriodOf } from '@loom/ledger';
import type { Logger } from '@loom/telemetry';
import type { Selection, TraceJanitor } from '@loom/trace-store';
import { nanosOfMillis } from '@loom/trace-schema';
import { type Commitments, leafOfEnvelope, rememberMs } from '../seal/commitments.ts';
import type { KeyFiles } from '../seal/key-files.ts';
import type { LogAppender } from '../seal/log-appender.ts';

export interface EraserDeps {
  readonly store: LedgerStore;
  readonly traceStore: Pick<TraceJanitor, 'erase' | 'countErasable' | 'sweep'>;
  readonly appender: Pick<LogAppender, 'append'>;
  readonly commitments: Pick<Commitments, 'currentKey'>;
  readonly masterKeys: MasterKeys;
  readonly keyFiles: Pick<KeyFiles, 'remove'> | null;
  readonly logger: Logger;
  /** After so long the stream's segments are gone as well. Milliseconds. */
  readonly deadlineMs: number;
  /** A call has ended after so long, or is an orphan. Milliseconds. */
  readonly callMsMax: number;
  readonly now: () => number;
}

/** Erasures that are looked at in one round, and those of them that are brought a step further. */
const [openMax, stepMax] = [5_000, 500];
/** Ids of one leaf, so that its envelope fits. */
const bucketsOfLeaf = 16;
/** Every sealer has asked for a key again by then, also when clocks differ by as much. Milliseconds. */
const settleMs = 2 * rememberMs;

/**
 * Carries erasures out, a step a round, each of which may be taken again: first the keys go, which makes the commitments of
 * the leaves unopenable and sealed content unreadable, and a leaf says so; then the rows; then time passes until nothing
 * that they were written to is left, in the stream and in the trace store's files. An erasure takes the calls that began
 * before the end of a key period that is not over yet, so that no call is half in it.
 */
export class Eraser {
  readonly #deps: EraserDeps;
  #isWaitTold = false;
  #isUnreadableTold = false;

  constructor(deps: EraserDeps) {
    this.#deps = deps;
  }

  /** Nothing while another process is at it. */
  async round(): Promise<void> {
    const { store } = this.#deps;
    if ((await store.listOpenErasures(1)).length > 0) await store.withEraserLock((lost) => this.#round(lost));
  }

  /**
   * To be called before anything is sealed: the keys that end users have from the cut of an erasure on are there, also when
   * they were to be named anew (another master key) or were restored.
   */
  async secureCuts(): Promise<void> {
    await this.#eraseLateKeys((await this.#open()).filter(isCut));
  }

  async #round(lost: AbortSignal): Promise<void> {
    for (const erasure of (await this.#open())
      .filter(({ state }) => state === 'requested')
      .slice(0, stepMax)) {
      lost.throwIfAborted();
      await this.#eraseKeys(erasure);
    }
    const rest = (await this.#open()).filter(isCut);
    await this.#eraseLateKeys(rest);
    lost.throwIfAborted();
    const keysGone = rest.filter(({ state, beforeMs }) => state === 'keys_gone' && beforeMs <= this.#now);
    const together = ({ projectId, beforeMs }: CutErasure) => `${projectId} ${beforeMs}`;
    for (const own of Map.groupBy(keysGone.slice(0, stepMax), together).values()) await this.#eraseRows(own);
    const ended = rest.filter((erasure) => erasure.state === 'rows_gone' && this.#isToLookAgain(erasure));
    for (const erasure of ended.slice(0, stepMax))
      if (!(await this.#eraseLate(erasure)))
        await this.#deps.store.updateErasure(erasure.id, { rowsGoneAtMs: this.#now });
    const due = rest.filter((erasure) => erasure.state === 'rows_gone' && this.#isDue(erasure));
    await this.#complete(due.slice(0, stepMax));
  }

  get #now(): number {
    return this.#deps.now();
  }

  /** One whose end user cannot be read, for want of a master key, waits and keeps no other from going on. */
  async #open(): Promise<readonly Erasure[]> {
    const open = await this.#deps.store.listOpenErasures(openMax);
    const readable = open.filter((erasure) => this.#isReadable(erasure));
    const unreadable = open.length - readable.length;
    if (unreadable > 0 && !this.#isUnreadableTold)
      this.#deps.logger.error(
        { unreadable },
        'erasures wait for the master key that their end users are sealed with',
      );
    this.#isUnreadableTold = unreadable > 0;
    return readable;
  }

  async #eraseKeys(erasure: Erasure): Promise<void> {
    let beforeMs: number;
    do {
      beforeMs = keyPeriodOf(this.#now + settleMs) + keyPeriodMs;
      await this.#replaceKeys(erasure, beforeMs);
    } while (this.#now + rememberMs > beforeMs); // it took too long: a sealer may still use one of them at the cut
    await this.#deps.store.updateErasure(erasure.id, {
      state: 'keys_gone',
      keysGoneAtMs: this.#now,
      beforeMs,
    });
  }

  /** The end user has a new key for calls that begin at `beforeMs` or later; a leaf names all others, and they go. */
  async #replaceKeys(erasure: Erasure, beforeMs: number): Promise<void> {
    const { store, appender, commitments } = this.#deps;
    const { id, projectId } = erasure;
    const bucket = `user/${this.#userOf(erasure)}`;
    // What an earlier try has deleted is remembered in the erasure.
    const gone = new Set(erasure.buckets);
    for (;;) {
      const found = await store.listBucketKeys(projectId, { buckets: this.#labelsOf(erasure) });
      for (const { keyId, fromMs } of found) if (fromMs < beforeMs) gone.add(keyId);
      await store.updateErasure(id, { buckets: [...gone] });
      await appender.append(projectId, leavesOf(erasure, [...gone]));
      await this.#deleteKeys([...gone]);
      const { fromMs } = await commitments.currentKey(projectId, bucket, beforeMs);
      if (fromMs >= beforeMs) return; // else a sealer has made a key meanwhile
    }
  }

  /** Keys that emitters have sent only now: a leaf names them, then they go. Who has no next key gets one. */
  async #eraseLateKeys(erasures: readonly CutErasure[]): Promise<void> {
    const { store, appender, commitments } = this.#deps;
    for (const [projectId, own] of Map.groupBy(erasures, (erasure) => erasure.projectId)) {
      const cuts = this.#cutsByLabel(own);
      const found = await store.listBucketKeys(projectId, { buckets: [...cuts.keys()] });
      const isLate = ({ bucket, fromMs }: FoundKey) => fromMs < (cuts.get(bucket)?.beforeMs ?? 0);
      for (const [erasure, keys] of Map.groupBy(found.filter(isLate), ({ bucket }) => cuts.get(bucket))) {
        if (!erasure) continue;
        const keyIds = keys.map(({ keyId }) => keyId);
        await store.updateErasure(erasure.id, { buckets: [...new Set([...erasure.buckets, ...keyIds])] });
        await appender.append(projectId, leavesOf(erasure, keyIds));
        await this.#deleteKeys(keyIds);
      }
      const secured = new Set(
        found.filter((key) => key.isCurrent && !isLate(key)).map(({ bucket }) => bucket),
      );
      for (const erasure of new Set(cuts.values())) {
        const [label = ''] = this.#labelsOf(erasure);
        if (secured.has(label)) continue;
        await commitments.currentKey(projectId, `user/${this.#userOf(erasure)}`, erasure.beforeMs);
      }
    }
  }

  /** Of several erasures of one end user the last one counts. */
  #cutsByLabel(erasures: readonly CutErasure[]): ReadonlyMap<string, CutErasure> {
    const cuts = new Map<string, CutErasure>();
    for (const erasure of erasures)
      for (const label of this.#labelsOf(erasure))
        if (erasure.beforeMs >= (cuts.get(label)?.beforeMs ?? 0)) cuts.set(label, erasure);
    return cuts;
  }

  async #deleteKeys(keyIds: readonly string[]): Promise<void> {
    await this.#deps.store.deleteBucketKeys(keyIds);
    await this.#deps.keyFiles?.remove(keyIds);
  }

  async #eraseRows(erasures: readonly CutErasure[]): Promise<void> {
    const { store, traceStore, logger } = this.#deps;
    const [{ projectId } = { projectId: '' }] = erasures;
    for (const erasure of erasures)
      await store.updateErasure(erasure.id, await traceStore.countErasable(this.#selectionOf([erasure])));
    await traceStore.erase(this.#selectionOf(erasures));
    for (const { id } of erasures)
      await store.updateErasure(id, { state: 'rows_gone', rowsGoneAtMs: this.#now });
    logger.info({ projectId, erasures: erasures.length }, 'rows of end users erased');
  }

  async #complete(due: readonly CutErasure[]): Promise<void> {
    const { store, traceStore, deadlineMs, logger } = this.#deps;
    const erased: CutErasure[] = [];
    for (const erasure of due) if (!(await this.#eraseLate(erasure))) erased.push(erasure);
    if (erased.length === 0) return;
    const leftMs = await traceStore.sweep(deadlineMs);
    const gone = erased.filter((erasure) => this.#ageMs(erasure) > leftMs);
    for (const { buckets } of gone) await this.#deleteKeys(buckets); // a crash may have left the file of one
    if (gone.length > 0) await store.rewriteBucketKeys();
    for (const { id } of gone)
      await store.updateErasure(id, { state: 'complete', completeAtMs: this.#now, sealedUser: '' });
    const waiting = erased.length - gone.length;
    if (waiting > 0 && !this.#isWaitTold)
      logger.warn({ waiting, leftMs }, 'what was erased is still in old files of the trace store');
    this.#isWaitTold = waiting > 0;
  }

  /** Rows may have come late: they go as well, and so does what they were written to. */
  async #eraseLate(erasure: CutErasure): Promise<boolean> {
    const { store, traceStore } = this.#deps;
    const late = await traceStore.countErasable(this.#selectionOf([erasure]));
    if (late.spans + late.payloads === 0) return false;
    await traceStore.erase(this.#selectionOf([erasure]));
    await store.updateErasure(erasure.id, { rowsGoneAtMs: this.#now });
    return true;
  }

  /** Calls that were under way at the cut have ended: long before the deadline, so that it is not theirs. */
  #isToLookAgain({ beforeMs, rowsGoneAtMs }: CutErasure): boolean {
    const endedMs = beforeMs + this.#deps.callMsMax;
    return (rowsGoneAtMs ?? 0) < endedMs && endedMs <= this.#now;
  }

  #isDue(erasure: Erasure): boolean {
    return this.#ageMs(erasure) >= this.#deps.deadlineMs;
  }

  #ageMs({ rowsGoneAtMs }: Erasure): number {
    return this.#now - (rowsGoneAtMs ?? 0);
  }

  #selectionOf(erasures: readonly CutErasure[]): Selection {
    const [{ projectId, beforeMs } = { projectId: '', beforeMs: 0 }] = erasures;
    const users = erasures.map((erasure) => this.#userOf(erasure));
    return { projectId, users, before: nanosOfMillis(beforeMs) };
  }

  #isReadable(erasure: Erasure): boolean {
    try {
      return this.#userOf(erasure) !== '';
    } catch {
      return false;
    }
  }

  #labelsOf(erasure: Erasure): string[] {
    return bucketLabels(this.#deps.masterKeys, erasure.projectId, `user/${this.#userOf(erasure)}`);
  }

  #userOf({ id, sealedUser }: Erasure): string {
    return openErasedUser(this.#deps.masterKeys, id, sealedUser);
  }
}

type FoundKey = Awaited<ReturnType<LedgerStore['listBucketKeys']>>[number];

/** One whose keys are gone: it is known which calls it takes. */
type CutErasure = Erasure & { readonly beforeMs: number };

function isCut(erasure: Erasure): erasure is CutErasure {
  return erasure.state !== 'requested' && erasure.beforeMs !== null;
}

/** Leaves that name these keys. Other keys make other leaves: a try after a crash may have found more of them. */
function leavesOf(
  { id, projectId: project, requestedAtMs, requestedBy }: Erasure,
  keyIds: readonly string[],
) {
  const count = Math.max(1, Math.ceil(keyIds.length / bucketsOfLeaf));
  return Array.from({ length: count }, (_, at) => {
    const buckets = keyIds.slice(at * bucketsOfLeaf, (at + 1) * bucketsOfLeaf);
    const leaf = leafOfEnvelope({
      ...{ v: 1, project, id: `erasure/${id}/${hash('sha256', buckets.join(), 'hex').slice(0, 32)}` },
      ...{ kind: 'payload.erased', time: requestedAtMs, actor: requestedBy.slice(0, 120), buckets },
    });
    return { place: null, leaf };
  });
}
