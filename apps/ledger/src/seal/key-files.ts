import { access, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { BucketKey, BucketPlace, LedgerStore } from '@loom/control-store';
import { fsyncDirectory, replaceFile } from '@loom/event-stream';

type Key = BucketKey & BucketPlace;

/** Sealed bucket keys, a synced file each, for a control store that does not sync. Gone when the key is erased. */
export class KeyFiles {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async open(directory: string): Promise<KeyFiles> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new KeyFiles(directory);
  }

  /** Resolves when it is on the disk. */
  async put(key: Key): Promise<void> {
    await replaceFile(this.#pathOf(key.keyId), JSON.stringify(key));
  }

  has(keyId: string): Promise<boolean> {
    return access(this.#pathOf(keyId)).then(
      () => true,
      () => false,
    );
  }

  /** Resolves when they are gone from the disk. */
  async remove(keyIds: readonly string[]): Promise<void> {
    for (const keyId of keyIds) await rm(this.#pathOf(keyId), { force: true });
    await fsyncDirectory(this.#directory);
  }

  /** Puts keys back that the store has forgotten. Those that were erased have no file. */
  async restore(store: Pick<LedgerStore, 'keepBucketKey'>): Promise<void> {
    for (const name of await readdir(this.#directory)) {
      if (name.endsWith('.next')) continue; // what a crash cut off
      const text = await readFile(join(this.#directory, name), 'utf8');
      // Older files have no `fromMs`.
      await store.keepBucketKey({ fromMs: 0, ...(JSON.parse(text) as Omit<Key, 'fromMs'>) });
    }
  }

  #pathOf(keyId: string): string {
    return join(this.#directory, encodeURIComponent(keyId));
  }
}
