import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What tools outside need to find a running deployment (`$LOOM_HOME/runtime.json`, 0600). */
export interface Runtime {
  readonly gatewayUrl: string;
  readonly queryUrl: string;
  readonly controlUrl: string;
  readonly ingestUrl: string;
  /** Null until there is a console. */
  readonly consoleUrl: string | null;
  readonly apiKey: string;
  readonly adminEmail: string | null;
  readonly adminPassword: string | null;
  readonly pids: Readonly<Record<string, number>>;
}

export class RuntimeFile {
  readonly #path: string;

  constructor(home: string) {
    this.#path = join(home, 'runtime.json');
  }

  /** Whole or not at all. */
  async write(runtime: Runtime): Promise<void> {
    const next = `${this.#path}.next`;
    await writeFile(next, `${JSON.stringify(runtime, null, 2)}\n`, { mode: 0o600 });
    await rename(next, this.#path);
  }

  async remove(): Promise<void> {
    await rm(this.#path, { force: true });
  }
}
