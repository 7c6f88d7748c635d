import { readFile, rename, writeFile } from 'node:fs/promises';
import { ControlSnapshot, type ControlSnapshotFile } from '@loom/routing';
import type { Logger } from '@loom/telemetry';

const settleMs = 100;

/** The control snapshot beside the outbox (mode 0600, credentials still encrypted): a gateway starts from it alone. */
export class SnapshotFile {
  readonly #path: string;
  readonly #logger: Logger;
  #timer: NodeJS.Timeout | null = null;
  #newest: ControlSnapshot | null = null;
  /** One write at a time: they share the file that is renamed. */
  #writing: Promise<void> = Promise.resolve();

  constructor(path: string, logger: Logger) {
    this.#path = path;
    this.#logger = logger;
  }

  /** Null when there is none, or it cannot be used. */
  async read(): Promise<ControlSnapshot | null> {
    try {
      const file = JSON.parse(await readFile(this.#path, 'utf8')) as ControlSnapshotFile;
      return file.format === 1 ? ControlSnapshot.fromFile(file) : null;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        this.#logger.warn({ error }, 'control snapshot not usable');
      return null;
    }
  }

  /** Writes it soon, once for many changes. */
  keep(snapshot: ControlSnapshot): void {
    this.#newest = snapshot;
    this.#timer ??= setTimeout(() => this.#flush(), settleMs);
  }

  /** Resolves when the newest one is written: a key that was revoked just before a stop stays revoked at the next start. */
  async close(): Promise<void> {
    if (this.#timer) this.#flush();
    await this.#writing;
  }

  #flush(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const snapshot = this.#newest;
    if (!snapshot) return;
    this.#writing = this.#writing
      .then(() => this.#write(snapshot))
      .catch((error: unknown) => this.#logger.error({ error }, 'control snapshot not written'));
  }

  async #write(snapshot: ControlSnapshot): Promise<void> {
    const next = `${this.#path}.next`;
    await writeFile(next, JSON.stringify(snapshot.toFile()), { mode: 0o600 });
    await rename(next, this.#path);
  }
}
