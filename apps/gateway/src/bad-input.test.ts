import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newApiKey } from '@loom/control-store/secrets';
import { answerJson, answerPieces, UpstreamPlayer } from '@loom/testkit';
import type { CallRefused } from '@loom/trace-schema';
import { GatewayHarness } from './testing/gateway-harness.ts';

let gateway: GatewayHarness;
let upstream: UpstreamPlayer;
const revoked = newApiKey();
const readOnly = newApiKey();
const orphan = newApiKey();

beforeAll(async () => {
  upstream = await UpstreamPlayer.start(answerJson({ id: 'x', model: 'm', choices: [] }));
  gateway = await GatewayHarness.start({
    LOOM_GATEWAY_BODY_BYTES_MAX: '1MiB',
    LOOM_GATEWAY_BODY_TIMEOUT: '400ms',
    LOOM_CLIENT_STALL_TIMEOUT: '500ms',
    LOOM_GATEWAY_METADATA: 'refuse',
    LOOM_REFUSALS_BURST: '200',
    LOOM_REFUSALS_SUMMARY: '200ms',
  });
  await gateway.publishKey(revoked, { revokedAtMs: 1 });
  await gateway.publishKey(readOnly, { scopes: ['read'] });
  await gateway.publishKey(orphan, { projectId: 'gone' });
  await gateway.provider({ baseUrl: upstream.url });
  // With a second provider a bare name that nobody claims leads nowhere.
  await gateway.provider({ name: 'second', baseUrl: upstream.url, models: [] });
});
afterAll(async () => {
  await gateway.destroy();
  await upstream.close();
});

const ok = { model: 'gpt-x', messages: [] };
interface OpenAiError {
  error: { message: string; type: string; param: string | null; code: string };
}

