import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { LoomError } from '@loom/errors';

const readyMs = 20_000;
const stopMs = 10_000;

/** A Node process of its own that has said `{ ready: true, … }` over its IPC channel. It ends when the channel closes. */
export interface Child<Ready> {
  readonly process: ChildProcess;
  readonly pid: number;
  readonly ready: Ready;
  stop(): Promise<void>;
}

/** Starts a module in a process of its own; `specifier` is what `import.meta.resolve` gives. Rejects when it does not get ready. */
export async function startChild<Ready extends object>(
  specifier: string,
  options: {
    readonly args?: readonly string[];
    readonly env?: NodeJS.ProcessEnv;
    readonly flags?: readonly string[];
  } = {},
): Promise<Child<Ready>> {
  const entry = fileURLToPath(specifier);
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', ...(options.flags ?? []), entry, ...(options.args ?? [])],
    { env: options.env ?? process.env, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
  );
  const exited = once(child, 'exit').then(() => undefined);
  const ready = await Promise.race([
    once(child, 'message').then(([message]) => message as Ready),
    exited,
    new Promise<undefined>((resolve) => setTimeout(resolve, readyMs, undefined).unref()),
  ]);
  if (!ready || child.pid === undefined) {
    child.kill('SIGKILL');
    throw new LoomError(
      'unavailable',
      `${entry} ended or was not ready within ${readyMs} ms; its messages are above`,
    );
  }
  return { process: child, pid: child.pid, ready, stop: () => stop(child, exited) };
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  const kill = setTimeout(() => child.kill('SIGKILL'), stopMs);
  await exited;
  clearTimeout(kill);
}
