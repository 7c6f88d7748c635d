import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { startMsMax } from './deployment.ts';

export interface FailedStart {
  readonly code: number | null;
  /** The lines on standard error that are no JSON. */
  readonly sentences: readonly string[];
  /** Everything that it printed. */
  readonly output: string;
  /** Processes of it that still run. */
  readonly survivors: readonly number[];
}

/** Runs a built process, which is expected to end by itself, with only these variables of Loom. */
export async function failStart(file: string, env: Readonly<Record<string, string>>): Promise<FailedStart> {
  const main = fileURLToPath(new URL(`../../../../${file}`, import.meta.url));
  const mark = randomUUID(); // its children inherit it
  const inherited = Object.entries(process.env).filter(([name]) => !/^LOOM_|_API_KEY$|^OTEL_/.test(name));
  const child = spawn(process.execPath, [main], {
    env: { ...Object.fromEntries(inherited), START_MARK: mark, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const printed = { output: '', error: '' };
  child.stdout.on('data', (text: Buffer) => (printed.output += text.toString()));
  child.stderr.on('data', (text: Buffer) => (printed.error += text.toString()));
  const kill = setTimeout(() => child.kill('SIGKILL'), startMsMax);
  await once(child, 'close');
  clearTimeout(kill);
  return {
    code: child.exitCode,
    sentences: printed.error.split('\n').filter((line) => line !== '' && !line.startsWith('{')),
    output: printed.output + printed.error,
    survivors: await processesWith(mark),
  };
}

async function processesWith(mark: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map((pid) =>
      readFile(`/proc/${pid}/environ`, 'utf8').then(
        (environment) => (environment.includes(mark) ? [Number(pid)] : []),
        () => [], // it has ended
      ),
    ),
  );
  return found.flat();
}
