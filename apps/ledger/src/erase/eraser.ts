import type { Erasure, LedgerStore } from '@loom/control-store';
import { bucketLabels, type MasterKeys, openErasedUser } from '@loom/control-store/secrets';
import type { Logger } from '@loom/telemetry';
import type { Selection, TraceJanitor } from '@loom/trace-store';
import { nanosOfMillis } from '@loom/trace-schema';
import { type Commitments, leafOfEnvelope } from '../seal/commitments.ts';
import type { KeyFiles } from '../seal/key-files.ts';
import type { LogAppender } from '../seal/log-appender.ts';

export interface EraserDeps {
  readonly store: LedgerStore;
  readonly traceStore: Pick<TraceJanitor, 'erase' | 'countErasable' | 'sweep'>;
  readonly appender: Pick<LogAppender, 'append'>;
  readonly commitments: Pick<Commitments, 'forget'>;
  readonly masterKeys: MasterKeys;
  readonly keyFiles: Pick<KeyFiles, 'remove'> | null;
  readonly logger: Logger;
  /** After so long the stream's segments are gone as well. Milliseconds. */
  readonly deadlineMs: number;
  readonly now?: () => number;
}

/** Erasures of one round: those of one project are one change of each table. */
const roundMax = 500;
/** Ids of one leaf, so that its envelope fits. */
const bucketsOfLeaf = 16;

/**
 * Carries erasures out, a step a round, each of which may be taken again: first the keys go, which makes the commitments of
 * the leaves unopenable and sealed content unreadable, and a leaf says so; then the rows; then time passes until nothing
 * that they were written to is left, in the stream and in the trace store's files.
 */
export class Eraser {
  readonly #deps: EraserDeps;
  #isWaitTold = false;

  constructor(deps: EraserDeps) {
    this.#deps = deps;
  }

  async round(): Promise<void> {
    const open = await this.#deps.store.listOpenErasures(roundMax);
    await this.#eraseKeys(open.filter(({ state }) => state === 'requested'));
    const rest = await this.#deps.store.listOpenErasures(roundMax);
    const keysGone = rest.filter(({ state }) => state === 'keys_gone');
    const together = ({ projectId, keysGoneAtMs }: Erasure) => `${projectId} ${keysGoneAtMs}`;
    for (const own of Map.groupBy(keysGone, together).values()) await this.#eraseRows(own);
    await this.#complete(rest.filter((erasure) => erasure.state === 'rows_gone' && this.#isDue(erasure)));
  }

  get #now(): number {
    return (this.#deps.now ?? Date.now)();
  }

  /** Those of one round have one end: calls that began before it are part of them. */
  async #eraseKeys(erasures: readonly Erasure[]): Promise<void> {
    const { store, appender } = this.#deps;
    const gone: (readonly [Erasure, buckets: readonly string[]])[] = [];
    for (const erasure of erasures) gone.push([erasure, await this.#deleteKeys(erasure)]);
    this.#deps.commitments.forget();
    const keysGoneAtMs = this.#now;
    for (const [erasure, buckets] of gone) {
      await appender.append(erasure.projectId, this.#leaves(erasure, buckets));
      await store.updateErasure(erasure.id, { state: 'keys_gone', keysGoneAtMs });
    }
  }

  async #deleteKeys(erasure: Erasure): Promise<readonly string[]> {
    const { store, masterKeys, keyFiles } = this.#deps;
    const { id, projectId } = erasure;
    const labels = bucketLabels(masterKeys, projectId, `user/${this.#userOf(erasure)}`);
    // What an earlier try has deleted is remembered in the erasure, so that its leaf names all of it.
    const found = await store.listBucketKeys(projectId, { buckets: labels });
    const buckets = [...new Set([...erasure.buckets, ...found])];
    await store.updateErasure(id, { buckets });
    await store.deleteBucketKeys(buckets);
    await keyFiles?.remove(buckets);
    return buckets;
  }

  #leaves({ id, projectId: project, requestedAtMs, requestedBy }: Erasure, buckets: readonly string[]) {
    const count = Math.max(1, Math.ceil(buckets.length / bucketsOfLeaf));
    return Array.from({ length: count }, (_, at) => ({
      place: null,
      leaf: leafOfEnvelope({
        ...{ v: 1, project, id: `erasure/${id}/${at}`, kind: 'payload.erased', time: requestedAtMs },
        ...{
          actor: requestedBy.slice(0, 120),
          buckets: buckets.slice(at * bucketsOfLeaf, (at + 1) * bucketsOfLeaf),
        },
      }),
    }));
  }

  async #eraseRows(erasures: readonly Erasure[]): Promise<void> {
    const { store, traceStore, logger } = this.#deps;
    const [{ projectId } = { projectId: '' }] = erasures;
    for (const erasure of erasures)
      await store.updateErasure(erasure.id, await traceStore.countErasable(this.#selectionOf([erasure])));
    await traceStore.erase(this.#selectionOf(erasures));
    for (const { id } of erasures)
      await store.updateErasure(id, { state: 'rows_gone', rowsGoneAtMs: this.#now });
    logger.info({ projectId, erasures: erasures.length }, 'rows of end users erased');
  }

  async #complete(due: readonly Erasure[]): Promise<void> {
    const { store, traceStore, deadlineMs, logger } = this.#deps;
    const erased: Erasure[] = [];
    for (const erasure of due) if (!(await this.#eraseLate(erasure))) erased.push(erasure);
    if (erased.length === 0) return;
    const leftMs = await traceStore.sweep(deadlineMs);
    const gone = erased.filter((erasure) => this.#ageMs(erasure) > leftMs);
    if (gone.length > 0) await store.rewriteBucketKeys();
    for (const { id } of gone)
      await store.updateErasure(id, { state: 'complete', completeAtMs: this.#now, sealedUser: '' });
    const waiting = erased.length - gone.length;
    if (waiting > 0 && !this.#isWaitTold)
      logger.warn({ waiting, leftMs }, 'what was erased is still in old files of the trace store');
    this.#isWaitTold = waiting > 0;
  }

  /** Rows may have come late: they go as well, and so does what they were written to. */
  async #eraseLate(erasure: Erasure): Promise<boolean> {
    const { store, traceStore } = this.#deps;
    const late = await traceStore.countErasable(this.#selectionOf([erasure]));
    if (late.spans + late.payloads === 0) return false;
    await traceStore.erase(this.#selectionOf([erasure]));
    await store.updateErasure(erasure.id, { rowsGoneAtMs: this.#now });
    return true;
  }

  #isDue(erasure: Erasure): boolean {
    return this.#ageMs(erasure) >= this.#deps.deadlineMs;
  }

  #ageMs({ rowsGoneAtMs }: Erasure): number {
    return this.#now - (rowsGoneAtMs ?? 0);
  }

  /** What came after the keys were gone is not part of it. */
  #selectionOf(erasures: readonly Erasure[]): Selection {
    const [{ projectId, keysGoneAtMs } = { projectId: '', keysGoneAtMs: 0 }] = erasures;
    const users = erasures.map((erasure) => this.#userOf(erasure));
    return { projectId, users, before: nanosOfMillis(keysGoneAtMs ?? 0) };
  }

  #userOf({ id, sealedUser }: Erasure): string {
    return openErasedUser(this.#deps.masterKeys, id, sealedUser);
  }
}
