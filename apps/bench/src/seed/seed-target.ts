import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLoomClient, type LoomClient } from '@loom/api-contract';
import { LoomError, messageOf } from '@loom/errors';
import { openEventStream } from '@loom/event-stream';
import { PriceBook } from '@loom/pricing';
import { ControlEvent, type PriceListRecord, topics } from '@loom/trace-schema';
import { z } from 'zod';
import { features } from './world.ts';

const RuntimeFile = z.object({ queryUrl: z.string(), controlUrl: z.string(), apiKey: z.string() });
const EnginesFile = z.object({ traceStoreUrl: z.string() });

/** The files of a deployment that runs on this machine. */
export async function readDeployment(home: string): Promise<{ client: LoomClient; operator: LoomClient }> {
  const runtime = await readJson(join(home, 'runtime.json'), RuntimeFile);
  const operatorKey = (await readFile(join(home, 'secrets', 'operator-key'), 'utf8')).trim();
  return {
    client: createLoomClient(runtime),
    operator: createLoomClient({ ...runtime, apiKey: operatorKey }),
  };
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
