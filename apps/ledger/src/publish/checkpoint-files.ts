import { type FileHandle, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { fsyncDirectory } from '@loom/event-stream';

const tailBytes = 64 * 1024;

/**
 * Every published checkpoint, one JSON line each in a synced file per log, kept for ever: what has been shown to somebody
 * must not be forgotten, whatever happens to the store.
 */
export class CheckpointFiles {
  readonly #directory: string;
  readonly #onFailure: (error: unknown) => void;
  readonly #files = new Map<string, FileHandle>();

  private constructor(directory: string, onFailure: (error: unknown) => void) {
    this.#directory = directory;
    this.#onFailure = onFailure;
  }

  /** `onFailure` is told of a write or sync that failed: after it the next one lies, so the process has to end. */
  static async open(directory: string, onFailure: (error: unknown) => void): Promise<CheckpointFiles> {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    return new CheckpointFiles(directory, onFailure);
  }

  /** Resolves when it is on the disk. */
  async append(projectId: string, note: string): Promise<void> {
    try {
      const file = this.#files.get(projectId) ?? (await this.#open(projectId));
      await file.appendFile(`${JSON.stringify({ note })}\n`);
      await file.datasync();
    } catch (error) {
      this.#onFailure(error);
      throw error;
    }
  }

  /** The newest one; null when there is none. A line that a crash cut off does not count. */
  async newest(projectId: string): Promise<string | null> {
    let file: FileHandle;
    try {
      file = await open(this.#pathOf(projectId), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw error;
    }
    try {
      const { size } = await file.stat();
      const buffer = Buffer.alloc(Math.min(size, tailBytes));
      await file.read(buffer, 0, buffer.length, size - buffer.length);
      return newestNote(buffer.toString('utf8'));
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    for (const file of this.#files.values()) await file.close();
  }

  async #open(projectId: string): Promise<FileHandle> {
    const file = await open(this.#pathOf(projectId), 'a', 0o600);
    // What a crash cut off must not swallow the next line.
    if ((await file.stat()).size > 0) await file.appendFile('\n');
    await fsyncDirectory(this.#directory);
    this.#files.set(projectId, file);
    return file;
  }

  #pathOf(projectId: string): string {
    return join(this.#directory, `${encodeURIComponent(projectId)}.ndjson`);
  }
}

function newestNote(text: string): string | null {
  for (const line of text.split('\n').reverse()) {
    try {
      return (JSON.parse(line) as { note: string }).note;
    } catch {
      continue; // empty, or cut off
    }
  }
  return null;
}
