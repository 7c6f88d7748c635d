import { randomUUID } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { LoomError } from '@loom/errors';

/**
 * Who may write to the directory of a witness: a file that only one process can create, with its process id. One that a dead
 * process has left is taken over. A process id says nothing across machines and containers: so the holder also looks, before
 * each write, whether the lock is still its own.
 */
export class WitnessLock {
  readonly #path: string;
  readonly #text: string;

  private constructor(path: string, text: string) {
    this.#path = path;
    this.#text = text;
  }

  /** Throws `conflict` when a process that lives holds it. */
  static async take(directory: string): Promise<WitnessLock> {
    const path = join(directory, 'lock');
    const text = `${process.pid} ${randomUUID()}\n`;
    if (!(await create(path, text))) {
      const holder = await readFile(path, 'utf8').catch(() => '');
      if (lives(path, Number.parseInt(holder, 10)))
        throw new LoomError(
          'conflict',
          `another witness (process ${holder.split(' ')[0] ?? ''}) uses ${directory}; if none does, delete ${path}`,
        );
      await rename(path, `${path}.stale`);
      if (!(await create(path, text)))
        throw new LoomError('conflict', `another witness has just begun to use ${directory}`);
    }
    held.add(path);
    return new WitnessLock(path, text);
  }

  /** Throws `conflict` when somebody has taken it away. */
  async check(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    if (text !== this.#text) throw new LoomError('conflict', `${this.#path} is no longer of this witness`);
  }

  async release(): Promise<void> {
    held.delete(this.#path);
    if ((await readFile(this.#path, 'utf8').catch(() => '')) === this.#text) await rm(this.#path);
  }
}

async function create(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Directories whose lock this process holds. */
const held = new Set<string>();

function lives(path: string, pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  // A container that is started anew has the process id that it had before.
  if (pid === process.pid) return held.has(path);
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
