import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const readyMsMax = 60_000;
const pollMs = 50;
const stopMsMax = 10_000;

/** A real server of another project, run by a test or by `start:servers` on loopback. */
export interface RealServer {
  /** Where it is reached, with credentials; the same after a restart. */
  readonly url: URL;
  /** Of the running process; changes with `start`. Throws when there is none. */
  readonly pid: number;
  readonly isRunning: boolean;
  /** SIGSTOP, and resolves when every thread has stopped: connections stay open and nothing answers. */
  pause(): Promise<void>;
  resume(): void;
  /** SIGKILL, and resolves when the process is gone. */
  kill(): Promise<void>;
  /** Clean end; also of a paused server. */
  stop(): Promise<void>;
  /** Runs it again on the same data and port, and resolves when it answers. */
  start(): Promise<void>;
}

export interface ServerCommand {
  /** As it is told in errors: `Apache Kafka`. */
  readonly name: string;
  readonly url: URL;
  readonly command: string;
  readonly args: readonly string[];
  /** Takes stdout and stderr; its end is shown when the server does not come up. */
  readonly logFile: string;
  /** What ends it cleanly and soon. */
  readonly stopSignal: NodeJS.Signals;
  readonly user?: { readonly uid: number; readonly gid: number };
  /** True when the server has answered a request of its own protocol. */
  readonly isReady: () => Promise<boolean>;
}

/** Starts a server and resolves when it answers. It dies with this process, however this process ends. */
export async function startServerProcess(command: ServerCommand): Promise<RealServer> {
  const server = new ServerProcess(command);
  await server.start();
  return server;
}

class ServerProcess implements RealServer {
  readonly #command: ServerCommand;
  #child: ChildProcess | null = null;
  #watcher: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();

  constructor(command: ServerCommand) {
    this.#command = command;
  }

  get url(): URL {
    return this.#command.url;
  }

  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error(`${this.#command.name} is not running`);
    return pid;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  async start(): Promise<void> {
    this.#unwatch(); // of a process that died by itself
    const { command, args, logFile, user } = this.#command;
    const log = openSync(logFile, 'a', 0o644);
    const child = spawn(command, args, { stdio: ['ignore', log, log], ...user });
    closeSync(log);
    this.#child = child;
    let failure: Error | null = null;
    this.#exited = new Promise<void>((resolve) => {
      child.once('exit', () => resolve());
      child.once('error', (error) => {
        failure = error;
        resolve();
      });
    });
    void this.#exited.then(() => {
      if (this.#child === child) this.#child = null;
    });
    child.unref();
    if (child.pid !== undefined) this.#watcher = watch(child.pid);
    const startedAtMs = performance.now();
    while (this.#child === child && performance.now() - startedAtMs < readyMsMax) {
      if (await this.#command.isReady()) return;
      await delay(pollMs);
    }
    await this.kill();
    throw new Error(
      `${this.#command.name} did not start: ${failure === null ? await this.#endOfLog() : String(failure)}`,
    );
  }

  async pause(): Promise<void> {
    const { pid } = this;
    process.kill(pid, 'SIGSTOP');
    while (!(await isStopped(pid))) await delay(1);
  }

  resume(): void {
    process.kill(this.pid, 'SIGCONT');
  }

  async kill(): Promise<void> {
    this.#child?.ref();
    this.#child?.kill('SIGKILL');
    await this.#exited;
    this.#unwatch();
  }

  async stop(): Promise<void> {
    this.#child?.ref();
    this.#child?.kill(this.#command.stopSignal);
    this.#child?.kill('SIGCONT');
    const timer = setTimeout(() => this.#child?.kill('SIGKILL'), stopMsMax);
    await this.#exited;
    clearTimeout(timer);
    this.#unwatch();
  }

  #unwatch(): void {
    this.#watcher?.kill('SIGKILL');
    this.#watcher = null;
  }

  async #endOfLog(): Promise<string> {
    const log = await readFile(this.#command.logFile, 'utf8');
    return `the end of ${this.#command.logFile}:\n${log.split('\n').slice(-20).join('\n')}`;
  }
}

// A shell that reads from a pipe which nobody writes to: when this process is gone, even by SIGKILL, the pipe ends and
// the shell kills the server.
function watch(pid: number): ChildProcess {
  const watcher = spawn('sh', ['-c', 'cat >/dev/null; kill -9 "$0"', String(pid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  watcher.unref();
  (watcher.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return watcher;
}

/**
 * Ports that are free on loopback, all different. They are below those that the system gives to connections and to
 * servers that ask for any: one of these could take a port before the server that it is for has started.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries > triesMax) throw new Error(`no ${count} free ports from ${lowestPort} on`);
    const port = lowestPort + randomInt(portRange);
    if (await isFree(port)) ports.add(port);
  }
  return [...ports];
}

const [lowestPort, portRange, triesMax] = [20_000, 12_000, 1000];

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** The signal is sent at once and reaches the threads of a busy machine later: until then they still answer. */
async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const states = await Promise.all(
    threads.map(async (thread) => {
      const stat = await readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => ''); // it has ended
      return /\) (\w)/.exec(stat)?.[1] ?? 'T';
    }),
  );
  return states.every((state) => state === 'T' || state === 'Z');
}
