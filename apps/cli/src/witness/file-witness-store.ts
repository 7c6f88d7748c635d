import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { WitnessStore } from '@loom/ledger';
import { syncDirectory } from '../sync-directory.ts';
import { WitnessLock } from './witness-lock.ts';

/** A directory with one file an origin: the note that was cosigned last. Its name is the SHA-256 of the origin. */
export class FileWitnessStore implements WitnessStore {
  readonly #directory: string;
  readonly #lock: WitnessLock;

  private constructor(directory: string, lock: WitnessLock) {
    this.#directory = directory;
    this.#lock = lock;
  }

  /** Throws `conflict` when another process has it open. */
  static async open(directory: string): Promise<FileWitnessStore> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new FileWitnessStore(directory, await WitnessLock.take(directory));
  }

  async read(origin: string): Promise<string | null> {
    try {
      return await readFile(this.#pathOf(origin), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
  }

  async write(origin: string, note: string): Promise<void> {
    const path = this.#pathOf(origin);
    const file = await open(`${path}.partial`, 'w', 0o600);
    try {
      await file.writeFile(note);
      await file.sync();
    } finally {
      await file.close();
    }
    await this.#lock.check();
    await rename(`${path}.partial`, path);
    await syncDirectory(this.#directory);
  }

  async close(): Promise<void> {
    await this.#lock.release();
  }

  #pathOf(origin: string): string {
    return join(this.#directory, `${createHash('sha256').update(origin).digest('hex')}.note`);
  }
}