describe('a bad body', () => {
  it.each([
    ['nothing', '', 400, 'empty_body', null],
    ['half a JSON text', '{"model":', 400, 'invalid_json', null],
    ['an array', '[]', 400, 'invalid_request', null],
    ['invalid UTF-8 in the model', Buffer.from([0x7b, 0x22, 0xff]), 400, 'invalid_json', null],
    ['no model', '{"messages":[]}', 400, 'missing_model', 'model'],
    ['a model that is a number', '{"model":1,"messages":[]}', 400, 'invalid_request', 'model'],
    [
      'a stream that is a text',
      '{"model":"gpt-x","stream":"yes","messages":[]}',
      400,
      'invalid_request',
      'stream',
    ],
    ['messages that are an object', '{"model":"gpt-x","messages":{}}', 400, 'invalid_request', 'messages'],
    ['a model twice', '{"model":"a","model":"b","messages":[]}', 400, 'duplicate_member', 'model'],
    ['an unknown model', '{"model":"nowhere/m","messages":[]}', 404, 'model_not_found', 'model'],
    [
      '10,000 levels',
      `{"model":"gpt-x","messages":${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
      400,
      'nesting_too_deep',
      null,
    ],
    ['a million open brackets', `{"messages":${'['.repeat(1_000_000)}`, 400, 'nesting_too_deep', null],
    [
      'a body over the limit',
      JSON.stringify({ ...ok, pad: 'x'.repeat(1_100_000) }),
      413,
      'request_too_large',
      null,
    ],
  ])('of %s is refused in the dialect, by name', async (_name, body, status, code, param) => {
    const before = upstream.seen.length;
    const response = await gateway.chat(
      body instanceof Buffer ? new TextDecoder('latin1').decode(body) : body,
    );
    expect(response.status).toBe(status);
    const { error } = (await response.json()) as OpenAiError;
    expect({ code: error.code, param: error.param }).toEqual({ code, param });
    expect(error.message.length).toBeGreaterThan(10);
    expect(error.type).toBe('invalid_request_error');
    expect(response.headers.get('x-loom-trace-id')).toMatch(/^[0-9a-f]{32}$/);
    expect(upstream.seen.length).toBe(before);
  });

  it('that is announced too large is refused before it is read', async () => {
    const answer = await rawRequest(gateway.url, [
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.token}\r\ncontent-length: 99999999\r\n\r\n`,
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer).toContain('request_too_large');
  });

  it('that comes too slowly is refused by 408 and does not stay', async () => {
    const answer = await rawRequest(gateway.url, [
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.token}\r\ncontent-length: 100\r\n\r\n{"mod`,
    ]);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('request_timeout');
  });

  it.each([
    ['x-loom-metadata', 'not json'],
    ['x-loom-metadata', '{"a":{"b":1}}'],
    ['x-loom-metadata', '[]'],
    ['x-loom-session-id', 'x'.repeat(600)],
    ['content-encoding', 'gzip'],
  ])('label %s is refused by its name (case %#)', async (name, value) => {
    const response = await gateway.chat(ok, { headers: { [name]: value } });
    expect(response.status).toBe(400);
    expect(((await response.json()) as OpenAiError).error.param).toBe(name);
  });
});

describe('a bad credential', () => {
  const tokenCases: [string, Record<string, string>, number, string][] = [
    ['none', { authorization: '' }, 401, 'missing_api_key'],
    ['a foreign one', { authorization: 'Bearer sk-abc' }, 401, 'invalid_api_key'],
    [
      'one that was never handed out',
      { authorization: `Bearer ${newApiKey().text}` },
      401,
      'invalid_api_key',
    ],
    ['a scheme that is not Bearer', { authorization: 'Basic abc' }, 401, 'invalid_api_key'],
    ['a revoked one', { authorization: `Bearer ${revoked.text}` }, 401, 'revoked_api_key'],
    ['one that may only read', { authorization: `Bearer ${readOnly.text}` }, 403, 'insufficient_scope'],
    ['one whose project is gone', { authorization: `Bearer ${orphan.text}` }, 401, 'unknown_project'],
    ['a very long one', { authorization: `Bearer ${'a'.repeat(8000)}` }, 401, 'invalid_api_key'],
    ['SQL', { authorization: "Bearer ' OR 1=1 --" }, 401, 'invalid_api_key'],
    ['two of Loom', { 'x-api-key': newApiKey().text }, 401, 'two_credentials'],
    ['two foreign ones', { authorization: 'Bearer a', 'x-api-key': 'b' }, 401, 'two_credentials'],
  ];
  it.each(tokenCases)('(%s) is refused and the body not read', async (_name, headers, status, code) => {
    const before = upstream.seen.length;
    const response = await gateway.chat('{"model":', { headers });
    expect(response.status).toBe(status);
    expect(((await response.json()) as OpenAiError).error.code).toBe(code);
    expect(upstream.seen.length).toBe(before);
  });

  it('twice the same is one credential', async () => {
    expect((await gateway.chat(ok, { headers: { 'x-api-key': gateway.token } })).status).toBe(200);
  });
});

describe('a path or method that is not quite the right one', () => {
  it.each([
    ['POST', '/v1/chat%2fcompletions', 404],
    ['POST', '/v1/./chat/completions', 404],
    ['POST', '/v1/%2e/chat/completions', 404],
    ['POST', '/V1/chat/completions', 404],
    ['POST', '/v1/chat/completions;a=b', 404],
    ['POST', '/healthz/../v1/chat/completions', 404],
    ['GET', '/v1/chat/completions', 405],
    ['HEAD', '/v1/chat/completions', 405],
    ['PUT', '/v1/chat/completions', 405],
    ['OPTIONS', '/v1/models', 405],
    ['POST', '/v1/chat/completions?x=1', 200],
    ['GET', '/v1/models?limit=1', 200],
  ])('%s %s is answered %d, and never without a key', async (method, path, status) => {
    const body = method === 'POST' ? JSON.stringify(ok) : '';
    const request = (authorization: string) =>
      rawRequest(gateway.url, [
        `${method} ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${authorization}content-length: ${body.length}\r\n\r\n${body}`,
      ]);
    expect(await request(`authorization: Bearer ${gateway.token}\r\n`)).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} `),
    );
    expect(await request('')).toMatch(/^HTTP\/1\.1 4\d\d /);
  });
});

describe('refusals', () => {
  it('are on the record of their project without a body, and only counted before a project is known', async () => {
    const response = await gateway.chat({
      model: 'nowhere/model',
      messages: [{ role: 'user', content: 'canary-text' }],
    });
    const callId = response.headers.get('x-request-id');
    let refused: CallRefused[] = [];
    let own: CallRefused | undefined;
    for (let tries = 0; tries < 200 && !own; tries += 1) {
      refused = (await gateway.eventsOf('call.refused')) as CallRefused[];
      own = refused.find((event) => event.call.callId === callId); // nobody waits for it to be written
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(own).toMatchObject({
      projectId: 'p1',
      requestModel: 'nowhere/model',
      status: 404,
      error: { type: 'model_not_found' },
    });
    expect(JSON.stringify(refused)).not.toContain('canary-text');
    const summaries = await gateway.eventsOf('capture.refusals');
    expect(summaries.every((event) => event.projectId === 'system' || event.projectId === 'p1')).toBe(true);
    expect(JSON.stringify(summaries)).toContain('invalid_api_key');
  });

  it('of a flood do not fill the outbox or keep another key from its calls', async () => {
    const noisy = await GatewayHarness.start({ LOOM_REFUSALS_BURST: '50', LOOM_REFUSALS_SUMMARY: '300ms' });
    await noisy.provider({ baseUrl: upstream.url });
    const good = newApiKey();
    await noisy.publishKey(good, {});
    await noisy.settled();
    const count = Number(process.env.LOOM_TEST_REFUSALS ?? 4_000);
    let refused = 0;
    const flood = Array.from({ length: 20 }, async () => {
      while (refused < count) {
        refused += 1;
        const response = await noisy.chat(
          '{"model":',
          refused % 2 ? {} : { headers: { authorization: 'Bearer x' } },
        );
        await response.arrayBuffer();
      }
    });
    const calls = await Promise.all(
      Array.from({ length: 20 }, () => noisy.chat(ok, { headers: { authorization: `Bearer ${good.text}` } })),
    );
    expect(calls.map((response) => response.status)).toEqual(calls.map(() => 200));
    await Promise.all(flood);
    await noisy.close();
    const events = await noisy.events();
    expect(events.filter((event) => event.type === 'call.refused').length).toBeLessThan(200);
    const counted = events.flatMap((event) =>
      event.type === 'capture.refusals' ? Object.values(event.counts) : [],
    );
    const recorded = events.filter((event) => event.type === 'call.refused').length;
    expect(counted.reduce((sum, one) => sum + one, 0) + recorded).toBe(refused);
    await noisy.destroy();
  }, 600_000);
});

describe('a client that never reads', () => {
  it('costs bounded memory and is left after a while', async () => {
    const piece = `data: {"choices":[{"delta":{"content":"${'x'.repeat(16_000)}"}}]}\n\n`;
    let sent = 0;
    upstream.play = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (; sent < 4_000 && !response.destroyed; sent += 1) {
        if (!response.write(piece)) await once(response, 'drain', { signal: AbortSignal.timeout(5_000) });
      }
    };
    const body = JSON.stringify({ ...ok, stream: true });
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.pause();
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${gateway.token}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
    const aborted = await gateway.eventsOf('call.aborted');
    expect(aborted.length).toBeGreaterThan(0);
    expect(sent).toBeLessThan(2_000); // the provider was held back long before the end
    socket.destroy();
    upstream.play = answerPieces(['{}'], { stream: false });
  });
});

/** What comes back on a plain socket, until the other side closes or is silent for a while. */
function rawRequest(url: string, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString()));
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(text));
    socket.setTimeout(1_500, () => socket.destroy());
    for (const piece of pieces) socket.write(piece);
  });
}
