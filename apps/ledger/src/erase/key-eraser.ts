import { hash } from 'node:crypto';
import type { Erasure, LedgerStore } from '@loom/control-store';
import { bucketLabels, type MasterKeys, openErasedUser } from '@loom/control-store/secrets';
import { keyPeriodMs, keyPeriodOf } from '@loom/ledger';
import { type Commitments, leafOfEnvelope, rememberMs } from '../seal/commitments.ts';
import type { KeyFiles } from '../seal/key-files.ts';
import type { LogAppender } from '../seal/log-appender.ts';

export interface KeyEraserDeps {
  readonly store: LedgerStore;
  readonly appender: Pick<LogAppender, 'append'>;
  readonly commitments: Pick<Commitments, 'currentKey'>;
  /** They open who is to be erased. */
  readonly masterKeys: MasterKeys;
  /** By them buckets are labelled; default: the master keys. */
  readonly contentKeys?: MasterKeys;
  readonly keyFiles: Pick<KeyFiles, 'remove'> | null;
  readonly now: () => number;
}

/** Ids of one leaf, so that its envelope fits. */
const bucketsOfLeaf = 16;
/** Every sealer has asked for a key again by then, also when clocks differ by as much. Milliseconds. */
const settleMs = 2 * rememberMs;

/** One whose keys are gone: it is known which calls it takes. */
export type CutErasure = Erasure & { readonly beforeMs: number };

type FoundKey = Awaited<ReturnType<LedgerStore['listBucketKeys']>>[number];

/** Takes the keys of end users: first a leaf names them, then their rows go, then their files. */
export class KeyEraser {
  readonly #deps: KeyEraserDeps;

  constructor(deps: KeyEraserDeps) {
    this.#deps = deps;
  }

  /** The end user of an erasure. Throws `config_invalid` when the master key is missing. */
  userOf({ id, sealedUser }: Erasure): string {
    return openErasedUser(this.#deps.masterKeys, id, sealedUser);
  }

  /** Takes the keys that there are; calls that begin at `beforeMs` or later have another. Each try has a cut of its own. */
  async erase(erasure: Erasure): Promise<void> {
    const { now } = this.#deps;
    let beforeMs: number;
    do {
      beforeMs = keyPeriodOf(now() + settleMs) + keyPeriodMs;
      await this.#replaceKeys(erasure, beforeMs);
    } while (now() + rememberMs > beforeMs); // it took too long: a sealer may still use one of them at the cut
    await this.#deps.store.updateErasure(erasure.id, { state: 'keys_gone', keysGoneAtMs: now(), beforeMs });
  }

  /** The end user has a new key for calls that begin at `beforeMs` or later; a leaf names all others, and they go. */
  async #replaceKeys(erasure: Erasure, beforeMs: number): Promise<void> {
    const { store, appender, commitments } = this.#deps;
    const { id, projectId } = erasure;
    const bucket = `user/${this.userOf(erasure)}`;
    // What an earlier try has deleted is remembered in the erasure.
    const gone = new Set(erasure.buckets);
    for (;;) {
      const found = await store.listBucketKeys(projectId, { buckets: this.#labelsOf(erasure) });
      for (const { keyId, fromMs } of found) if (fromMs < beforeMs) gone.add(keyId);
      await store.updateErasure(id, { buckets: [...gone] });
      await appender.append(projectId, leavesOf(erasure, [...gone]));
      await this.remove([...gone]);
      const { fromMs } = await commitments.currentKey(projectId, bucket, beforeMs);
      if (fromMs >= beforeMs) return; // else a sealer has made a key meanwhile
    }
  }

  /** Keys that emitters have sent only now: a leaf names them, then they go. Who has no next key gets one. */
  async eraseLate(erasures: readonly CutErasure[]): Promise<void> {
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
        await this.remove(keyIds);
      }
      const secured = new Set(
        found.filter((key) => key.isCurrent && !isLate(key)).map(({ bucket }) => bucket),
      );
      for (const erasure of new Set(cuts.values())) {
        const [label = ''] = this.#labelsOf(erasure);
        if (secured.has(label)) continue;
        await commitments.currentKey(projectId, `user/${this.userOf(erasure)}`, erasure.beforeMs);
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

  /** Harmless for keys that are gone already. */
  async remove(keyIds: readonly string[]): Promise<void> {
    await this.#deps.store.deleteBucketKeys(keyIds);
    await this.#deps.keyFiles?.remove(keyIds);
  }

  #labelsOf(erasure: Erasure): string[] {
    const { contentKeys = this.#deps.masterKeys } = this.#deps;
    return bucketLabels(contentKeys, erasure.projectId, `user/${this.userOf(erasure)}`);
  }
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
