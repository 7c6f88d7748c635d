import type { Erasure } from '@loom/control-store';
import type { Logger } from '@loom/telemetry';
import type { Selection, TraceJanitor } from '@loom/trace-store';
import { nanosOfMillis } from '@loom/trace-schema';
import { type CutErasure, KeyEraser, type KeyEraserDeps } from './key-eraser.ts';

export interface EraserDeps extends KeyEraserDeps {
  readonly traceStore: Pick<TraceJanitor, 'erase' | 'countErasable' | 'sweep'>;
  readonly logger: Logger;
  /** After so long the stream's segments are gone as well. Milliseconds. */
  readonly deadlineMs: number;
  /** A call has ended after so long, or is an orphan. Milliseconds. */
  readonly callMsMax: number;
}

/** Erasures that are looked at in one round, and those of them that are brought a step further. */
const [openMax, stepMax] = [5_000, 500];

/**
 * Carries erasures out, a step a round, each of which may be taken again: first the keys go, which makes the commitments of
 * the leaves unopenable and sealed content unreadable, and a leaf says so; then the rows; then time passes until nothing
 * that they were written to is left, in the stream and in the trace store's files. An erasure takes the calls that began
 * before the end of a key period that is not over yet, so that no call is half in it.
 */
export class Eraser {
  readonly #deps: EraserDeps;
  readonly #keys: KeyEraser;
  #isWaitTold = false;
  #isUnreadableTold = false;

  constructor(deps: EraserDeps) {
    this.#deps = deps;
    this.#keys = new KeyEraser(deps);
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
    await this.#keys.eraseLate((await this.#open()).filter(isCut));
  }

  async #round(lost: AbortSignal): Promise<void> {
    for (const erasure of (await this.#open())
      .filter(({ state }) => state === 'requested')
      .slice(0, stepMax)) {
      lost.throwIfAborted();
      await this.#keys.erase(erasure);
    }
    const rest = (await this.#open()).filter(isCut);
    await this.#keys.eraseLate(rest);
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
    for (const { buckets } of gone) await this.#keys.remove(buckets); // a crash may have left the file of one
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
    const users = erasures.map((erasure) => this.#keys.userOf(erasure));
    return { projectId, users, before: nanosOfMillis(beforeMs) };
  }

  #isReadable(erasure: Erasure): boolean {
    try {
      return this.#keys.userOf(erasure) !== '';
    } catch {
      return false;
    }
  }
}

function isCut(erasure: Erasure): erasure is CutErasure {
  return erasure.state !== 'requested' && erasure.beforeMs !== null;
}
