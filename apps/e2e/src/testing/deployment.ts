import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createLoomClient, type LoomClient } from '@loom/api-contract';
import { type EventStream, listPartitions, openEventStream, PartitionReader } from '@loom/event-stream';
import { TraceEvent } from '@loom/trace-schema';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
/** LOOM_TEST_DEPLOYMENT=servers runs every suite of this folder on real servers, as `npm run start:servers` does. */
export const onServers = process.env.LOOM_TEST_DEPLOYMENT === 'servers';
const main = join(root, onServers ? 'apps/e2e/dist/servers/servers.main.js' : 'apps/standalone/dist/main.js');
/** How long a start may take: a hook that starts a deployment needs more. Milliseconds. */
export const startMsMax = onServers ? 180_000 : 60_000;

export interface Runtime {
  readonly gatewayUrl: string;
  readonly gatewayUrls?: readonly string[];
  readonly eventStreamUrl?: string;
  readonly ingestUrl?: string;
  readonly queryUrl: string;
  readonly controlUrl: string;
  readonly consoleUrl: string;
  readonly apiKey: string;
  readonly adminEmail: string;
  readonly adminPassword: string;
  readonly pids: Readonly<Record<string, number>>;
}

/** What `npm start` starts, or `npm run start:servers`, from the build, on a home of its own and free ports. */
export class Deployment {
  readonly home: string;
  readonly #env: Record<string, string>;
  #child: ChildProcess | null = null;
  #output = '';

  private constructor(home: string, env: Record<string, string>) {
    this.home = home;
    this.#env = env;
  }

  /** `parent`: where its home is made. */
  static async start(env: Record<string, string> = {}, parent = tmpdir()): Promise<Deployment> {
    if (!existsSync(main)) throw new Error(`${main} is not built; run the tests by npm test`);
    const deployment = new Deployment(await mkdtemp(join(parent, 'loom-e2e-')), env);
    await deployment.start();
    return deployment;
  }

  async start(): Promise<void> {
    const file = join(this.home, 'runtime.json');
    await rm(file, { force: true }); // of a life that was killed
    const inherited = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !/_API_KEY$|_BASE_URL$|^LOOM_/.test(name)),
    );
    this.#child = spawn(process.execPath, [main], {
      env: {
        ...inherited,
        LOOM_HOME: this.home,
        LOOM_GATEWAY_PORT: '0',
        LOOM_BACKEND_PORT: '0',
        LOOM_QUERY_PORT: '0',
        LOOM_CONTROL_PORT: '0',
        LOOM_CONSOLE_PORT: '0',
        ...this.#env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (text: Buffer) => (this.#output = (this.#output + text.toString()).slice(-100_000)));
    }
    for (let tries = 0; !existsSync(file); tries += 1) {
      if (this.#child.exitCode !== null || tries > startMsMax / 50)
        throw new Error(`Loom did not start:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** What the processes have printed, the newest part. */
  get output(): string {
    return this.#output;
  }

  async runtime(): Promise<Runtime> {
    return JSON.parse(await readFile(join(this.home, 'runtime.json'), 'utf8')) as Runtime;
  }

  async client(apiKey?: string): Promise<LoomClient> {
    const runtime = await this.runtime();
    return createLoomClient({ ...runtime, apiKey: apiKey ?? runtime.apiKey });
  }

  secret(name: string): Promise<string> {
    return readFile(join(this.home, 'secrets', name), 'utf8').then((text) => text.trim());
  }

  /** As Ctrl-C does; resolves with the exit code. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    await exited;
    return child.exitCode;
  }

  async destroy(): Promise<void> {
    await this.stop();
    await rm(this.home, { recursive: true, force: true });
  }

  /** The event stream of this deployment; the caller closes it. */
  async openStream(): Promise<EventStream> {
    const { eventStreamUrl } = await this.runtime();
    return openEventStream(new URL(eventStreamUrl ?? `log:${join(this.home, 'stream')}`));
  }

  /** Every event of a topic as it stands in the stream, by partition, in order; what is there twice, once. */
  async eventsOf(topic: string): Promise<Map<string, unknown[]>> {
    if (onServers) return this.#eventsOfServers(topic);
    const directory = join(this.home, 'stream');
    const partitions = new Map<string, unknown[]>();
    for (const partition of await listPartitions(directory, topic)) {
      const reader = new PartitionReader(join(directory, topic, partition), 0);
      const events: unknown[] = [];
      for (;;) {
        const records = await reader.read({ recordsMax: 10_000, bytesMax: 64 * 1024 * 1024 });
        if (records.length === 0) break;
        for (const record of records) events.push(JSON.parse(record.value.toString()));
      }
      await reader.close();
      partitions.set(partition, events);
    }
    return partitions;
  }

  async #eventsOfServers(topic: string): Promise<Map<string, unknown[]>> {
    const stream = await this.openStream();
    const partitions = new Map<string, unknown[]>();
    const seen = new Set<string>();
    const tail = await stream.tail({ topics: [topic], from: 'beginning' }, (records) => {
      for (const record of records) {
        const id = record.headers['ce_id'] ?? '';
        if (seen.has(id) && id !== 'poison') continue;
        seen.add(id);
        const events = partitions.get(record.partition) ?? [];
        partitions.set(record.partition, events);
        events.push(JSON.parse(record.value.toString()));
      }
    });
    await tail.close();
    await stream.close();
    return partitions;
  }

  async traceEvents(): Promise<TraceEvent[]> {
    const partitions = await this.eventsOf('loom.traces.v1');
    return [...partitions.values()].flat().map((event) => TraceEvent.parse(event));
  }
}

/** Asks until the answer holds; says what was last seen when it does not. */
export async function eventually<Value>(
  ask: () => Promise<Value>,
  holds: (value: Value) => boolean,
  timeoutMs = 20_000,
): Promise<Value> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const value = await ask();
      last = value;
      if (holds(value)) return value;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(
    `not so after ${timeoutMs} ms; last seen: ${last instanceof Error ? last.stack : JSON.stringify(last)}`,
  );
}
