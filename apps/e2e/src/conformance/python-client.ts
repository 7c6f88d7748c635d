import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import {
  type Client,
  type ClientSpec,
  type Connection,
  instructions,
  prompts,
  weatherDescription,
  weatherOf,
} from './client-suite.ts';
import { cities } from './scripted-provider.ts';

const run = promisify(execFile);
const openAiVersion = '3.48.0';
const script = join(import.meta.dirname, 'openai-python.py');

/** A Python of its own with the OpenAI client in it, in a temporary folder. */
export class Python {
  /** Why there is none; null when there is one. */
  readonly missing: string | null;
  readonly #folder: string;
  readonly #processes: ChildProcess[] = [];

  private constructor(folder: string, missing: string | null) {
    this.#folder = folder;
    this.missing = missing;
  }

  static async prepare(): Promise<Python> {
    const folder = await mkdtemp(join(tmpdir(), 'loom-python-'));
    const python = join(folder, 'bin/python');
    const install = ['install', '--quiet', '--no-compile', '--disable-pip-version-check'];
    const patience = ['--timeout', '10', '--retries', '1'];
    try {
      await run('python3', ['-m', 'venv', '--without-pip', folder]);
      await run(
        'python3',
        [
          ...['-m', 'pip', '--python', python, ...install, ...patience],
          ...['--only-binary', ':all:', `openai==${openAiVersion}`],
        ],
        { timeout: 90_000 },
      );
      return new Python(folder, null);
    } catch (error) {
      const lines = String(error).trim().split('\n');
      const reason = lines.findLast((line) => line.startsWith('ERROR')) ?? lines.at(-1) ?? 'unknown';
      return new Python(folder, `python3 with venv and pip, and PyPI: ${reason}`);
    }
  }

  start(settings: object): ChildProcess {
    const child = spawn(join(this.#folder, 'bin/python'), [script], {
      env: { PATH: process.env.PATH, LOOM_CONFORMANCE: JSON.stringify(settings) },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#processes.push(child);
    return child;
  }

  async close(): Promise<void> {
    const running = this.#processes.filter(({ exitCode }) => exitCode === null);
    const exits = running.map((child) => once(child, 'exit'));
    for (const child of running) child.stdin?.end();
    await Promise.all(exits);
    await rm(this.#folder, { recursive: true, force: true });
  }
}

function clientOf(python: Python, dialect: string, connection: Connection): Client {
  const degrees = Object.fromEntries(cities.map((city) => [city, weatherOf(city).degrees]));
  const texts = { instructions, prompts, description: weatherDescription };
  const child = python.start({ ...connection, ...texts, dialect, degrees });
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream })[Symbol.asyncIterator]();
  const ask = async (request: object): Promise<never> => {
    child.stdin?.write(`${JSON.stringify(request)}\n`);
    const line = await lines.next();
    if (line.done) throw new Error('Python has ended');
    const { value, error } = JSON.parse(line.value) as { value?: unknown; error?: string };
    if (error !== undefined) throw new Error(error);
    return value as never;
  };
  return {
    chat: (model) => ask({ operation: 'chat', model }),
    stream: (model) => ask({ operation: 'stream', model }),
    callTools: (model, { stream }) => ask({ operation: 'call_tools', model, stream }),
    structured: (model) => ask({ operation: 'structured', model }),
    abort: (model) => ask({ operation: 'abort', model }),
  };
}

export const pythonClients = (python: Python): readonly ClientSpec[] => [
  {
    ...{ name: 'openai for Python, chat', dialect: 'openai-chat', finish: 'stop' },
    models: ['gpt-4o', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
    connect: (connection) => clientOf(python, 'openai-chat', connection),
  },
  {
    ...{ name: 'openai for Python, responses', dialect: 'openai-responses', finish: 'completed' },
    models: ['gpt-4o', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
    connect: (connection) => clientOf(python, 'openai-responses', connection),
  },
];
