import type { LedgerStore } from '@loom/control-store';
import { type MasterKeys, openBucketKey } from '@loom/control-store/secrets';

/** Opens bucket keys. Nothing is remembered: an erased key opens nothing from that moment on. */
export class BucketKeyReader {
  readonly #store: Pick<LedgerStore, 'readBucketKeys'>;
  readonly #masterKeys: MasterKeys;

  constructor(store: Pick<LedgerStore, 'readBucketKeys'>, masterKeys: MasterKeys) {
    this.#store = store;
    this.#masterKeys = masterKeys;
  }

  /** Those that are there, by their id. */
  async read(keyIds: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>> {
    const found = await this.#store.readBucketKeys([...new Set(keyIds)]);
    const open = [...found].map(
      ([keyId, { sealedKey }]) => [keyId, openBucketKey(this.#masterKeys, keyId, sealedKey)] as const,
    );
    return new Map(open);
  }
}
