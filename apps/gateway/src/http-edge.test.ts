import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { answerJson } from '@loom/testkit';
import type { CallAccepted } from '@loom/trace-schema';
import { chatAnswer, useGateway } from './testing/gateway-suite.ts';

const messages = [{ role: 'user', content: 'hi' }];
const ask = { model: 'gpt-x', messages };
const page = 'https://app.example.com';
const suite = useGateway({
  LOOM_GATEWAY_BODY_BYTES_MAX: '1MiB',
  LOOM_GATEWAY_CORS_ORIGINS: page,
});
const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
  fetch(suite.gateway.url + path, {
    method,
    headers: { authorization: `Bearer ${suite.gateway.token}`, ...headers },
  });
const send = (body: Buffer | string, headers: Record<string, string>, path = '/v1/chat/completions') =>
  fetch(suite.gateway.url + path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${suite.gateway.token}`,
      'content-type': 'application/json',
      ...headers,
    },
    body,
  });
const answersChat = () => (suite.first.play = answerJson(chatAnswer()));
const errorOf = async (response: Response) => {
  const { error } = (await response.json()) as {
    error: Record<'message' | 'code' | 'param' | 'type', string>;
  };
  return { status: response.status, ...error };
};
const acceptedOf = async (response: Response) => {
  const { call } = await suite.endOf(response);
  const accepted = (await suite.gateway.eventsOf('call.accepted')) as CallAccepted[];
  return accepted.find((event) => event.call.callId === call.callId);
};

describe('a request body', () => {
  const body = Buffer.from(JSON.stringify(ask));
  it.each([
    ['gzip', gzipSync(body)],
    ['x-gzip', gzipSync(body)],
    ['GZIP', gzipSync(body)],
    ['deflate', deflateSync(body)],
    ['deflate', deflateRawSync(body)],
    ['br', brotliCompressSync(body)],
    ['zstd', zstdCompressSync(body)],
    ['identity, gzip', gzipSync(body)],
    ['deflate, br', brotliCompressSync(deflateSync(body))],
    ['identity', body],
  ])('in %s is decoded, and goes on and to the record as it was meant', async (encoding, encoded) => {
    answersChat();
    const response = await send(encoded, { 'content-encoding': encoding });
    expect(response.status).toBe(200);
    expect(suite.first.seen[0]?.body.toString()).toBe(body.toString());
    expect(suite.first.seen[0]?.headers['content-encoding']).toBeUndefined();
    expect((await acceptedOf(response))?.request.length).toBe(body.length);
  });

  const zeros = Buffer.alloc(64 * 1024 * 1024);
  it.each([
    ['gzip', gzipSync(zeros)],
    ['deflate', deflateSync(zeros)],
    ['br', brotliCompressSync(zeros)],
    ['zstd', zstdCompressSync(zeros)],
    ['gzip, gzip', gzipSync(gzipSync(zeros))],
  ])('that grows a thousandfold in %s is refused', async (encoding, bomb) => {
    const { status, message } = await errorOf(await send(bomb, { 'content-encoding': encoding }));
    expect([status, message]).toEqual([
      413,
      'the decoded request body is larger than the limit of 1048576 bytes',
    ]);
  });

  it.each([
    ['compress', body, '"compress" is not understood; use one of gzip, x-gzip, deflate, br, zstd'],
    ['gzip', body, '"gzip" does not fit the body'],
    ['br', gzipSync(body), '"br" does not fit the body'],
    ['zstd', zstdCompressSync(body).subarray(0, 20), '"zstd" does not fit the body'],
    ['gzip', gzipSync(body).subarray(0, 20), '"gzip" does not fit the body'],
    ['gzip, gzip, gzip, gzip', body, 'has more than 3 encodings'],
    ['toString', body, '"toString" is not understood'],
  ])(
    'said to be in %s and not is refused by the name of the header (case %#)',
    async (encoding, bytes, words) => {
      const error = await errorOf(await send(bytes, { 'content-encoding': encoding }));
      expect(error).toMatchObject({
        status: 400,
        param: 'content-encoding',
        message: expect.stringContaining(words),
      });
      const messages = await send(bytes, { 'content-encoding': encoding }, '/v1/messages');
      expect(await messages.json()).toMatchObject({
        type: 'error',
        error: { type: 'invalid_request_error' },
      });
    },
  );
});

describe('a path', () => {
  it.each([
    '/v1/chat/completions',
    '//v1/chat/completions',
    '/v1//chat///completions',
    '/v1/chat/completions/',
    '/v1/v1/chat/completions',
    '/v1/v1/v1/chat/completions/?x=1',
    '/chat/completions',
  ])('%s is understood', async (path) => {
    answersChat();
    expect((await send(JSON.stringify(ask), {}, path)).status).toBe(200);
  });

  it.each(['/v1/models', '/v1/models/', '//v1//models', '/models', '/v1/v1/models'])(
    '%s too',
    async (path) => {
      suite.first.play = answerJson({ data: [{ id: 'gpt-x' }] });
      expect((await get(path)).status).toBe(200);
    },
  );

  it.each(['/v1/messages/', '/messages', '/v1/v1/messages'])('%s is of Anthropic', async (path) => {
    expect(await (await send('{}', {}, path)).json()).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'you must provide a model parameter' },
    });
  });

  it.each([
    ['/v2/chat/completions', {}, 'openai'],
    ['/v1', {}, 'openai'],
    ['/', {}, 'openai'],
    ['/v1/messages/batches', {}, 'anthropic'],
    ['/v1/files', { 'anthropic-version': '2023-06-01' }, 'anthropic'],
    ['/v1/files', {}, 'openai'],
  ])('that is unknown (%s %j) is refused in the dialect of %s', async (path, headers, style) => {
    const response = await send('{}', headers, path);
    const error = { message: expect.stringContaining('unknown request URL'), type: style === 'openai' ? 'invalid_request_error' : 'not_found_error' }; // prettier-ignore
    expect([response.status, await response.json()]).toEqual([
      404,
      expect.objectContaining(
        style === 'openai' ? { error: expect.objectContaining(error) } : { type: 'error', error },
      ),
    ]);
  });
});

describe('CORS', () => {
  const preflight = (origin: string, url = suite.gateway.url) =>
    fetch(`${url}/v1/chat/completions`, {
      method: 'OPTIONS',
      headers: {
        ...{ origin, 'access-control-request-method': 'POST' },
        'access-control-request-headers': 'authorization,content-type,x-stainless-lang',
      },
    });

  it('lets the pages of the setting call, and read what the answer says', async () => {
    const asked = await preflight(page);
    expect([asked.status, Object.fromEntries(asked.headers)]).toMatchObject([
      204,
      {
        ...{ 'access-control-allow-origin': page, vary: 'origin' },
        'access-control-allow-headers': 'authorization,content-type,x-stainless-lang',
        'access-control-allow-methods': expect.stringContaining('POST'),
      },
    ]);
    answersChat();
    for (const response of [
      await send(JSON.stringify(ask), { origin: page }),
      await send('{', { origin: page }),
      await send(JSON.stringify({ ...ask, stream: true }), { origin: page }),
    ])
      expect(Object.fromEntries(response.headers)).toMatchObject({
        ...{ 'access-control-allow-origin': page, 'access-control-expose-headers': '*' },
      });
  });

  it('keeps other pages away', async () => {
    for (const origin of ['https://evil.example', 'null', `${page}.evil.example`, 'http://app.example.com']) {
      const response = await preflight(origin);
      expect([response.status, response.headers.get('access-control-allow-origin')]).toEqual([403, null]);
      expect(await response.text()).toContain('LOOM_GATEWAY_CORS_ORIGINS');
      answersChat();
      const call = await send(JSON.stringify(ask), { origin });
      expect(call.headers.get('access-control-allow-origin')).toBeNull();
    }
  });
});

describe('models', () => {
  beforeAll(async () => {
    suite.second.play = answerJson({
      data: [
        { id: 'o-9', created: 1_700_000_000, shutdown_date: '2027-01-31', context_window: 1000 },
        {
          id: 'org/slashed',
          created_at: '2026-02-03T00:00:00Z',
          display_name: 'Slashed',
          max_input_tokens: 77,
        },
      ],
    });
    suite.first.play = answerJson({ data: [{ id: 'gpt-x' }, { id: 'claude-x' }] });
    await get('/v1/models');
  });

  it('are listed as OpenAI does, with what the provider tells of them', async () => {
    const list = (await (await get('/v1/models')).json()) as { object: string; data: { id: string }[] };
    expect(list.object).toBe('list');
    expect(list.data).toContainEqual({
      ...{ id: 'two/o-9', object: 'model', created: 1_700_000_000, owned_by: 'two' },
      ...{ context_length: 1000, shutdown_date: '2027-01-31' },
    });
    expect(list.data).toContainEqual({ id: 'gpt-x', object: 'model', created: 0, owned_by: 'one' });
    const head = await get('/v1/models', {}, 'HEAD');
    expect([head.status, await head.text(), Number(head.headers.get('content-length')) > 0]).toEqual([
      200,
      '',
      true,
    ]);
  });

  it('are listed as Anthropic does for its clients, page by page', async () => {
    const headers = { 'anthropic-version': '2023-06-01' };
    const ids: string[] = [];
    let after = '';
    for (let pages = 0; pages < 20; pages += 1) {
      const response = await get(`/v1/models?limit=2${after}`, headers);
      const { data, has_more, last_id } = (await response.json()) as { data: { id: string }[]; has_more: boolean; last_id: string }; // prettier-ignore
      ids.push(...data.map(({ id }) => id));
      if (!has_more) break;
      after = `&after_id=${encodeURIComponent(last_id)}`;
    }
    const all = (await (await get('/v1/models')).json()) as { data: { id: string }[] };
    expect(ids).toEqual(all.data.map(({ id }) => id));
    const last = await get(`/v1/models?limit=1&before_id=${encodeURIComponent(ids[1] ?? '')}`, headers);
    expect(await last.json()).toMatchObject({ data: [{ type: 'model', id: ids[0] }], has_more: false });
    for (const query of ['limit=0', 'limit=x', 'after_id=nothing'])
      expect(await (await get(`/v1/models?${query}`, headers)).json()).toMatchObject({ type: 'error' });
  });

  it.each([
    ['two/o-9', { id: 'two/o-9', owned_by: 'two' }],
    ['two%2Fo-9', { id: 'two/o-9' }],
    ['TWO/o-9', { id: 'TWO/o-9', owned_by: 'two' }],
    ['two/org/slashed', { id: 'two/org/slashed', created: 1_770_076_800, context_length: 77 }],
    ['one/gpt-x', { id: 'one/gpt-x', owned_by: 'one' }],
  ])('one by its name %s', async (name, expected) => {
    expect(await (await get(`/v1/models/${name}`)).json()).toMatchObject(expected);
  });

  it('one as Anthropic shows it, and one that is not there', async () => {
    const headers = { 'anthropic-version': '2023-06-01' };
    expect(await (await get('/v1/models/two/org/slashed', headers)).json()).toEqual({
      ...{ type: 'model', id: 'two/org/slashed', display_name: 'Slashed' },
      ...{ created_at: '2026-02-03T00:00:00Z', max_input_tokens: 77 },
    });
    const missing = await get('/v1/models/nothing', headers);
    expect([missing.status, await missing.json()]).toMatchObject([404, { type: 'error', error: { type: 'not_found_error' } }]); // prettier-ignore
    const { status, code, param } = await errorOf(await get('/v1/models/nothing'));
    expect([status, code, param]).toEqual([404, 'model_not_found', 'model']);
    expect((await get('/v1/models/%ff')).status).toBe(400);
    expect((await get('/v1/models/gpt-x', { authorization: 'Bearer x' })).status).toBe(401);
  });
});

describe('headers', () => {
  it('of the caller go to the provider and on the record, but for credentials, those of the hop and Loom’s own', async () => {
    answersChat();
    const passing = {
      ...{
        'http-referer': 'https://my.app',
        'x-title': 'My App',
        'x-stainless-lang': 'js',
        'user-agent': 'my-client/1',
      },
      ...{ 'openai-beta': 'assistants=v2', 'x-custom-trace': '17' },
    };
    const { token } = suite.gateway;
    const kept = {
      ...{
        cookie: 'a=b',
        'x-forwarded-for': '10.0.0.1',
        forwarded: 'for=1',
        'x-real-ip': '10.0.0.1',
        via: '1.1 x',
      },
      ...{
        'x-goog-api-key': 'AIza',
        'x-amz-security-token': 't',
        'proxy-authorization': 'Basic x',
        origin: page,
      },
      ...{
        'x-loom-session-id': 's',
        'x-my-secret': 's',
        'helicone-auth-token': 'x',
        'x-mine': `Bearer ${token}`,
      },
      ...{
        'anthropic-beta': 'b',
        'openai-organization': 'org',
        'cf-access-client-id': 'x',
        'x-api-key': 'placeholder',
      },
    };
    const response = await send(JSON.stringify(ask), { ...passing, ...kept });
    expect(response.status).toBe(200);
    const sent = suite.first.seen[0]?.headers ?? {};
    expect(sent).toMatchObject(passing);
    expect(Object.keys(kept).filter((name) => name in sent)).toEqual([]);
    expect(JSON.stringify(sent)).not.toContain(token);
    const { parameters } = (await acceptedOf(response))?.facts ?? {};
    expect(parameters).toMatchObject({ 'header.x-title': 'My App', 'header.openai-beta': 'assistants=v2' });
    expect(JSON.stringify(parameters)).not.toContain(token);
  });

  it('of one API do not go to a provider of another', async () => {
    answersChat();
    const body = JSON.stringify({ ...ask, model: 'chat-only/m', max_tokens: 9 });
    const headers = { 'anthropic-version': '2023-06-01', 'anthropic-beta': 'b', 'x-title': 'My App' };
    expect((await send(body, headers, '/v1/messages')).status).toBe(200);
    const sent = suite.first.seen[0]?.headers ?? {};
    expect([sent['anthropic-version'], sent['anthropic-beta'], sent['x-title']]).toEqual([undefined, undefined, 'My App']); // prettier-ignore
  });

  it.each(['x-request-id', 'request-id', 'x-amzn-requestid', 'apim-request-id'])(
    'tell what the provider calls the request, by %s',
    async (name) => {
      suite.first.play = answerJson(chatAnswer(), 200, { [name]: 'req_1' });
      const response = await send(JSON.stringify(ask), {});
      expect(response.headers.get('x-loom-provider-request-id')).toBe('req_1');
    },
  );

  it('tell clients of Anthropic what the request is called by the name that they know', async () => {
    const response = await send('{}', {}, '/v1/messages');
    expect(response.headers.get('request-id')).toBe(response.headers.get('x-request-id'));
  });
});
