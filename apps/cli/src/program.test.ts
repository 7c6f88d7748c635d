import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Span } from '@loom/api-contract';
import { readConfig } from './config.ts';
import { runCli } from './program.ts';

const traceId = 'a'.repeat(32);
const time = '2026-11-22T10:00:00.000000Z';
const escape = '\u001b[31m\u202e';

const span: Span = {
  traceId,
  spanId: 'b'.repeat(16),
  parentSpanId: null,
  callId: 'c1',
  operation: 'chat',
  dialect: 'openai-chat',
  provider: 'openai',
  providerKind: 'openai',
  requestModel: 'gpt-x',
  routedModel: 'gpt-x',
  wire: null,
  route: null,
  cache: null,
  dropped: [],
  lostFacts: [],
  responseModel: 'gpt-x-2026',
  responseId: null,
  outcome: 'completed',
  status: 200,
  streamed: true,
  capture: 'strict',
  usage: {
    inputTokens: 100,
    cacheReadInputTokens: 60,
    cacheWriteInputTokens: 0,
    inputAudioTokens: 0,
    outputTokens: 20,
    reasoningOutputTokens: 5,
    outputAudioTokens: 0,
    totalTokens: 120,
  },
  buckets: null,
  usageSource: 'provider',
  usageConsistent: true,
  cost: {
    totalUsd: '0.0123',
    priceBookVersion: 'v7',
    priceId: 'openai/gpt-x@2026-01-01',
    tier: 'default',
    estimated: false,
    missing: [],
    reported: null,
    source: 'price_book',
    lines: [{ bucket: 'cacheRead', quantity: 60, pricePerMillionUsd: '0.5', usd: '0.00003' }],
  },
  costState: 'priced',
  costReason: null,
  timing: { startTime: time, durationMs: 812, timeToFirstChunkMs: 210, gatewayOverheadMs: 0.4 },
  finishReasons: ['stop'],
  serviceTier: null,
  systemFingerprint: null,
  requestParameters: {},
  request: { messages: [{ role: 'user', content: `what is ${escape}loom?` }] },
  requestState: 'complete',
  requestBytes: 10,
  requestHash: 'h',
  response: { choices: [{ message: { role: 'assistant', content: 'a gateway' } }] },
  responseState: 'complete',
  responseBytes: 10,
  responseHash: 'h',
  chunkCount: 1,
  deliveredBytes: 10,
  error: null,
  attempts: [],
  keyId: 'k1',
  userId: 'u1',
  sessionId: null,
  environment: null,
  release: null,
  agentName: null,
  agentVersion: null,
  workflowName: null,
  promptName: null,
  promptVersion: null,
  rollout: null,
  links: [],
  metadata: {},
};

const key = {
  id: 'k9',
  createdBy: { type: 'user', id: 'u1', name: 'Ann' },
  ownerId: 'u1',
  projectId: 'p',
  name: 'n',
  scopes: ['read'],
  createdAt: '2026-11-22T10:00:00Z',
  expiresAt: null,
  revokedAt: null,
  limits: { requestsPerMinute: 60, tokensPerMinute: null, concurrentCalls: null },
};

/** Answers as query and control do, by the contract. */
const answers: Record<string, object> = {
  'GET /v1/traces': { traces: [], nextCursor: null, unsearched: null },
  [`GET /v1/traces/${traceId}`]: { trace: { traceId, startTime: time }, spans: [span], nextCursor: null },
  [`GET /v1/spans/${span.spanId}/chunks`]: {
    spanId: span.spanId,
    chunks: [{ index: 0, atMs: 210, bytes: 10, text: 'x' }],
    contentState: 'complete',
  },
  'GET /v1/keys': { keys: [key] },
  'POST /v1/keys': { key, secret: 'loom_secret' },
  'PATCH /v1/keys/k9': { ...key, name: 'new' },
  'DELETE /v1/keys/k9': { ...key, revokedAt: '2026-11-22T11:00:00Z' },
};

