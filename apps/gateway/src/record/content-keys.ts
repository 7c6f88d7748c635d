import { type MasterKeys, openBucketKey, sealBucketKey } from '@loom/control-store/secrets';
import { bucketOf, newBucketKey } from '@loom/ledger';
import { type KeyCreated, newUuid } from '@loom/trace-schema';
import type { Emitter } from './emitter.ts';

/** A key of a bucket: seals what calls of one end user, or of one day, have said. */
export interface ContentKey {
  readonly id: string;
  readonly bytes: Uint8Array;
}

export interface ContentKeysOptions {
  readonly emitter: Emitter;
  readonly masterKeys: MasterKeys;
}

/** Keys that are remembered; the one used longest ago is forgotten first. A bucket may have any number of keys. */
const keysMax = 10_000;
/**
 * After this a bucket gets another key: what an end user says after an erasure is lost for no longer, and the key of a
 * call is found in the outbox not far before the call. Milliseconds.
 */
const usedForMs = 10 * 60_000;

/** The bucket keys of one emitter for projects whose content is `sealed`. Each is on the record before it is used. */
export class ContentKeys {
  readonly #options: ContentKeysOptions;
  readonly #keys = new Map<string, { readonly key: ContentKey; readonly madeAtMs: number }>();

  constructor(options: ContentKeysOptions) {
    this.#options = options;
  }

  /** The key for a call; writes `key.created` for a new one. Throws as {@link Emitter.emit} does when that is refused. */
  keyFor(call: {
    readonly projectId: string;
    readonly userId: string | null;
    readonly timeMs: number;
  }): ContentKey {
    const bucket = bucketOf(call);
    const place = JSON.stringify([call.projectId, bucket]);
    const found = this.#keys.get(place);
    this.#keys.delete(place);
    const isFresh = found && call.timeMs - found.madeAtMs < usedForMs;
    const kept = isFresh ? found : { key: this.#make(call.projectId, bucket), madeAtMs: call.timeMs };
    this.#keys.set(place, kept);
    const [oldest] = this.#keys.keys();
    if (oldest !== undefined && this.#keys.size > keysMax) this.#keys.delete(oldest);
    return kept.key;
  }

  #make(projectId: string, bucket: string): ContentKey {
    const { emitter, masterKeys } = this.#options;
    const key = { id: newUuid(), bytes: newBucketKey() };
    const sealed = sealBucketKey(masterKeys, key.id, key.bytes);
    const draft = {
      id: `${key.id}/created`,
      type: 'key.created',
      projectId,
      subject: key.id,
      fields: { keyId: key.id, bucket, sealed },
    };
    void emitter.emit(draft, { patient: true });
    return key;
  }
}

/** The key of a `key.created` event. Throws `config_invalid` when the master key is missing. */
export function openContentKey(masterKeys: MasterKeys, { keyId, sealed }: KeyCreated): ContentKey {
  return { id: keyId, bytes: openBucketKey(masterKeys, keyId, sealed) };
}
