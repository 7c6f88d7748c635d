import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLoomClient, type LoomClient } from '@loom/api-contract';
import { firstPasswordFile, type LocalSecrets, openLocalSecrets } from '@loom/app-standalone/local-secrets';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { listPartitions, readPartition } from '@loom/event-stream';
import { topics, TraceEvent } from '@loom/trace-schema';

const root = fileURLToPath(new URL('../../../../..', import.meta.url));
const entries = {
  gateway: join(root, 'apps/gateway/dist/main.js'),
  backend: join(root, 'apps/standalone/dist/backend.main.js'),
};
const gate = fileURLToPath(new URL('./gate.ts', import.meta.url));
const logCharsMax = 20_000;

/** What owns the outbox, and what owns the sealer. */
export type Victim = keyof typeof entries;
export const victims: readonly Victim[] = ['gateway', 'backend'];

interface Running {
  readonly child: ChildProcess;
  readonly exited: Promise<unknown>;
  readonly ready: Promise<string>;
}

/**
 * The processes of a deployment on one machine, as built and with the same settings, but started by the test alone: it
 * says when a process comes back, and may hold one before its first line. Each does its file work in one thread.
 */
export class FaultyDeployment {
  readonly home: string;
  readonly #engines: TestEngines;
  readonly #secrets: LocalSecrets;
  readonly #env: Record<string, string>;
  readonly #running = new Map<Victim, Running>();
  readonly #urls = new Map<Victim, string>();
  #output = '';

  private constructor(
    home: string,
    engines: TestEngines,
    secrets: LocalSecrets,
    env: Record<string, string>,
  ) {
    this.home = home;
    this.#engines = engines;
    this.#secrets = secrets;
    this.#env = env;
  }

  static async start(env: Record<string, string>): Promise<FaultyDeployment> {
    const home = await mkdtemp(join(tmpdir(), 'loom-faults-'));
    const secrets = await openLocalSecrets(home);
    const deployment = new FaultyDeployment(home, await startTestEngines(), secrets, env);
    for (const victim of ['backend', 'gateway'] as const) await deployment.start(victim);
    return deployment;
  }

  get apiKey(): string {
    return this.#secrets.firstKey;
  }

  get client(): LoomClient {
    const url = this.urlOf('backend');
    return createLoomClient({ queryUrl: url, controlUrl: url, apiKey: this.apiKey });
  }

  urlOf(victim: Victim): string {
    return this.#urls.get(victim) ?? '';
  }

  /** What the processes have printed, or told their parent, since this was asked for last; of much the end. */
  takeOutput(): string {
    const output = this.#output;
    this.#output = '';
    return output;
  }

  pidOf(victim: Victim): number {
    return this.#running.get(victim)?.child.pid ?? 0;
  }

  isRunning(victim: Victim): boolean {
    const child = this.#running.get(victim)?.child;
    return child?.exitCode === null && child.signalCode === null;
  }

  /** Resolves when it is ready; rejects when it ends before. */
  async start(victim: Victim): Promise<void> {
    await this.#spawn(victim, []).ready;
  }

  /** Resolves when it is held before its first line. */
  async startGated(victim: Victim): Promise<void> {
    const { child } = this.#spawn(victim, ['--import', gate]);
    await once(child, 'message');
  }

  /** Resolves when it is ready or has ended. */
  async openGate(victim: Victim): Promise<void> {
    const running = this.#running.get(victim);
    running?.child.send('go');
    await running?.ready.catch(() => undefined);
  }

  async kill(victim: Victim): Promise<void> {
    const running = this.#running.get(victim);
    running?.child.kill('SIGKILL');
    await running?.exited;
  }

  async destroy(): Promise<void> {
    for (const victim of victims) await this.kill(victim);
    await this.#engines.stop();
    await rm(this.home, { recursive: true, force: true });
  }

  /** What stands in the stream, in the order of each emitter. */
  async traceEvents(): Promise<TraceEvent[]> {
    const directory = join(this.home, 'stream');
    const events: TraceEvent[] = [];
    for (const partition of await listPartitions(directory, topics.traces)) {
      for await (const { value } of readPartition(join(directory, topics.traces, partition)))
        events.push(TraceEvent.parse(JSON.parse(value.toString())));
    }
    return events;
  }

  #spawn(victim: Victim, nodeFlags: readonly string[]): Running {
    const child = spawn(process.execPath, ['--enable-source-maps', ...nodeFlags, entries[victim]], {
      env: { PATH: process.env.PATH, ...this.#envOf(victim), ...this.#env, UV_THREADPOOL_SIZE: '1' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (text: Buffer) => this.#keepOutput(text.toString()));
    const ready = new Promise<string>((resolve, reject) => {
      child.on('message', (message: { ready?: true; url: string; failed?: string }) => {
        if (message.ready) resolve(message.url);
        if (message.failed !== undefined) this.#keepOutput(`${victim} did not start: ${message.failed}\n`);
      });
      child.once('exit', (code, signal) =>
        reject(new Error(`${victim} ended: ${code ?? signal}\n${this.#output}`)),
      );
    });
    ready.then((url) => this.#urls.set(victim, url)).catch(() => undefined);
    const running = { child, exited: once(child, 'exit'), ready };
    this.#running.set(victim, running);
    return running;
  }

  #keepOutput(text: string): void {
    this.#output = (this.#output + text).slice(-logCharsMax);
  }

  #envOf(victim: Victim): Record<string, string> {
    const { masterKeys, keyPeppers, firstKey, operatorKey, sessionSecret, ledgerSigner } = this.#secrets;
    const url = this.#urls.get(victim);
    const port = url === undefined ? '0' : new URL(url).port;
    const shared = { LOOM_MASTER_KEYS: masterKeys, LOOM_KEY_PEPPERS: keyPeppers };
    const streamUrl = `log:${join(this.home, 'stream')}`;
    if (victim === 'gateway')
      return {
        ...shared,
        ...{ LOOM_GATEWAY_PORT: port, LOOM_OUTBOX_URL: streamUrl },
        LOOM_GATEWAY_SNAPSHOT_FILE: join(this.home, 'control-snapshot.json'),
      };
    return {
      ...shared,
      ...{ LOOM_BACKEND_PORT: port, LOOM_EVENT_STREAM_URL: streamUrl },
      LOOM_TRACE_STORE_URL: this.#engines.traceStoreUrl,
      LOOM_CONTROL_STORE_URL: this.#engines.controlStoreUrl,
      ...{ LOOM_FIRST_KEY: firstKey, LOOM_OPERATOR_KEY: operatorKey, LOOM_SESSION_SECRET: sessionSecret },
      ...{ LOOM_FIRST_EMAIL: 'admin@loom.test', LOOM_FIRST_PASSWORD: this.#secrets.firstPassword ?? '' },
      LOOM_FIRST_PASSWORD_FILE: firstPasswordFile(this.home),
      LOOM_LEDGER_SIGNER_URL: ledgerSigner.href,
      ...{ LOOM_LEDGER_DIRECTORY: join(this.home, 'ledger'), LOOM_LEDGER_JOURNAL: 'true' },
      LOOM_HOME: this.home,
    };
  }
}
