import { createHash } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { zstdDecompressSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { answerJson, answerPieces, answerRecorded, recordedChatCases, UpstreamPlayer } from '@loom/testkit';
import type { CallAccepted, CallEnded, CallPart, Payload } from '@loom/trace-schema';
import { GatewayHarness } from './testing/gateway-harness.ts';

let gateway: GatewayHarness;
let upstream: UpstreamPlayer;

beforeAll(async () => {
  upstream = await UpstreamPlayer.start();
  gateway = await GatewayHarness.start({
    LOOM_UPSTREAM_IDLE_TIMEOUT: '700ms',
    LOOM_CLIENT_STALL_TIMEOUT: '500ms',
    LOOM_GATEWAY_BODY_BYTES_MAX: '1MiB',
    LOOM_GATEWAY_BODY_TIMEOUT: '400ms',
    LOOM_CAPTURE_ANSWER_BYTES_MAX: '1MiB',
  });
  await gateway.provider({ baseUrl: upstream.url });
});
afterAll(async () => {
  await gateway.destroy();
  await upstream.close();
});
beforeEach(() => {
  upstream.seen.length = 0;
});

const messages = [{ role: 'user', content: 'hi' }];
const plain = (payload: Payload | null): Buffer => {
  const encoded = Buffer.from(payload?.data ?? '', 'base64');
  return payload?.codec === 'zstd' ? zstdDecompressSync(encoded) : encoded;
};
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('condition not met in time');
}

