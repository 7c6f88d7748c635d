import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const survivorsMs = 20_000;

/** What tools outside need to find a running deployment (`$LOOM_HOME/runtime.json`, 0600). */
export interface Runtime {
  readonly gatewayUrl: string;
  /** Where there are several. */
  readonly gatewayUrls?: readonly string[];
  /** Where each process tells its state, by name; without the engines. */
  readonly services?: Readonly<Record<string, string>>;
  /** The event stream of servers, with its credentials. */
  readonly eventStreamUrl?: string;
  readonly queryUrl: string;
  readonly controlUrl: string;
  readonly ingestUrl: string;
  readonly consoleUrl: string;
  readonly apiKey: string;
  readonly adminEmail: string;
  /** Null once it was changed. */
  readonly adminPassword: string | null;
  readonly pids: Readonly<Record<string, number>>;
}

export class RuntimeFile {
  readonly #path: string;

  constructor(home: string) {
    this.#path = join(home, 'runtime.json');
  }

  get path(): string {
    return this.#path;
  }

  /** Whole or not at all. */
  async write(runtime: Runtime): Promise<void> {
    const next = `${this.#path}.next`;
    await writeFile(next, `${JSON.stringify(runtime, null, 2)}\n`, { mode: 0o600 });
    await rename(next, this.#path);
  }

  /**
   * Waits for processes of a deployment whose supervisor was killed: they end by themselves, and hold the engines'
   * directories until then. Gives up after a while; what still holds a directory is then named by whoever needs it.
   */
  async survivorsGone(): Promise<void> {
    const pids = await this.#pids();
    const deadline = Date.now() + survivorsMs;
    while (pids.some(isAlive) && Date.now() < deadline) await delay(100);
  }

  async #pids(): Promise<number[]> {
    try {
      return Object.values((JSON.parse(await readFile(this.#path, 'utf8')) as Runtime).pids);
    } catch {
      return []; // a clean stop leaves no file
    }
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
