import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { LoomError } from '@loom/errors';
import { listPartitions, type NewRecord, PartitionReader } from '@loom/event-stream';
import { topics } from '@loom/trace-schema';
import { Pool } from 'undici';
import { startLoom } from '../loom-target.ts';
import { contentOf, type SpanContent } from '../seed/content.ts';
import { Random } from '../seed/random.ts';

const callsAtOnce = 16;
/** Different conversations; the calls go round them. */
const contentCount = 1000;
/** Of this many calls one is streamed. */
const streamEvery = 4;
const settleMs = 10_000;
const wanted = new Set(['loom.call.accepted', 'loom.call.completed']);

/**
 * Makes calls through a gateway of its own and returns what it put on the record: `call.accepted` and
 * `call.completed` of each call, in order. The key of a record is its call, so that any number of partitions fills
 * evenly.
 */
export async function recordCalls(
  directory: string,
  calls: number,
  signal: AbortSignal,
): Promise<NewRecord[]> {
  const random = new Random('ingest');
  const contents = Array.from({ length: contentCount }, (_, at) =>
    conversation(random, at % streamEvery === 0),
  );
  const upstream = await startUpstream(contents);
  try {
    const { port } = upstream.address() as AddressInfo;
    const loom = await startLoom(directory, `http://127.0.0.1:${port}`, []);
    try {
      const headers = { authorization: loom.authorization ?? '', 'content-type': 'application/json' };
      await callAll(loom.url, headers, contents, calls, signal);
      return await readRecord(join(directory, 'stream'), calls);
    } finally {
      await loom.stop();
    }
  } finally {
    upstream.closeAllConnections();
    upstream.close();
  }
}

function conversation(random: Random, stream: boolean): SpanContent {
  return contentOf(random, {
    operation: 'chat',
    model: 'gpt-4o-mini',
    feature: 'support-chat',
    tool: null,
    stream,
    finishReason: 'stop',
    error: null,
    usage: { input: random.int(200, 900), output: random.int(40, 300) },
  });
}

/** Answers with the next conversation of the kind that is asked for. */
async function startUpstream(contents: readonly SpanContent[]): Promise<Server> {
  const ring = (streamed: boolean) => {
    const own = contents.filter(({ chunkLengths }) => chunkLengths.length > 0 === streamed);
    let next = 0;
    return () => own[next++ % own.length]?.response ?? '';
  };
  const [streamAnswer, jsonAnswer] = [ring(true), ring(false)];
  const server = createServer((request, response) => {
    void bodyOf(request).then((body) => {
      const streamed = body.includes('"stream":true');
      const type = streamed ? 'text/event-stream; charset=utf-8' : 'application/json';
      response.writeHead(200, { 'content-type': type }).end(streamed ? streamAnswer() : jsonAnswer());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function callAll(
  url: string,
  headers: Record<string, string>,
  contents: readonly SpanContent[],
  calls: number,
  signal: AbortSignal,
): Promise<void> {
  const pool = new Pool(url, { connections: callsAtOnce });
  let next = 0;
  const callNext = async (): Promise<void> => {
    while (next < calls) {
      signal.throwIfAborted();
      const body = contents[next++ % contents.length]?.request ?? '';
      const answer = await pool.request({ method: 'POST', path: '/v1/chat/completions', headers, body });
      const text = await answer.body.text();
      if (answer.statusCode !== 200)
        throw new LoomError(
          'unavailable',
          `the gateway answered ${answer.statusCode}: ${text.slice(0, 500)}`,
        );
    }
  };
  try {
    await Promise.all(Array.from({ length: callsAtOnce }, callNext));
  } finally {
    await pool.destroy();
  }
}

async function readRecord(root: string, calls: number): Promise<NewRecord[]> {
  const [partition = ''] = await listPartitions(root, topics.traces);
  const reader = new PartitionReader(join(root, topics.traces, partition), 0);
  const found: NewRecord[] = [];
  const deadline = Date.now() + settleMs;
  try {
    while (found.length < calls * 2) {
      const records = await reader.read({ recordsMax: 10_000, bytesMax: 16 * 1024 * 1024 });
      for (const { headers, value } of records) {
        if (!wanted.has(headers['ce_type'] ?? '')) continue;
        found.push({ key: headers['ce_subject'] ?? '', headers, value: Buffer.from(value) });
      }
      if (records.length > 0) continue;
      if (Date.now() > deadline)
        throw new LoomError('internal', `${found.length} events of ${calls} calls are on the record`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  } finally {
    await reader.close();
  }
  return found;
}
