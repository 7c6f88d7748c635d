import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLoomClient, type LoomClient } from '@loom/api-contract';
import { eventually, onServers, type Runtime, startMsMax } from './testing/deployment.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** The shell blocks of a section of the runbook, in order, without their indentation. */
async function commandsOf(section: string): Promise<string[]> {
  const text = await readFile(join(root, 'docs/runbook.md'), 'utf8');
  const [, after = ''] = text.split(new RegExp(`^#+ ${section}$`, 'm'));
  const [own = ''] = after.split(/^#+ /m);
  return [...own.matchAll(/^ *```sh\n(.*?)\n *```$/gms)].map(([, block = '']) =>
    block.replace(/^ {3}/gm, ''),
  );
}

interface Call {
  readonly status: number;
  readonly traceId: string;
  readonly receipt: string;
}

/** One machine, on which somebody types what the runbook says. */
class Machine {
  readonly home: string;
  readonly #env: NodeJS.ProcessEnv;
  #started: ChildProcess | null = null;
  #variables = '';

  constructor(directory: string) {
    this.home = join(directory, 'home');
    const inherited = Object.entries(process.env).filter(([name]) => !/^LOOM_|_API_KEY$/.test(name));
    this.#env = {
      ...Object.fromEntries(inherited),
      LOOM_HOME: this.home,
      BACKUP: join(directory, 'backup.tar.gz'),
      LOOM_SKIP_BUILD: '1',
      ...{ LOOM_GATEWAY_PORT: '0', LOOM_BACKEND_PORT: '0', LOOM_CONSOLE_PORT: '0' },
    };
  }

  async follow(section: string): Promise<void> {
    const [variables = ''] = await commandsOf('Backup and restore on one machine');
    this.#variables = variables;
    const blocks = await commandsOf(section);
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) await (block.trim() === 'npm start' ? this.start() : this.type(block));
  }

  async type(commands: string): Promise<string> {
    const script = `${this.#variables}\n${commands}`;
    return (await run('bash', ['-euo', 'pipefail', '-c', script], { cwd: root, env: this.#env })).stdout;
  }

  async start(): Promise<void> {
    this.#started = spawn('npm', ['start'], { cwd: root, env: this.#env, stdio: 'ignore' });
    await eventually(() => Promise.resolve(existsSync(join(this.home, 'runtime.json'))), Boolean, startMsMax);
  }

  async runtime(): Promise<Runtime> {
    return JSON.parse(await readFile(join(this.home, 'runtime.json'), 'utf8')) as Runtime;
  }

  async client(): Promise<LoomClient> {
    return createLoomClient({
      ...(await this.runtime()),
      apiKey: (await readFile(join(this.home, 'secrets/operator-key'), 'utf8')).trim(),
    });
  }

  async call(content: string, key?: string): Promise<Call> {
    const { gatewayUrl, apiKey } = await this.runtime();
    const response = await fetch(`${gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key ?? apiKey}` },
      body: JSON.stringify({ model: 'loom-sim', messages: [{ role: 'user', content }] }),
    });
    await response.text();
    const header = (name: string) => response.headers.get(name) ?? '';
    return { status: response.status, traceId: header('x-loom-trace-id'), receipt: header('x-loom-receipt') };
  }

  /** As a machine that burns. */
  async destroy(): Promise<void> {
    const { pids } = await this.runtime();
    for (const pid of Object.values(pids)) process.kill(pid, 'SIGKILL');
    const child = this.#started;
    if (child && child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(this.home, { recursive: true, force: true });
  }
}

let directory: string;
let machine: Machine;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'loom-backup-'));
  machine = new Machine(directory);
  await machine.start();
}, 2 * startMsMax);
afterAll(async () => {
  if (existsSync(machine.home)) await machine.destroy();
  await rm(directory, { recursive: true, force: true });
});

/** The call with its figures and its proof. */
async function recorded(traceId: string) {
  const client = await machine.client();
  const { spans } = await eventually(
    () => client.getTrace({ params: { traceId } }),
    (trace) => trace.spans[0]?.costState === 'priced',
  );
  const [span] = spans;
  if (!span?.callId) throw new Error(`trace ${traceId} has no call`);
  return { request: span.request, response: span.response, usage: span.usage, cost: span.cost };
}

const onOneMachine = onServers ? describe.skip : describe;
onOneMachine('the runbook', () => {
  it(
    'restores one machine: calls with prices and proofs, keys, and the bundle of before',
    async () => {
      const { key, secret } = await (await machine.client()).createKey({ body: { name: 'before' } });
      await eventually(
        () => machine.call('a key', secret),
        ({ status }) => status === 200,
      );
      const calls = await Promise.all(['one', 'two', 'three'].map((text) => machine.call(text)));
      const before = await Promise.all(calls.map(({ traceId }) => recorded(traceId)));

      await machine.follow('Back up one machine');

      const late = await machine.call('after the backup');
      await recorded(late.traceId);
      const lateKey = await (await machine.client()).createKey({ body: { name: 'after' } });
      await machine.destroy();

      await machine.follow('Restore one machine');

      expect(await Promise.all(calls.map(({ traceId }) => recorded(traceId)))).toEqual(before);
      const client = await machine.client();
      await expect(client.getTrace({ params: { traceId: late.traceId } })).rejects.toMatchObject({
        code: 'not_found',
      });
      const { keys } = await client.listKeys();
      expect(keys.map(({ id }) => id)).toContain(key.id);
      expect((await machine.call('the key of before', secret)).status).toBe(200);
      expect((await machine.call('a key that is lost', lateKey.secret)).status).toBe(401);
      const next = await machine.call('after the restore');
      await recorded(next.traceId);
      // Both end with 1 when something is wrong.
      for (const { receipt } of [...calls, next])
        await eventually(
          () => machine.type(`npm run --silent loom -- verify receipt '${receipt}'`),
          Boolean,
          60_000,
        );
      await machine.type('npm run --silent loom -- fsck --deep');
    },
    6 * startMsMax,
  );
});
