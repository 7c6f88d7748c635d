import { request } from 'node:http';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Random } from '@loom/testkit';
import { isCallEnded } from '@loom/trace-schema';
import { Deployment, eventually, startMsMax } from '../testing/deployment.ts';
import { randomRequest, type RandomRequest } from '../testing/random-requests.ts';

/*
 * Random valid JSON and random headers in every dialect: each call that was answered is on the record, whole. That is
 * its accepted event and its end, each as the schema wants it, its row, and its leaves.
 */
const isSoak = process.env.LOOM_TEST_SOAK === '1';
const requests = isSoak ? 100_000 : 1_500;
const seed = Number(process.env.LOOM_TEST_SEED ?? 20_261_201);
const concurrency = 24;

let loom: Deployment;
beforeAll(async () => {
  loom = await Deployment.start({ LOOM_LEDGER_SEAL_INTERVAL: '500ms' });
}, 2 * startMsMax);
afterAll(async () => {
  await loom.destroy();
});

interface Answer {
  readonly status: number;
  readonly traceId: string;
  readonly sent: RandomRequest;
}

function send(url: string, apiKey: string, sent: RandomRequest): Promise<Answer> {
  const headers = { ...sent.headers, authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const outgoing = request(url + sent.path, { method: 'POST', headers }, (response) => {
      response.resume();
      response.on('error', reject);
      response.on('end', () => {
        const { 'x-loom-trace-id': traceId = '' } = response.headers;
        resolve({ status: response.statusCode ?? 0, traceId: String(traceId), sent });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(sent.body);
  });
}

async function sendAll(): Promise<Answer[]> {
  const random = new Random(seed);
  const { gatewayUrl, apiKey } = await loom.runtime();
  const answers: Answer[] = [];
  let left = requests;
  const worker = async () => {
    while ((left -= 1) >= 0) answers.push(await send(gatewayUrl, apiKey, randomRequest(random)));
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return answers;
}

/** Trace ids of every row. */
async function tracesStored(): Promise<Set<string>> {
  const client = await loom.client();
  const found = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await client.listTraces({ query: { limit: 200, ...(cursor !== undefined && { cursor }) } });
    for (const { traceId } of page.traces) found.add(traceId);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

/** Trace ids of the calls whose accepted event and end have a leaf under a signed checkpoint. */
async function tracesSealed(): Promise<Set<string>> {
  const { queryUrl, apiKey } = await loom.runtime();
  const from = new Date(Date.now() - 24 * 3_600_000).toISOString();
  const bundle = await fetch(`${queryUrl}/v1/ledger/bundle?from=${from}`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  const kinds = new Map<string, Set<string>>();
  for await (const line of createInterface({ input: Readable.fromWeb(bundle.body as ReadableStream) })) {
    if (!line.includes('"kind":"call.')) continue;
    const traceId = /"traceId":"([0-9a-f]{32})"/.exec(line)?.[1] ?? '';
    const isEnd = !line.includes('"kind":"call.accepted"');
    kinds.set(traceId, (kinds.get(traceId) ?? new Set()).add(isEnd ? 'end' : 'accepted'));
  }
  return new Set([...kinds].filter(([, found]) => found.size === 2).map(([traceId]) => traceId));
}

describe(`random requests (LOOM_TEST_SEED=${seed}, ${requests} requests)`, () => {
  let answered: Answer[];

  it('are answered or refused, and never by a failure of the gateway', async () => {
    const answers = await sendAll();
    const failed = answers.filter(({ status }) => status >= 500);
    expect(failed.slice(0, 3)).toEqual([]);
    answered = answers.filter(({ status }) => status < 400);
    expect(answered.length).toBeGreaterThan(requests / 5);
  }, 3_600_000);

  it('have their accepted event and their end when they are answered, each as its schema wants it', async () => {
    const events = await eventually(
      () => loom.traceEvents(),
      (found) => found.filter(isCallEnded).length >= answered.length,
      60_000,
    );
    const accepted = new Set(
      events.flatMap((event) => (event.type === 'call.accepted' ? [event.call.traceId] : [])),
    );
    const ended = new Set(events.filter(isCallEnded).map(({ call }) => call.traceId));
    expect(
      answered.filter(({ traceId }) => !accepted.has(traceId) || !ended.has(traceId)).slice(0, 3),
    ).toEqual([]);
  }, 600_000);

  const missing = (found: ReadonlySet<string>) =>
    answered.filter(({ traceId }) => !found.has(traceId)).slice(0, 3);

  it('have their row', async () => {
    const found = await eventually(tracesStored, (rows) => missing(rows).length === 0, 300_000);
    expect(missing(found)).toEqual([]);
  }, 1_200_000);

  it('have their leaves', async () => {
    const found = await eventually(tracesSealed, (sealed) => missing(sealed).length === 0, 300_000);
    expect(missing(found)).toEqual([]);
  }, 1_200_000);

  it('leave no dead letter', async () => {
    expect(await loom.eventsOf('loom.dead-letters.v1')).toEqual(new Map());
  });
});
