import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

/** The system calls by which Node's file functions change a disk. */
const fileCalls = ['write', 'writev', 'pwrite64', 'pwritev', 'fsync', 'fdatasync', 'rename', 'renameat2'];
export const faults = ['EIO', 'ENOSPC', 'KILL'] as const;
type Fault = (typeof faults)[number];

/** A call that was made, of the thread that is traced. */
export interface FileCall {
  readonly name: string;
  /** Of a rename the new name. */
  readonly path: string;
}

export interface Injection {
  readonly fault: Fault;
  readonly name: string;
  /** At the n-th call of this name from now on (1 is the next one), of those that concern one of `paths` … */
  readonly at: number;
  /** … or of all; a rename counts by its old name. */
  readonly paths: readonly string[] | null;
}

const attachMsMax = 10_000;
const lookMs = 10;

/** What this machine lacks to inject faults, with the remedy; null when nothing. */
export function missingForStrace(): string | null {
  try {
    execFileSync('strace', ['--version'], { stdio: 'ignore' });
  } catch {
    return 'strace: apt-get install strace';
  }
  const traced = spawn('sleep', ['10'], { stdio: 'ignore' });
  try {
    const args = ['-s', 'INT', '0.3', 'strace', '-qq', '-p', String(traced.pid)];
    execFileSync('timeout', args, { stdio: 'pipe', encoding: 'utf8' });
    return null;
  } catch (error) {
    const { status, stderr } = error as { status: number; stderr: string };
    const hasTraced = status === 124; // until `timeout` ended it
    return hasTraced ? null : `leave to trace another process (ptrace): ${stderr.trim()}`;
  } finally {
    traced.kill('SIGKILL');
  }
}

/**
 * Traces the one thread that does a process' file work (it runs with `UV_THREADPOOL_SIZE=1`): sockets and log lines are
 * other threads', so that the n-th sync or rename is always one of a file. Writes wake the event loop as well: those are
 * told apart by their paths.
 */
export class Injector {
  readonly #strace: ChildProcess;
  readonly #log: string;
  readonly #exited: Promise<unknown>;

  private constructor(strace: ChildProcess, log: string) {
    this.#strace = strace;
    this.#log = log;
    this.#exited = once(strace, 'exit');
  }

  /** Resolves when the thread is traced. Without an injection calls are only written down. */
  static async attach(pid: number, log: string, injection: Injection | null): Promise<Injector> {
    const thread = await fileThreadOf(pid);
    const args = ['-qq', '-y', '-o', log, '-p', String(thread)];
    if (injection) {
      const { name, fault, at, paths } = injection;
      args.push('-e', `trace=${name}`, ...(paths ?? []).flatMap((path) => ['-P', path]));
      args.push('-e', `inject=${name}:${fault === 'KILL' ? 'signal=KILL' : `error=${fault}`}:when=${at}`);
    } else args.push('-e', `trace=${fileCalls.map((name) => `?${name}`).join(',')}`);
    const injector = new Injector(spawn('strace', args, { stdio: ['ignore', 'ignore', 'ignore'] }), log);
    const deadline = performance.now() + attachMsMax;
    while (!(await isTraced(pid, thread))) {
      if (performance.now() > deadline) throw new Error(`strace does not trace thread ${thread} of ${pid}`);
      await delay(lookMs);
    }
    return injector;
  }

  /** The call that the fault came to; null while it has not. */
  async hit(): Promise<FileCall | null> {
    const lines = await this.#lines();
    const at = lines.findIndex((line) => line.includes('(INJECTED)') || line.includes('+++ killed by'));
    const line = lines[at] ?? '';
    return at < 0 ? null : callOf(line.startsWith('+++') ? (lines[at - 1] ?? '') : line);
  }

  /** Those that concern files, in order. */
  async calls(): Promise<FileCall[]> {
    return (await this.#lines())
      .flatMap((line) => callOf(line) ?? [])
      .filter(({ path }) => path.startsWith('/'));
  }

  async detach(): Promise<void> {
    if (this.#strace.exitCode !== null || this.#strace.signalCode !== null) return;
    this.#strace.kill('SIGTERM');
    await this.#exited;
  }

  async #lines(): Promise<string[]> {
    return (await readFile(this.#log, 'utf8').catch(() => '')).split('\n');
  }
}

function callOf(line: string): FileCall | null {
  const name = /^(\w+)\(/.exec(line)?.[1];
  const path = /^rename\w*\(.*"([^"]*)"/.exec(line)?.[1] ?? /<([^>]*)>/.exec(line)?.[1];
  return name === undefined || path === undefined ? null : { name, path };
}

async function fileThreadOf(pid: number): Promise<number> {
  const threads: number[] = [];
  for (const thread of await readdir(`/proc/${pid}/task`)) {
    const name = await readFile(`/proc/${pid}/task/${thread}/comm`, 'utf8');
    if (name.trim() === 'libuv-worker') threads.push(Number(thread));
  }
  const [thread] = threads;
  if (thread === undefined || threads.length > 1)
    throw new Error(`process ${pid} has ${threads.length} threads for files; it has to have one`);
  return thread;
}

async function isTraced(pid: number, thread: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/task/${thread}/status`, 'utf8');
  return !/^TracerPid:\s+0$/m.test(status);
}