let server: Server;
let home: string;
let requests: { line: string; authorization: string | undefined; body: unknown }[] = [];

beforeAll(async () => {
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url?.split('?')[0] ?? '';
    const { authorization } = request.headers;
    const sent = await text(request);
    requests.push({
      line: `${request.method} ${request.url}`,
      authorization,
      body: sent === '' ? null : JSON.parse(sent),
    });
    if (path === '/v1/live') {
      for (const count of [1, 2]) {
        response.write(
          `event: events.dropped\ndata: ${JSON.stringify({ type: 'events.dropped', time, count })}\n\n`,
        );
      }
      response.end();
      return;
    }
    const answer = answers[`${request.method} ${path}`];
    response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer ?? { error: { code: 'not_found', message: 'nothing here' } }));
  };
  server = createServer((request, response) => void receive(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  home = await mkdtemp(join(tmpdir(), 'loom-cli-'));
  await mkdir(join(home, 'secrets'));
  await writeFile(
    join(home, 'runtime.json'),
    JSON.stringify({ gatewayUrl: url, queryUrl: url, controlUrl: url, apiKey: 'reader' }),
  );
  await writeFile(join(home, 'secrets', 'operator-key'), 'operator\n');
});
beforeEach(() => {
  requests = [];
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(home, { recursive: true });
});

async function run(args: string[], env: Record<string, string> = { LOOM_HOME: home }) {
  let [out, error] = ['', ''];
  const code = await runCli(args, () => readConfig(env), {
    out: (text) => (out += text),
    error: (text) => (error += text),
    signal: new AbortController().signal,
  });
  return { code, out, error };
}

