import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLoomClient, type LoomClient } from '@loom/api-contract';
import { LoomError, messageOf } from '@loom/errors';
import { openEventStream } from '@loom/event-stream';
import { PriceBook } from '@loom/pricing';
import { ControlEvent, type PriceListRecord, topics } from '@loom/trace-schema';
import { z } from 'zod';
import { features, largeWorkflow } from './world.ts';

const RuntimeFile = z.object({
  gatewayUrl: z.string(),
  queryUrl: z.string(),
  controlUrl: z.string(),
  apiKey: z.string(),
  consoleUrl: z.string().nullable(),
  adminEmail: z.string().nullable(),
  adminPassword: z.string().nullable(),
});
const EnginesFile = z.object({ traceStoreUrl: z.string() });

/** How to read the deployment that runs in `home`. */
export function readRuntime(home: string): Promise<z.output<typeof RuntimeFile>> {
  return readJson(join(home, 'runtime.json'), RuntimeFile);
}

/** A client with the key that manages. */
export async function connectOperator(home: string): Promise<LoomClient> {
  const runtime = await readRuntime(home);
  const apiKey = (await readFile(join(home, 'secrets', 'operator-key'), 'utf8')).trim();
  return createLoomClient({ ...runtime, apiKey });
}

/** The trace of the seed that has the most spans; null when there is none. */
export async function largestTrace(home: string): Promise<string | null> {
  const { queryUrl, controlUrl, apiKey } = await readRuntime(home);
  const client = createLoomClient({ queryUrl, controlUrl, apiKey });
  const { traces } = await client.listTraces({ query: { filter: `workflow:${largeWorkflow}`, limit: 1 } });
  return traces[0]?.traceId ?? null;
}

export async function readTraceStoreUrl(home: string): Promise<string> {
  return (await readJson(join(home, 'engines.json'), EnginesFile)).traceStoreUrl;
}

/** A key of its own for each feature, made where it is missing, so that key ids have names. Ids by feature. */
export async function featureKeys(operator: LoomClient, projectId: string): Promise<Record<string, string>> {
  const known = (await operator.listKeys()).keys.filter((key) => key.projectId === projectId);
  const ids: Record<string, string> = {};
  for (const [{ name: feature }] of features) {
    const name = `seed-${feature}`;
    const key =
      known.find((candidate) => candidate.name === name && candidate.revokedAt === null) ??
      (await operator.createKey({ body: { name, projectId, scopes: ['call'] } })).key;
    ids[feature] = key.id;
  }
  return ids;
}

/** The prices that the deployment goes by, from its control topic. */
export async function readPriceBook(home: string): Promise<PriceBook> {
  const stream = await openEventStream(new URL(`log:${join(home, 'stream')}`));
  const lists = new Map<string, { version: number; value: PriceListRecord | null }>();
  const subscription = await stream.tail({ topics: [topics.control], from: 'beginning' }, (records) => {
    for (const { value } of records) {
      const event = ControlEvent.safeParse(parseJson(value.toString('utf8'))).data;
      if (event?.type !== 'control.changed' || event.entity !== 'priceList') continue;
      if ((lists.get(event.entityId)?.version ?? 0) <= event.version) lists.set(event.entityId, event);
    }
  });
  await subscription.close();
  await stream.close();
  return new PriceBook([...lists.values()].flatMap(({ value }) => (value ? [value] : [])));
}

async function readJson<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.output<Schema>> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    throw new LoomError(
      'unavailable',
      `${path}: ${messageOf(cause)}; start Loom with npm start, or set LOOM_HOME to the home of the one that runs`,
      { cause },
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
