import type { BucketKey, BucketPlace, LedgerStore, NewLeaf } from '@loom/control-store';
import { bucketLabels, type MasterKeys, openBucketKey, sealBucketKey } from '@loom/control-store/secrets';
import {
  commitmentSalt,
  type Envelope,
  factsOf,
  markFacts,
  metaVersion,
  newBucketKey,
  nodeCrypto,
  payloadCommitment,
  toHex,
  writeEnvelope,
  writeFacts,
} from '@loom/ledger';
import { newUuid } from '@loom/trace-schema';
import { type FactRow, flatRow } from '@loom/trace-store';
import type { LeafDraft } from './envelope-of-event.ts';

/** Keys are asked for again after so long: one that was erased meanwhile is not used any longer. Milliseconds. */
export const rememberMs = 5_000;
const rememberedMax = 10_000;

interface OpenKey extends Pick<BucketKey, 'keyId' | 'fromMs'> {
  readonly bytes: Uint8Array;
}

interface Remembered {
  readonly key: Promise<OpenKey | null>;
  readonly untilMs: number;
}

/** Makes leaves of drafts: salts and commits their parts with the key of their bucket. */
export class Commitments {
  readonly #store: LedgerStore;
  readonly #masterKeys: MasterKeys;
  readonly #keepKey: (key: BucketKey & BucketPlace) => Promise<void>;
  readonly #keys = new Map<string, Remembered>();

  /**
   * `keepKey` makes a key durable before anything is committed with it; it is asked for keys that are not new as well, for
   * who made one may have died before it was kept.
   */
  constructor(deps: {
    readonly store: LedgerStore;
    readonly masterKeys: MasterKeys;
    readonly keepKey: (key: BucketKey & BucketPlace) => Promise<void>;
  }) {
    this.#store = deps.store;
    this.#masterKeys = deps.masterKeys;
    this.#keepKey = deps.keepKey;
  }

  async leafOf({ envelope, parts, salt }: LeafDraft): Promise<NewLeaf> {
    if (parts.length === 0 || salt === null) return leafOfEnvelope(envelope);
    const key = await this.#keyFor(envelope.project, salt);
    const commits: Record<string, string> = {};
    let meta: Pick<Envelope, 'meta' | 'marks'> = {};
    for (const part of parts) {
      if ('commitment' in part) commits[part.part] = part.commitment;
      else if (key && 'facts' in part) {
        const sealed = sealFacts(commitmentSalt(key.bytes, envelope.id, part.part), part.facts);
        commits[part.part] = sealed.commitment;
        meta = { meta: metaVersion, marks: sealed.marks };
      } else if (key) {
        const { part: name, opening: payload } = part as { part: string; opening: Uint8Array };
        const salt = commitmentSalt(key.bytes, envelope.id, name);
        commits[name] = toHex(payloadCommitment(nodeCrypto, { part: name, salt, payload }));
      }
    }
    const bucket = key?.keyId ?? ('keyId' in salt ? salt.keyId : undefined);
    const whole = { ...envelope, ...meta, commits, ...(bucket === undefined ? {} : { bucket }) };
    return leafOfEnvelope(whole);
  }

  /** Null when the call was erased before its event came: what would be committed to is gone as well. */
  async #keyFor(projectId: string, salt: NonNullable<LeafDraft['salt']>): Promise<OpenKey | null> {
    const key = await this.#rememberedKey(projectId, salt);
    return key && 'bucket' in salt && salt.beganAtMs < key.fromMs ? null : key;
  }

  #rememberedKey(projectId: string, salt: NonNullable<LeafDraft['salt']>): Promise<OpenKey | null> {
    const name = 'keyId' in salt ? salt.keyId : `${projectId}/${salt.bucket}`;
    const known = this.#keys.get(name);
    if (known && known.untilMs > performance.now()) return known.key;
    const key = this.#openKey(projectId, salt);
    key.catch(() => this.#keys.delete(name));
    const [oldest] = this.#keys.keys();
    if (oldest !== undefined && this.#keys.size >= rememberedMax) this.#keys.delete(oldest);
    this.#keys.delete(name);
    this.#keys.set(name, { key, untilMs: performance.now() + rememberMs });
    return key;
  }

  async #openKey(projectId: string, salt: NonNullable<LeafDraft['salt']>): Promise<OpenKey | null> {
    const found =
      'keyId' in salt
        ? (await this.#store.readBucketKeys([salt.keyId])).get(salt.keyId)
        : await this.currentKey(projectId, salt.bucket);
    if (!found) return null;
    const { keyId, fromMs } = found;
    return { keyId, fromMs, bytes: openBucketKey(this.#masterKeys, keyId, found.sealedKey) };
  }

  /** The key that a bucket has now; one that is made here is for calls that began at `fromMs` or later. */
  async currentKey(projectId: string, named: string, fromMs = 0): Promise<BucketKey> {
    const [bucket = named] = bucketLabels(this.#masterKeys, projectId, named);
    const found = await this.#store.bucketKey(projectId, bucket, () => {
      const keyId = newUuid();
      const sealedKey = sealBucketKey(this.#masterKeys, keyId, newBucketKey());
      return { keyId, sealedKey, createdAtMs: Date.now(), fromMs };
    });
    await this.#keepKey({ ...found, projectId, bucket });
    return found;
  }
}

function sealFacts(salt: Uint8Array, fact: FactRow): { readonly commitment: string; readonly marks: string } {
  const { table } = fact;
  const facts = factsOf(nodeCrypto, table, flatRow(fact));
  const payload = Buffer.from(writeFacts(table, facts));
  return {
    commitment: toHex(payloadCommitment(nodeCrypto, { part: 'meta', salt, payload })),
    marks: markFacts(nodeCrypto, salt, table, facts),
  };
}

/** Marks are left out where the envelope would be too large: they prove nothing. */
export function leafOfEnvelope(envelope: Envelope): NewLeaf {
  const { id: eventId, kind, time: timeMs } = envelope;
  return { eventId, kind, timeMs, envelope: textOf(envelope) };
}

function textOf(envelope: Envelope): string {
  const { marks, ...rest } = envelope;
  try {
    return writeEnvelope(envelope);
  } catch (error) {
    if (marks === undefined) throw error;
    return writeEnvelope(rest);
  }
}
