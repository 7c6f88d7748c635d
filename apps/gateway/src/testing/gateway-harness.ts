import { createServer, type Server } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSecret, newApiKey, seal } from '@loom/control-store/secrets';
import { listPartitions, openEventStream, PartitionReader } from '@loom/event-stream';
import { createLogger, Metrics } from '@loom/telemetry';
import {
  type ApiKeyRecord,
  type ControlChanged,
  eventReader,
  type ProjectRecord,
  type ProviderRecord,
  type RouteSettings,
  readEventOf,
  topics,
  TraceEvent,
} from '@loom/trace-schema';
import { readGatewayConfig } from '../config.ts';
import { type Gateway, openGateway } from '../gateway.ts';

const pepper = 'test-pepper';
const masterKeys = new Map([['test', Buffer.alloc(32, 7)]]);

/** A whole gateway on a temporary outbox and a free port, with one project, for tests. Nothing of it is a stand-in. */
export class GatewayHarness {
  readonly home: string;
  readonly token: string;
  readonly keyId: string;
  readonly failures: unknown[] = [];
  #server: Server | null = null;
  #gateway: Gateway | null = null;
  #metrics = new Metrics({ processMetrics: false });
  #version = 0;
  #port = 0;
  readonly #env: Record<string, string>;

  private constructor(home: string, env: Record<string, string>, key: { id: string; text: string }) {
    this.home = home;
    this.#env = env;
    this.token = key.text;
    this.keyId = key.id;
  }

