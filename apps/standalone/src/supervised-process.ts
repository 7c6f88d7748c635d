import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { LoomError } from '@loom/errors';
import type { Logger } from '@loom/telemetry';

export interface ProcessSpec<Ready extends object> {
  readonly name: string;
  /** Absolute path of the file that Node runs. */
  readonly entry: string;
  readonly nodeFlags?: readonly string[];
  /** Asked at every start; knows what the first start has said, so that ports stay the same. */
  readonly launch: (before: Ready | null) => {
    readonly args: readonly string[];
    readonly env: NodeJS.ProcessEnv;
  };
  /** Until it must have said that it is ready. Milliseconds. */
  readonly readyMs: number;
}

const restartMsMin = 100;
const restartMsMax = 5_000;
/** A process that has lived this long starts with the shortest pause again. Milliseconds. */
const healthyMs = 10_000;
const stopMs = 20_000;

/**
 * A child process that is started again when it dies. It tells that it is ready over its IPC channel, and ends by
 * itself when that channel closes: it does not outlive its parent.
 */
export class SupervisedProcess<Ready extends object> {
  readonly #spec: ProcessSpec<Ready>;
  readonly #logger: Logger;
  readonly #onChange: () => void;
  #child: ChildProcess | null = null;
  #ready: Ready | null = null;
  #stopping = false;
  #pauseMs = restartMsMin;
  #running: Promise<void> = Promise.resolve();

  constructor(spec: ProcessSpec<Ready>, logger: Logger, onChange: () => void) {
    this.#spec = spec;
    this.#logger = logger;
    this.#onChange = onChange;
  }

  get name(): string {
    return this.#spec.name;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resolves with what it said when it was ready; rejects when its first start fails. */
  async start(): Promise<Ready> {
    const ready = await this.#launch();
    this.#running = this.#keepRunning();
    return ready;
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    const child = this.#child;
    if (child && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), stopMs);
      await exited;
      clearTimeout(kill);
    }
    await this.#running;
  }

  async #keepRunning(): Promise<void> {
    while (!this.#stopping) {
      const child = this.#child;
      const startedAt = Date.now();
      if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
      if (this.#stopping) return;
      if (Date.now() - startedAt > healthyMs) this.#pauseMs = restartMsMin;
      const { exitCode, signalCode } = child ?? {};
      this.#logger.warn({ name: this.name, exitCode, signalCode, pauseMs: this.#pauseMs }, 'process died');
      await new Promise((resolve) => setTimeout(resolve, this.#pauseMs));
      this.#pauseMs = Math.min(restartMsMax, this.#pauseMs * 2);
      if (this.#stopping) return;
      await this.#launch().catch((error: unknown) =>
        this.#logger.error({ name: this.name, error }, 'restart failed'),
      );
    }
  }

  async #launch(): Promise<Ready> {
    const { args, env } = this.#spec.launch(this.#ready);
    const child = spawn(process.execPath, [...(this.#spec.nodeFlags ?? []), this.#spec.entry, ...args], {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true, // Ctrl-C reaches the supervisor alone: it stops the processes in their order
    });
    this.#child = child;
    const ready = await this.#readyMessage(child);
    this.#ready = ready;
    this.#onChange();
    return ready;
  }

  #readyMessage(child: ChildProcess): Promise<Ready> {
    return new Promise((resolve, reject) => {
      const fail = (why: string) => {
        clearTimeout(timer);
        child.kill('SIGKILL');
        reject(new LoomError('unavailable', `${this.name}: ${why}`));
      };
      const timer = setTimeout(
        () => fail(`it was not ready after ${this.#spec.readyMs / 1000} s; its log says why`),
        this.#spec.readyMs,
      );
      child.once('exit', (code, signal) => fail(`it ended with ${code ?? signal}; its log says why`));
      child.once('error', (error) => fail(error.message));
      child.on('message', (message: { ready?: true; failed?: string }) => {
        if (message.failed !== undefined) fail(message.failed);
        if (message.ready !== true) return;
        clearTimeout(timer);
        child.removeAllListeners('exit');
        resolve(message as Ready);
      });
    });
  }
}
