import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const readyTries = 400;
const readyMs = 50;

/** A gateway in a process of its own, which can be killed as a machine kills it. */
export class GatewayProcess {
  readonly url: string;
  readonly #child: ChildProcess;

  private constructor(url: string, child: ChildProcess) {
    this.url = url;
    this.#child = child;
  }

  /** Resolves when it serves calls. */
  static async start(env: Record<string, string>, port: number): Promise<GatewayProcess> {
    const script = fileURLToPath(new URL('../main.ts', import.meta.url));
    const hook = new URL('./register-swc.ts', import.meta.url).href;
    const child = spawn(process.execPath, ['--conditions=loom:source', '--import', hook, script], {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { PATH: process.env.PATH, ...env, LOOM_GATEWAY_PORT: String(port) },
    });
    const url = `http://127.0.0.1:${port}`;
    for (let tries = 0; tries < readyTries && child.exitCode === null; tries += 1) {
      const ready = await fetch(`${url}/readyz`).catch(() => null);
      if (ready?.ok) return new GatewayProcess(url, child);
      await delay(readyMs);
    }
    child.kill('SIGKILL');
    throw new Error(`the gateway's process did not become ready; exit code ${child.exitCode}`);
  }

  /** SIGKILL; resolves when it is gone. */
  async kill(): Promise<void> {
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