async function recordOf(response: Response): Promise<{ accepted: CallAccepted; ended: CallEnded }> {
  const callId = response.headers.get('x-request-id');
  for (let tries = 0; tries < 200; tries += 1) {
    const events = await gateway.events();
    const accepted = events.find((event) => event.id === `${callId}/accepted`);
    const ended = events.filter((event) => event.id === `${callId}/end`);
    if (ended.length > 0) {
      expect(ended).toHaveLength(1);
      return { accepted: accepted as CallAccepted, ended: ended[0] as CallEnded };
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`call ${callId} has no terminal`);
}

describe('a call', () => {
  it.each(recordedChatCases().map((found) => [found.name, found] as const))(
    'of %s comes through byte for byte and is on the record whole',
    async (_name, recorded) => {
      upstream.play = answerRecorded(recorded);
      const body = {
        model: 'gpt-x',
        messages,
        stream: recorded.stream,
        stream_options: { include_usage: true },
      };
      const response = await gateway.chat(body);
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(bytes.equals(recorded.bytes)).toBe(true);
      expect(upstream.seen[0]?.body.toString()).toBe(JSON.stringify(body));
      expect(upstream.seen[0]?.headers.authorization).toBe('Bearer sk-provider-0123456789');
      const { accepted, ended } = await recordOf(response);
      expect(plain(accepted.request).toString()).toBe(JSON.stringify(body));
      expect(plain(ended.response).equals(recorded.bytes)).toBe(true);
      expect(ended.response).toMatchObject({ length: bytes.length, hash: sha256(bytes) });
      expect(ended.chunks?.lengths.reduce((sum, length) => sum + length, 0)).toBe(bytes.length);
      expect(ended).toMatchObject({
        type: 'call.completed',
        status: 200,
        error: null,
        deliveredBytes: bytes.length,
      });
    },
  );

  it('asks for the usage of a stream, takes the extra chunk out again and knows the usage', async () => {
    const recorded = recordedChatCases().find((found) => found.name === 'openai/openai-text.chunks.txt');
    if (!recorded) throw new Error('case is gone');
    upstream.play = answerRecorded(recorded);
    const response = await gateway.chat({ model: 'gpt-x', messages, stream: true });
    const text = await response.text();
    expect(JSON.parse(upstream.seen[0]?.body.toString() ?? '')).toMatchObject({
      stream_options: { include_usage: true },
    });
    expect(text).not.toContain('"prompt_tokens"');
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
    expect(text.split('\n\n')).toHaveLength(recorded.pieces.length);
    const { ended } = await recordOf(response);
    expect(ended.usageSource).toBe('provider');
    expect(ended.usage).toMatchObject({ inputTokens: 16, outputTokens: 300 });
    expect(plain(ended.response).equals(recorded.bytes)).toBe(true);
  });

  it('sends a model of another name by a splice and keeps unknown fields to the byte', async () => {
    upstream.play = answerJson({ id: 'x', model: 'gpt-real', choices: [] });
    await gateway.chat(
      '{ "model" : "openai/gpt-real", "messages": [], "future": 1.0e5, "big": 12345678901234567890 }',
    );
    expect(upstream.seen[0]?.body.toString()).toBe(
      '{ "model" : "gpt-real", "messages": [], "future": 1.0e5, "big": 12345678901234567890 }',
    );
  });

  it('carries identity, labels and trace context to the record and back in headers', async () => {
    upstream.play = answerJson({ id: 'x', model: 'm', choices: [] }, 200, {
      'x-request-id': 'req-1',
      'set-cookie': 'a=b',
    });
    const response = await gateway.chat(
      { model: 'gpt-x', messages, user: 'end-user' },
      {
        headers: {
          traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
          'x-loom-session-id': 's1',
          'x-loom-metadata': '{"team":"search","n":3}',
          cookie: 'secret=1',
        },
      },
    );
    await response.text();
    expect(response.headers.get('x-loom-trace-id')).toBe('0af7651916cd43dd8448eb211c80319c');
    expect(response.headers.get('server-timing')).toMatch(/^loom;dur=\d+\.\d+$/);
    expect(response.headers.get('x-loom-provider-request-id')).toBe('req-1');
    expect(response.headers.get('set-cookie')).toBeNull();
    expect(upstream.seen[0]?.headers.cookie).toBeUndefined();
    const { ended } = await recordOf(response);
    expect(ended.call).toMatchObject({
      parentSpanId: 'b7ad6b7169203331',
      sessionId: 's1',
      userId: 'end-user',
      keyId: gateway.keyId,
      metadata: { team: 'search', n: '3' },
    });
    expect(ended.call.spanId).toBe(response.headers.get('x-loom-span-id'));
  });

  it.each([400, 401, 404, 429, 500, 503])(
    'hands a provider error %d through, status and body',
    async (status) => {
      const error = { error: { message: 'no', type: 'provider_type', param: null, code: 'c' } };
      upstream.play = answerJson(error, status, {
        'retry-after': '7',
        'x-ratelimit-remaining-requests': '0',
      });
      const response = await gateway.chat({ model: 'gpt-x', messages });
      expect(response.status).toBe(status);
      expect(response.headers.get('retry-after')).toBe('7');
      expect(response.headers.get('x-ratelimit-remaining-requests')).toBe('0');
      expect(await response.json()).toEqual(error);
      const { ended } = await recordOf(response);
      expect(ended).toMatchObject({
        type: 'call.failed',
        status,
        error: { type: 'provider_type', code: 'c' },
      });
      expect(ended.usageSource).toBe('none');
    },
  );

  it('decodes an answer whose provider ignored identity, and refuses a bomb', async () => {
    const body = JSON.stringify({
      id: 'x',
      model: 'm',
      choices: [{ index: 0, message: { content: 'ok' }, finish_reason: 'stop' }],
    });
    upstream.play = (_request, response) => {
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' })
        .end(gzipSync(body));
    };
    const response = await gateway.chat({ model: 'gpt-x', messages });
    expect(await response.text()).toBe(body);
    expect(response.headers.get('content-encoding')).toBeNull();
    upstream.play = (_request, answer) => {
      const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
      answer.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb);
    };
    const bomb = await gateway.chat({ model: 'gpt-x', messages });
    expect([bomb.status, await bomb.text()]).toEqual([502, expect.stringContaining('100 times')]);
    expect((await recordOf(bomb)).ended).toMatchObject({ type: 'call.failed' });
  });

  it('keeps length and hash of an answer that is longer than what is kept', async () => {
    const long = JSON.stringify({ choices: [{ message: { content: 'x'.repeat(3 * 1024 * 1024) } }] });
    upstream.play = answerJson(long);
    const response = await gateway.chat({ model: 'gpt-x', messages });
    expect((await response.text()).length).toBe(long.length);
    const { ended } = await recordOf(response);
    expect(ended.response).toMatchObject({
      length: long.length,
      storedLength: 1024 * 1024,
      hash: sha256(Buffer.from(long)),
    });
  });

  it.each([true, false])(
    "has the provider's usage of an answer that is longer than what is kept (stream: %s)",
    async (stream) => {
      const content = 'x'.repeat(1_500_000);
      const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
      const choice = { index: 0, finish_reason: 'stop', [stream ? 'delta' : 'message']: { content } };
      const first = { id: 'x', model: 'm', choices: [choice], ...(stream ? {} : { usage }) };
      upstream.play = stream
        ? answerPieces([
            `data: ${JSON.stringify(first)}\n\n`,
            `data: ${JSON.stringify({ id: 'x', choices: [], usage })}\n\n`,
            'data: [DONE]\n\n',
          ])
        : answerJson(first);
      const response = await gateway.chat({ model: 'gpt-x', messages, stream });
      await response.text();
      const { ended } = await recordOf(response);
      expect(ended).toMatchObject({
        type: 'call.completed',
        usageSource: 'provider',
        usage: { inputTokens: 10, outputTokens: 5 },
      });
    },
  );

  it("sends a caller's organization with the operator's credential only where the provider allows it", async () => {
    upstream.play = answerJson({ id: 'c', object: 'chat.completion', choices: [] });
    const headers = { 'openai-organization': 'org-1', 'openai-project': 'proj-1', 'openai-beta': 'b=1' };
    const sent = async (model: string) => {
      upstream.seen.length = 0;
      await (await gateway.chat({ model, messages }, { headers })).text();
      const { 'openai-organization': organization, 'openai-project': project, 'openai-beta': beta } = upstream.seen[0]?.headers ?? {}; // prettier-ignore
      return { organization, project, beta };
    };
    expect(await sent('gpt-x')).toEqual({ organization: undefined, project: undefined, beta: 'b=1' });
    const options = { callerOrganization: 'pass' };
    await gateway.provider({ name: 'shared', baseUrl: upstream.url, models: ['shared-*'], options });
    expect(await sent('shared/gpt-y')).toEqual({ organization: 'org-1', project: 'proj-1', beta: 'b=1' });
  });

  it('does not hand on a credential that an error answer repeats', async () => {
    upstream.play = answerJson(
      { error: { message: 'Incorrect API key provided: sk-provider-0123456789', type: 'auth' } },
      401,
    );
    const response = await gateway.chat({ model: 'gpt-x', messages });
    expect(await response.text()).toContain('provided: **********************"');
    expect(JSON.stringify((await recordOf(response)).ended)).not.toContain('sk-provider-0123456789');
  });

  it.each([
    ['an error', { error: { message: 'slow down', type: 'rate_limit_exceeded_now', code: 'rate_limit_exceeded' } }, 429], // prettier-ignore
    ['words', { error: { message: 'so it is', type: 'context_length_exceeded', code: null } }, 400],
  ])(
    'reads %s of a provider before a credential of the same words is taken out',
    async (_, error, status) => {
      const named = { name: 'odd', baseUrl: upstream.url, models: ['odd-*'] };
      await gateway.provider(named, error.error.code ?? error.error.type);
      for (const stream of [false, true]) {
        upstream.play = stream
          ? (_request, response) => {
              response.writeHead(200, { 'content-type': 'text/event-stream' });
              response.end(`data: ${JSON.stringify(error)}\n\n`);
            }
          : answerJson(error);
        const response = await gateway.chat({ model: 'odd/odd-x', messages, stream });
        expect(response.status).toBe(status);
        expect(await response.text()).toContain('****************');
      }
    },
  );

  it('leaves a credential of fewer than 16 characters, which may be a word, where it is', async () => {
    await gateway.provider({ name: 'local', baseUrl: upstream.url, models: ['local-*'] }, 'completion-key1');
    upstream.play = answerJson({ error: { message: 'no completion-key1', type: 'auth' } }, 401);
    const response = await gateway.chat({ model: 'local/local-x', messages });
    expect(await response.text()).toContain('no completion-key1');
  });

  it.each([false, true])(
    'does not hand on or record a credential that a successful answer repeats (stream: %s)',
    async (stream) => {
      const text = 'you sent Bearer sk-provider-0123456789, thanks';
      const headers = {
        'openai-organization': 'org of sk-provider-0123456789',
        'x-request-id': 'sk-provider-0123456789',
      };
      const message = { role: 'assistant', content: text };
      const chunk = (delta: object, finish_reason: string | null) =>
        `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
      upstream.play = stream
        ? (_request, response) => {
            response.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
            const body = chunk(message, null) + chunk({}, 'stop') + 'data: [DONE]\n\n';
            for (const byte of body) response.write(byte);
            response.end();
          }
        : answerJson({ id: 'c', object: 'chat.completion', choices: [{ index: 0, message, finish_reason: 'stop' }] }, 200, headers); // prettier-ignore
      const response = await gateway.chat({ model: 'gpt-x', messages, stream });
      const body = await response.text();
      expect(body).toContain('you sent Bearer **********************, thanks');
      expect(JSON.stringify([...response.headers])).not.toContain('sk-provider-0123456789');
      const { ended } = await recordOf(response);
      expect(ended.type).toBe('call.completed');
      const told = JSON.stringify(await gateway.events()) + JSON.stringify(ended);
      const decoded = [...told.matchAll(/"data":"([A-Za-z0-9+/=]+)"/g)].map(([, data]) => Buffer.from(data ?? '', 'base64').toString('latin1')); // prettier-ignore
      expect(told).not.toContain('sk-provider-0123456789');
      expect(decoded.filter((one) => one.includes('sk-provider-0123456789'))).toEqual([]);
      expect(decoded.some((one) => one.includes('***********')) || told.includes('***********')).toBe(true);
    },
  );

  it('answers 502 for an encoding that is not understood, and records a redirect as a failure', async () => {
    upstream.play = answerJson({}, 200, { 'content-encoding': 'lzma' });
    const unknown = await gateway.chat({ model: 'gpt-x', messages });
    expect([unknown.status, await unknown.text()]).toEqual([502, expect.stringContaining('lzma')]);
    upstream.play = answerJson('', 302, { location: 'http://127.0.0.1:1/' });
    const moved = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      redirect: 'manual',
      headers: { authorization: `Bearer ${gateway.token}` },
      body: JSON.stringify({ model: 'gpt-x', messages }),
    });
    expect([moved.status, moved.headers.get('location')]).toEqual([502, null]);
    expect((await recordOf(moved)).ended.type).toBe('call.failed');
  });

  it('sends a large payload as parts that come before the event that names them', async () => {
    upstream.play = answerJson({ choices: [] });
    const content = Buffer.from(crypto.getRandomValues(new Uint8Array(60_000))).toString('base64');
    const noise = Array.from({ length: 10 }, () => crypto.getRandomValues(new Uint8Array(50_000)));
    const body = JSON.stringify({
      model: 'gpt-x',
      messages: [{ role: 'user', content: content + Buffer.concat(noise).toString('base64') }],
    });
    const response = await gateway.chat(body);
    expect(response.status).toBe(200);
    const { accepted } = await recordOf(response);
    expect(accepted.request).toMatchObject({ data: null, length: body.length, parts: 2 });
    const events = await gateway.events();
    const { callId } = accepted.call;
    const parts = events.filter(
      (event) => event.type === 'call.part' && event.callId === callId,
    ) as CallPart[];
    expect(parts.map((part) => part.index)).toEqual([0, 1]);
    const position = events.findIndex((event) => event.id === accepted.id);
    expect(
      events.slice(0, position).filter((event) => parts.some((part) => part.id === event.id)),
    ).toHaveLength(2);
    const encoded = Buffer.concat(parts.map((part) => Buffer.from(part.data, 'base64')));
    expect(zstdDecompressSync(encoded).toString()).toBe(body);
  });
});

describe('a stream that goes wrong', () => {
  const event = (text: string) =>
    `data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"${text}"},"finish_reason":null}]}\n\n`;
  const finish = 'data: {"id":"a","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';

  it.each(['reset', 'clean'] as const)(
    'ends visibly when the provider breaks off (%s), without [DONE]',
    async (end) => {
      upstream.play = answerPieces([event('one'), event('two')], { end, pauseMs: 5 });
      const response = await gateway.chat({ model: 'gpt-x', messages, stream: true });
      const text = await response.text();
      expect(text.startsWith(event('one') + event('two'))).toBe(true);
      expect(text).not.toContain('[DONE]');
      const last = JSON.parse(text.trim().split('\n\n').at(-1)?.slice(6) ?? '') as {
        error: { type: string; code: string };
      };
      expect(last.error).toMatchObject({ type: 'upstream_error', code: 'upstream_error' });
      const { ended } = await recordOf(response);
      expect(ended).toMatchObject({
        type: 'call.failed',
        error: { type: 'upstream_error' },
        usageSource: 'estimated',
      });
      expect(plain(ended.response).toString()).toBe(event('one') + event('two'));
    },
  );

  it.each(['reset', 'clean'] as const)(
    'drops half an event (%s): what follows is an error that a client can read',
    async (end) => {
      for (const options of [{}, { stream_options: { include_usage: true } }]) {
        upstream.play = answerPieces([event('one'), 'data: {"id":"ch'], { end, pauseMs: 5 });
        const response = await gateway.chat({ model: 'gpt-x', messages, stream: true, ...options });
        const events = (await response.text()).trim().split('\n\n');
        expect(events).toHaveLength(2);
        expect(JSON.parse(events[1]?.slice(6) ?? '')).toMatchObject({ error: { type: 'upstream_error' } });
        expect(plain((await recordOf(response)).ended.response).toString()).toBe(
          `${event('one')}data: {"id":"ch`,
        );
      }
    },
  );

  it('is complete when the connection breaks only after [DONE]', async () => {
    upstream.play = answerPieces([event('one'), finish, 'data: [DONE]\n\n'], { end: 'reset', pauseMs: 5 });
    const response = await gateway.chat({ model: 'gpt-x', messages, stream: true });
    expect(await response.text()).toBe(`${event('one')}${finish}data: [DONE]\n\n`);
    expect((await recordOf(response)).ended.type).toBe('call.completed');
  });

  it('ends by the idle timeout when the provider stalls, and cancels it', async () => {
    upstream.play = answerPieces([event('one')], { end: 'never' });
    const response = await gateway.chat({ model: 'gpt-x', messages, stream: true });
    const text = await response.text();
    expect(text).toContain('"type":"timeout"');
    expect((await recordOf(response)).ended).toMatchObject({
      type: 'call.failed',
      error: { type: 'timeout' },
    });
    expect(upstream.seen[0]?.aborted).toBe(true);
  });

  it('answers 504 when the provider never begins', async () => {
    const slow = await GatewayHarness.start({ LOOM_UPSTREAM_HEAD_TIMEOUT: '300ms' });
    await slow.provider({ baseUrl: upstream.url });
    upstream.play = () => undefined;
    const response = await slow.chat({ model: 'gpt-x', messages });
    expect(response.status).toBe(504);
    expect(await response.json()).toMatchObject({ error: { type: 'timeout', code: 'timeout' } });
    await slow.destroy();
  });

  it('is complete with a finish reason and no [DONE], and adds none', async () => {
    upstream.play = answerPieces([event('one'), finish]);
    const response = await gateway.chat({ model: 'gpt-x', messages, stream: true });
    expect(await response.text()).toBe(event('one') + finish);
    expect((await recordOf(response)).ended).toMatchObject({
      type: 'call.completed',
      finishReasons: ['stop'],
    });
  });

  it("passes comments, CRLF, malformed events and a provider's error event as they are", async () => {
    const pieces = [
      ': ping\r\n\r\n',
      'data: {not json\r\n\r\n',
      'data:\r\n\r\n',
      'data: {"error":{"message":"m","type":"overloaded_error"}}\r\n\r\n',
      'data: [DONE]\r\n\r\n',
    ];
    upstream.play = answerPieces(pieces);
    const response = await gateway.chat({ model: 'gpt-x', messages, stream: true });
    expect(await response.text()).toBe(pieces.join(''));
    expect((await recordOf(response)).ended).toMatchObject({
      type: 'call.failed',
      error: { type: 'overloaded_error' },
    });
  });

  it('answers 502 in the dialect when the provider cannot be reached', async () => {
    await gateway.provider({ name: 'gone', baseUrl: 'http://127.0.0.1:9/v1', models: [] });
    const response = await gateway.chat({ model: 'gone/m', messages });
    expect(response.status).toBe(502);
    expect(await response.json()).toMatchObject({ error: { type: 'upstream_error' } });
    expect((await recordOf(response)).ended).toMatchObject({ type: 'call.failed', status: 502 });
  });

  it.each([true, false])(
    'is cancelled at the provider when the client leaves (stream: %s)',
    async (stream) => {
      upstream.play = answerPieces([event('one')], { end: 'never', stream });
      const controller = new AbortController();
      const before = upstream.seen.length;
      const asked = gateway.chat({ model: 'gpt-x', messages, stream }, { signal: controller.signal });
      // A JSON answer is handed out when it is whole: its client leaves while the provider is still at it.
      if (stream) await (await asked).body?.getReader().read();
      else while (upstream.seen.length === before) await delay(5);
      controller.abort();
      await asked.catch(() => undefined);
      const [ended] = await gateway.eventsOf('call.aborted');
      expect(ended).toMatchObject({ type: 'call.aborted', error: { type: 'client_abort' } });
      expect(upstream.seen[0]?.aborted).toBe(true);
    },
  );

  it('hands out each event when it comes, and writes what has come while it runs', async () => {
    upstream.play = answerPieces([event('one')], { end: 'never' });
    const controller = new AbortController();
    const response = await gateway.chat(
      { model: 'gpt-x', messages, stream: true },
      { signal: controller.signal },
    );
    const reader = response.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(event('one'));
    const callId = response.headers.get('x-request-id') ?? '';
    await until(async () =>
      (await gateway.events()).some((found) => found.type === 'call.chunks' && found.callId === callId),
    );
    controller.abort();
    await recordOf(response);
  });
});
