import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface TestEngines {
  readonly traceStoreUrl: string;
  readonly controlStoreUrl: string;
  readonly directory: string;
  /** Ends the engines as a crash would. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** Starts them again on the same directory under the same URLs; after `kill`. */
  restart(): Promise<void>;
  /** Ends them and removes the directory. */
  stop(): Promise<void>;
}

interface Started {
  readonly child: ChildProcess;
  readonly traceStoreUrl: string;
  readonly controlStoreUrl: string;
}

/** The real engine host, from its sources, in a process of its own on a temporary directory. */
export async function startTestEngines(): Promise<TestEngines> {
  const directory = await mkdtemp(join(tmpdir(), 'loom-engines-'));
  let started = await start({ directory });
  const { traceStoreUrl, controlStoreUrl } = started;
  const end = async (signal: NodeJS.Signals) => {
    if (started.child.exitCode !== null || started.child.signalCode !== null) return;
    const exited = once(started.child, 'exit');
    started.child.kill(signal);
    await exited;
  };
  return {
    traceStoreUrl,
    controlStoreUrl,
    directory,
    kill: () => end('SIGKILL'),
    restart: async () => {
      const [trace, control] = [new URL(traceStoreUrl), new URL(controlStoreUrl)];
      const traceStorePort = Number(trace.port);
      const controlStorePort = Number(control.port);
      started = await start({ directory, traceStorePort, controlStorePort, password: trace.password });
    },
    stop: async () => {
      await end('SIGTERM');
      await rm(directory, { recursive: true, force: true });
    },
  };
}

async function start(options: Record<string, unknown>): Promise<Started> {
  const main = fileURLToPath(new URL('../main.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=loom:source', main, JSON.stringify(options)], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    env: { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: '16', NODE_NO_WARNINGS: '1' },
  });
  const [message] = (await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => [{ failed: `it ended with ${String(code)}` }]),
  ])) as [{ ready?: true; failed?: string; traceStoreUrl: string; controlStoreUrl: string }];
  if (!message.ready) throw new Error(`the engine host did not start: ${message.failed ?? ''}`);
  return { child, traceStoreUrl: message.traceStoreUrl, controlStoreUrl: message.controlStoreUrl };
}