describe('loom', () => {
  it('lists traces with the key of runtime.json', async () => {
    const { code, out } = await run([
      'traces',
      '--filter',
      'status:error',
      '--from',
      '1h',
      '--limit',
      '5',
      '--json',
    ]);
    expect({ code, out: JSON.parse(out) as unknown }).toEqual({
      code: 0,
      out: { traces: [], nextCursor: null, unsearched: null },
    });
    expect(requests[0]?.line).toMatch(/^GET \/v1\/traces\?filter=status%3Aerror&from=20.*&limit=5$/);
    expect(requests[0]?.authorization).toBe('Bearer reader');
  });

  it('shows a trace to a person, without its control characters', async () => {
    const { code, out } = await run(['show', traceId]);
    expect(code).toBe(0);
    for (const part of [
      'chat gpt-x → gpt-x-2026 at openai',
      'user: what is �[31m�loom?',
      'assistant: a gateway',
      '100 in (60 read from cache), 20 out (5 reasoning), 120 in all',
      '$0.0123 by openai/gpt-x@2026-01-01, tier default, price book v7',
      '× $0.5 per million',
      'took 812 ms, first chunk after 210 ms, Loom added 0.4 ms, streamed',
      '1, 10 bytes of which 10 were delivered',
      'key k1, user u1',
    ]) {
      expect(out).toContain(part);
    }
    expect(out).not.toContain('\u001b');
    expect(out).not.toContain('\u202e');
  });

  it('gives the whole trace as one JSON value', async () => {
    const { out } = await run(['show', traceId, '--json']);
    expect(JSON.parse(out)).toMatchObject({
      spans: [{ spanId: span.spanId }],
      chunks: [{ spanId: span.spanId }],
    });
  });

  it('follows calls, one JSON value a line', async () => {
    const { code, out } = await run(['tail', '--json']);
    expect(code).toBe(0);
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { count: number }).count),
    ).toEqual([1, 2]);
  });

  it('manages keys with the operator key', async () => {
    expect((await run(['keys', 'create', '--name', 'n', '--scope', 'read', 'call'])).out).toContain(
      'loom_secret',
    );
    expect((await run(['keys', 'list'])).out).toMatch(/k9 +n +read +2026-11-22 +Ann +active/);
    expect((await run(['keys', 'revoke', 'k9'])).out).toContain('Key k9 is revoked');
    expect(requests.map(({ authorization }) => authorization)).toEqual(Array(3).fill('Bearer operator'));
  });

  it.each([
    [['--name', 'new'], { name: 'new' }],
    [['--expires', 'never'], { expiresAt: null }],
    [['--expires', '2999-01-01'], { expiresAt: '2999-01-01T00:00:00.000Z' }],
    [
      ['--tokens-per-minute', '90000000', '--concurrent-calls', 'none'],
      { limits: { tokensPerMinute: 90_000_000, concurrentCalls: null } },
    ],
  ])('changes of a key what %j names', async (args, body) => {
    expect((await run(['keys', 'update', 'k9', ...args])).out).toContain('Key k9 (new) is changed.');
    expect(requests).toEqual([{ line: 'PATCH /v1/keys/k9', authorization: 'Bearer operator', body }]);
  });

  it('reads a span as the time from now when a key is to expire', async () => {
    const before = Date.now();
    await run(['keys', 'update', 'k9', '--expires', '30d']);
    const { expiresAt } = requests[0]?.body as { expiresAt: string };
    expect(Date.parse(expiresAt) - before).toBeGreaterThanOrEqual(30 * 86_400_000);
  });

  it.each([
    [2, ['show', 'f'.repeat(32)], {}, 'nothing here'],
    [3, ['traces'], { LOOM_HOME: '/nonexistent' }, 'no Loom is running here'],
    [3, ['traces'], { LOOM_QUERY_URL: 'http://127.0.0.1:1', LOOM_API_KEY: 'k' }, 'cannot be reached'],
    [4, ['traces'], { LOOM_QUERY_URL: 'http://127.0.0.1:1' }, 'LOOM_API_KEY is not'],
    [4, ['traces', '--from', 'yesterday'], {}, '"yesterday" is no time'],
    [4, ['traces', '--limit', 'many'], {}, 'not a whole number'],
    [4, ['traces', '--sort', 'price'], {}, 'Allowed choices are time, latency, tokens, cost'],
    [4, ['keys', 'create', '--name', 'n', '--scope', 'all'], {}, 'unknown scope "all"'],
    [4, ['keys', 'update', 'k9', '--expires', 'soon'], {}, '"soon" is no time'],
    [4, ['keys', 'update', 'k9', '--concurrent-calls', 'few'], {}, 'not a whole number'],
    [4, ['nothing'], {}, "unknown command 'nothing'"],
    [4, ['traces', '--nothing'], {}, "unknown option '--nothing'"],
  ])('exits with %d: %j %j', async (code, args, env, message) => {
    const result = await run(args, { LOOM_HOME: home, ...env });
    expect(result.error).toContain(message);
    expect(result.code).toBe(code);
  });

  it('keeps stdout one JSON value when it fails', async () => {
    const { code, out } = await run(['show', 'f'.repeat(32), '--json']);
    expect(code).toBe(2);
    expect(JSON.parse(out)).toEqual({ error: { code: 'not_found', message: 'nothing here' } });
  });

  it.each([
    [['bogus', '--json'], "unknown command 'bogus'"],
    [['--json'], "unknown option '--json'"],
    [['ledger', '--json'], "unknown option '--json'"],
    [['export', '--from', '1h', '--json'], "required option '--out <file>' not specified"],
    [['verify', 'bundle', '--json', '--vkey', 'x'], "missing required argument 'file'"],
    [['traces', '--limit', 'many', '--json'], '"many" is not a whole number'],
  ])('keeps stdout one JSON value when it is used wrongly: %j', async (args, message) => {
    const { code, out } = await run(args);
    expect(code).toBe(4);
    expect(JSON.parse(out)).toEqual({ error: { code: 'invalid_request', message } });
  });
});
