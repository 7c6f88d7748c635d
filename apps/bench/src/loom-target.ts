import { join } from 'node:path';
import { hashSecret, newApiKey } from '@loom/control-store/secrets';
import { LoomError } from '@loom/errors';
import { listPartitions, openEventStream, PartitionReader } from '@loom/event-stream';
import { type ApiKeyRecord, type ProjectRecord, type ProviderRecord, topics } from '@loom/trace-schema';
import { startChild } from './child-process.ts';
import type { Target } from './target.ts';

const pepper = 'bench-pepper';
const settleMs = 10_000;

export interface LoomTarget extends Target {
  /** Terminals of completed calls on the record so far; waits until there are as many as expected, but not for ever. */
  terminals(expected: number): Promise<number>;
}

/** The gateway's own process on a new outbox, strict capture, with one project, key and provider. Nothing else of Loom. */
export async function startLoom(
  directory: string,
  upstreamUrl: string,
  flags: readonly string[],
): Promise<LoomTarget> {
  const root = join(directory, 'stream');
  const key = newApiKey();
  await publishControl(root, key, upstreamUrl);
  const gateway = await startChild<{ url: string }>(import.meta.resolve('@loom/app-gateway/main'), {
    flags,
    env: {
      PATH: process.env.PATH,
      LOOM_GATEWAY_PORT: '0',
      LOOM_OUTBOX_URL: `log:${root}`,
      LOOM_GATEWAY_SNAPSHOT_FILE: join(directory, 'snapshot.json'),
      LOOM_MASTER_KEYS: `bench:${Buffer.alloc(32, 7).toString('base64')}`,
      LOOM_KEY_PEPPERS: `1:${pepper}`,
    },
  });
  const [partition] = await listPartitions(root, topics.traces);
  if (partition === undefined)
    throw new LoomError(
      'unavailable',
      `the gateway made no partition below ${root}; nothing could be counted`,
    );
  const counter = new TerminalCounter(join(root, topics.traces, partition));
  return {
    name: 'loom',
    url: gateway.ready.url,
    authorization: `Bearer ${key.text}`,
    pid: gateway.pid,
    terminals: (expected) => counter.count(expected),
    stop: async () => {
      await gateway.stop();
      await counter.close();
    },
  };
}

async function publishControl(
  root: string,
  key: ReturnType<typeof newApiKey>,
  upstreamUrl: string,
): Promise<void> {
  const project: ProjectRecord = {
    id: 'bench',
    organizationId: 'bench',
    name: 'bench',
    capture: 'strict',
    content: 'searchable',
  };
  const apiKey: ApiKeyRecord = {
    id: key.id,
    organizationId: 'bench',
    projectId: 'bench',
    name: 'bench',
    scopes: ['call'],
    secretHash: hashSecret(pepper, key.secret),
    pepperVersion: 1,
    expiresAtMs: null,
    revokedAtMs: null,
    createdAtMs: 0,
  };
  const provider: ProviderRecord = {
    id: 'upstream',
    organizationId: null,
    name: 'upstream',
    kind: 'openai-compatible',
    baseUrl: `${upstreamUrl}/v1`,
    origin: 'environment',
    enabled: true,
    models: ['gpt-*'],
    sealedCredential: null,
  };
  const changes = Object.entries({ project, apiKey, provider }).map(([entity, value], index) => ({
    id: `${index + 1}`,
    type: 'control.changed',
    entity,
    entityId: value.id,
    version: index + 1,
    value,
  }));
  const completed = { id: 'completed', type: 'control.snapshot-completed', version: changes.length };
  const stream = await openEventStream(new URL(`log:${root}`));
  const producer = await stream.producer(topics.control);
  await producer.append(
    [...changes, completed].map((event) => ({
      key: event.id,
      headers: {},
      value: Buffer.from(JSON.stringify(event)),
    })),
  );
  await stream.close();
}

/** Counts terminals in the outbox, reading on from where it stopped. */
class TerminalCounter {
  readonly #reader: PartitionReader;
  #completed = 0;

  constructor(directory: string) {
    this.#reader = new PartitionReader(directory, 0);
  }

  async count(expected: number): Promise<number> {
    const deadline = Date.now() + settleMs;
    do {
      const records = await this.#reader.read({ recordsMax: 10_000, bytesMax: 16 * 1024 * 1024 });
      for (const { headers } of records) if (headers.ce_type === 'loom.call.completed') this.#completed += 1;
      if (records.length > 0) continue;
      if (this.#completed >= expected) break;
      await new Promise((resolve) => setTimeout(resolve, 50));
    } while (Date.now() < deadline);
    return this.#completed;
  }

  close(): Promise<void> {
    return this.#reader.close();
  }
}