  static async start(
    env: Record<string, string> = {},
    project: Partial<ProjectRecord> = {},
    directory = tmpdir(),
  ): Promise<GatewayHarness> {
    const home = await mkdtemp(join(directory, 'loom-gateway-'));
    const key = newApiKey();
    const harness = new GatewayHarness(home, env, key);
    await harness.publish({
      entity: 'project',
      value: {
        id: 'p1',
        organizationId: 'o1',
        name: 'test',
        capture: 'strict',
        content: 'searchable',
        ...project,
      },
    });
    await harness.publishKey(key, {});
    await harness.open();
    return harness;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** The value of a metric without labels, since the last open. */
  async metric(name: string): Promise<number> {
    const { body } = await this.#metrics.render();
    return Number(new RegExp(`^${name} (.+)$`, 'm').exec(body)?.[1]);
  }

  get gateway(): Gateway {
    if (!this.#gateway) throw new Error('the gateway is not open');
    return this.#gateway;
  }

  /** Of this gateway; a sibling on the same outbox has all but the file. */
  get env(): Record<string, string> {
    return {
      LOOM_OUTBOX_URL: `log:${this.home}/stream`,
      LOOM_GATEWAY_SNAPSHOT_FILE: join(this.home, 'snapshot.json'),
      LOOM_MASTER_KEYS: `test:${Buffer.alloc(32, 7).toString('base64')}`,
      LOOM_KEY_PEPPERS: `1:${pepper}`,
      ...this.#env,
    };
  }

  async open(): Promise<void> {
    const config = readGatewayConfig(this.env);
    const gateway = await openGateway({
      config,
      logger: createLogger({ service: 'test', level: 'silent' }),
      metrics: (this.#metrics = new Metrics({ processMetrics: false })),
      onOutboxFailure: (error) => this.failures.push(error),
    });
    this.#gateway = gateway;
    const server = createServer((request, response) => gateway.edge.handle(request, response));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    await this.#gateway?.close();
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
    this.#gateway = null;
  }

  /** As kill -9 does: nothing more is written, the lock of the outbox is free, connections break. */
  async die(): Promise<void> {
    this.breakOutbox();
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve));
    await this.#gateway?.close();
    this.#gateway = null;
  }

  /** The next write to the outbox fails, as on a disk that is broken. */
  breakOutbox(): void {
    this.gateway.outbox.failWith(new Error('EIO: injected'));
  }

  async destroy(): Promise<void> {
    if (this.#gateway) await this.close();
    await rm(this.home, { recursive: true, force: true });
  }

  /** A provider of the deployment; its credential is sealed as control would. */
  async provider(
    value: Partial<ProviderRecord> & { baseUrl: string },
    credential: string | null = 'sk-provider-0123456789',
  ): Promise<void> {
    const id = value.name ?? 'openai';
    await this.publish({
      entity: 'provider',
      value: {
        id,
        organizationId: null,
        name: id,
        kind: 'openai',
        origin: 'environment',
        enabled: true,
        models: ['gpt-*'],
        sealedCredential:
          credential === null
            ? null
            : seal(masterKeys, credential, { organizationId: '', recordId: id, field: 'credential' }),
        ...value,
      },
    });
    await this.settled();
  }

  /** An alias of the model "gpt-x" at a provider, with other ways as the settings say. */
  async route(alias: string, settings: Partial<RouteSettings>, provider = 'one'): Promise<void> {
    await this.publish({
      entity: 'alias',
      value: {
        ...{ id: alias, projectId: 'p1', alias, provider, model: 'gpt-x' },
        route: {
          ...{ weight: 1, balance: [], fallbacks: [], retries: 0, fallbackOn: ['error', 'context_window'] },
          timeouts: {},
          ...settings,
        },
      } as { id: string },
    });
    await this.settled();
  }

  async publishKey(key: { id: string; secret: string }, change: Partial<ApiKeyRecord>): Promise<void> {
    await this.publish({
      entity: 'apiKey',
      value: {
        id: key.id,
        organizationId: 'o1',
        projectId: 'p1',
        name: 'test key',
        scopes: ['call'],
        secretHash: hashSecret(pepper, key.secret),
        pepperVersion: 1,
        expiresAtMs: null,
        revokedAtMs: null,
        createdAtMs: 0,
        ...change,
      },
    });
  }

  /** Says something on the control topic, as the control service does. */
  async publish(change: { entity: ControlChanged['entity']; value: { id: string } }): Promise<void> {
    const stream = await openEventStream(new URL(`log:${this.home}/stream`));
    const producer = await stream.producer(topics.control);
    const version = (this.#version += 1);
    const entityId = change.value.id;
    const changed = { id: `${version}`, type: 'control.changed', entityId, version, ...change };
    const completed = { id: `${version}-completed`, type: 'control.snapshot-completed', version };
    const record = (value: object) => ({
      key: entityId,
      headers: {},
      value: Buffer.from(JSON.stringify(value)),
    });
    await producer.append([record(changed), record(completed)]);
    await stream.close();
  }

  /** Waits until the gateway has heard everything that was published. */
  async settled(): Promise<void> {
    const isHeard = async () => (await this.metric('loom_gateway_control_version')) >= this.#version;
    for (let tries = 0; tries < 1000 && this.#gateway && !(await isHeard()); tries += 1)
      await new Promise((resolve) => setTimeout(resolve, 10));
  }

  /** Everything on the record, each event validated, in the order of each emitter. */
  async events(): Promise<TraceEvent[]> {
    return (await this.#records()).map((value) => TraceEvent.parse(JSON.parse(value.toString())));
  }

  /** The events that a consumer can read. */
  async readableEvents(): Promise<TraceEvent[]> {
    const read = eventReader(TraceEvent);
    return (await this.#records()).flatMap((value) => readEventOf(read, value) ?? []);
  }

  async #records(): Promise<Buffer[]> {
    const root = join(this.home, 'stream');
    const values: Buffer[] = [];
    for (const partition of await listPartitions(root, topics.traces)) {
      const reader = new PartitionReader(join(root, topics.traces, partition), 0);
      for (;;) {
        const records = await reader.read({ recordsMax: 10_000, bytesMax: 64 * 1024 * 1024 });
        if (records.length === 0) break;
        for (const record of records) values.push(record.value);
      }
      await reader.close();
    }
    return values;
  }

  /** The events of one type, once there are as many as expected. */
  async eventsOf(type: TraceEvent['type'], count = 1): Promise<TraceEvent[]> {
    for (let tries = 0; ; tries += 1) {
      const found = (await this.events()).filter((event) => event.type === type);
      if (found.length >= count || tries > 200) return found;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  chat(
    body: unknown,
    init: { headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Response> {
    return fetch(`${this.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json', ...init.headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(init.signal ? { signal: init.signal } : {}),
    });
  }
}
