import { type MasterKeys, openBucketKey, sealBucketKey } from '@loom/control-store/secrets';
import { bucketOf, keyPeriodOf, newBucketKey } from '@loom/ledger';
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
/** After this a day gets another key: the key of a call is found in the outbox not far before the call. Milliseconds. */
const dayKeyUsedForMs = 10 * 60_000;

/** The bucket keys of one emitter for projects whose content is `sealed`. Each is on the record before it is used. */
export class ContentKeys {
  readonly #options: ContentKeysOptions;
  readonly #keys = new Map<string, { readonly key: ContentKey; readonly madeAtMs: number }>();

  constructor(options: ContentKeysOptions) {
    this.#options = options;
  }

  /**
   * The key for a call that began at `timeMs`; writes `key.created` for a new one. Throws as {@link Emitter.emit} does when
   * that is refused.
   */
  keyFor(call: {
    readonly projectId: string;
    readonly userId: string | null;
    readonly timeMs: number;
  }): ContentKey {
    const { projectId, timeMs } = call;
    const bucket = bucketOf(call);
    const place = JSON.stringify([projectId, bucket]);
    const found = this.#keys.get(place);
    this.#keys.delete(place);
    const kept =
      found && isFor(bucket, found.madeAtMs, timeMs)
        ? found
        : { key: this.#make(projectId, bucket, timeMs), madeAtMs: timeMs };
    this.#keys.set(place, kept);
    const [oldest] = this.#keys.keys();
    if (oldest !== undefined && this.#keys.size > keysMax) this.#keys.delete(oldest);
    return kept.key;
  }

  #make(projectId: string, bucket: string, timeMs: number): ContentKey {
    const { emitter, masterKeys } = this.#options;
    const key = { id: newUuid(timeMs), bytes: newBucketKey() };
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

/** Whether a key that was made for a call at `madeAtMs` is for one at `timeMs` as well. */
function isFor(bucket: string, madeAtMs: number, timeMs: number): boolean {
  return bucket.startsWith('user/')
    ? keyPeriodOf(timeMs) === keyPeriodOf(madeAtMs)
    : timeMs - madeAtMs < dayKeyUsedForMs;
}

/** The key of a `key.created` event. Throws `config_invalid` when the master key is missing. */
export function openContentKey(masterKeys: MasterKeys, { keyId, sealed }: KeyCreated): ContentKey {
  return { id: keyId, bytes: openBucketKey(masterKeys, keyId, sealed) };
}
