import { gzipSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { answerJson, answerPieces, type Play } from '@loom/testkit';
import { chatAnswer, useGateway } from './testing/gateway-suite.ts';

const body = { messages: [{ role: 'user', content: 'hi' }] };
const encoded =
  (encoding: string, bytes: Buffer): Play =>
  (_request, response) =>
    void response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
      .end(bytes);

/** What a provider may answer instead of an answer, whatever the dialect. */
const broken: readonly (readonly [string, Play])[] = [
  ['half a JSON text', answerJson('{"id":"x","choices":[{"mess')],
  ['an empty body', answerJson('')],
  ['white space', answerJson('   \n')],
  ['a page', answerJson('<html><body>502</body></html>', 200, { 'content-type': 'text/html' })],
  ['an array', answerJson([])],
  ['null', answerJson('null')],
  ['a number', answerJson('42')],
  ['an object of something else', answerJson({ hello: 'world' })],
  ['choices and content that are texts', answerJson({ choices: 'none', content: 'none', output: 'none' })],
  ['choices and content of nothing', answerJson({ choices: [null], content: ['text'] })],
  ['an error with status 200', answerJson({ error: { message: 'it broke', type: 'server_error' } })],
  ['a bomb', encoded('gzip', gzipSync(Buffer.alloc(64 * 1024 * 1024)))],
  ['what is no gzip', encoded('gzip', Buffer.from('not gzip'))],
  ['a thousand encodings', encoded(Array.from({ length: 1000 }, () => 'gzip').join(', '), Buffer.from('x'))],
  [
    'a body that is shorter than it says',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
      response.write('{"id":');
      setTimeout(() => response.destroy(), 10);
    },
  ],
];

describe('an answer that is none', () => {
  const suite = useGateway();
  const ask = (path: string, model: string, more: object = {}) =>
    suite.post(path, { model, max_tokens: 9, ...body, ...more });

  it.each(
    broken.flatMap(
      ([name, play]) =>
        [
          [name, 'one/gpt-x', play],
          [name, 'claude/claude-x', play],
        ] as const,
    ),
  )(
    '(%s from %s) becomes 502 with the name of the provider, on the record too',
    async (name, model, play) => {
      suite.first.play = play;
      const response = await ask('/v1/chat/completions', model);
      const text = await response.text();
      expect([response.status, JSON.parse(text)]).toEqual([
        502,
        { error: expect.objectContaining({ param: null }) },
      ]);
      const provider = model.split('/')[0] ?? '';
      if (!/error with status 200|bomb|gzip|encodings|shorter/.test(name))
        expect(text).toContain(`provider \\"${provider}\\"`);
      expect(await suite.endOf(response)).toMatchObject({ type: 'call.failed', status: 502 });
    },
  );

  it.each([
    ['/v1/responses', 'one/gpt-x', { input: 'hi' }, 'error'],
    ['/v1/messages', 'claude/claude-x', {}, 'type'],
    ['/v1/embeddings', 'one/gpt-x', { input: 'hi' }, 'error'],
    ['/v1/completions', 'one/gpt-x', { prompt: 'hi' }, 'error'],
  ])('is told to callers of %s in their dialect', async (path, model, more, member) => {
    suite.first.play = answerJson({ hello: 'world' });
    const response = await ask(path, model, more);
    expect(response.status).toBe(502);
    expect(await response.json()).toHaveProperty(member);
  });

  it('hurts one request only: others on the same connections get their answers', async () => {
    suite.first.play = (request, response) =>
      (request.body.includes('bad') ? answerJson('{"half') : answerJson(chatAnswer()))(request, response);
    const calls = Array.from({ length: 60 }, (_, index) =>
      ask('/v1/chat/completions', 'one/gpt-x', { user: index % 3 === 0 ? 'bad' : 'good' }),
    );
    const statuses = (await Promise.all(calls)).map(({ status }) => status);
    expect(statuses).toEqual(statuses.map((_, index) => (index % 3 === 0 ? 502 : 200)));
  });

  it('followed by a second answer that nobody asked for does not reach the next call', async () => {
    const answer = JSON.stringify(chatAnswer('first'));
    const evil = JSON.stringify(chatAnswer('evil'));
    suite.first.play = (_request, response) => {
      const http = (text: string) =>
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`;
      response.socket?.write(http(answer) + http(evil));
    };
    const first = await ask('/v1/chat/completions', 'one/gpt-x');
    expect(await first.text()).toBe(answer);
    suite.first.play = answerJson(chatAnswer('second'));
    for (let call = 0; call < 5; call += 1)
      expect(await (await ask('/v1/chat/completions', 'one/gpt-x')).text()).toContain('second');
  });

  const begun = [
    {
      type: 'message_start',
      message: { id: 'm', model: 'claude-x', usage: { input_tokens: 40, output_tokens: 1 } },
    },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'word '.repeat(40) } },
  ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);

  it.each(['/v1/chat/completions', '/v1/messages'])(
    'that breaks off before its usage has what it read from the provider and what it wrote from the text (%s)',
    async (path) => {
      suite.first.play = answerPieces(begun);
      const response = await ask(path, 'claude/claude-x', { stream: true });
      await response.text();
      expect(await suite.endOf(response)).toMatchObject({
        ...{ type: 'call.failed', usageSource: 'estimated', textCounts: null },
        usage: { inputTokens: 40, outputTokens: 50 },
      });
    },
  );

  it('that has an event which cannot be read breaks off there, though the provider says its end', async () => {
    suite.first.play = answerPieces([
      ...begun,
      'event: content_block_delta\ndata: {"type":"content_block_delta","ind\n\n',
      'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":9}}\n\n',
      'event: message_stop\ndata: {"type":"message_stop"}\n\n',
    ]);
    const response = await ask('/v1/chat/completions', 'claude/claude-x', { stream: true });
    const text = await response.text();
    expect(text).toContain('data: {"error":');
    expect(text).not.toContain('[DONE]');
    expect(await suite.endOf(response)).toMatchObject({ type: 'call.failed' });
  });

  it('of counted tokens is no usage', async () => {
    suite.first.play = answerJson({ input_tokens: 12 });
    const response = await ask('/v1/messages/count_tokens', 'claude/claude-x');
    expect(await response.json()).toEqual({ input_tokens: 12 });
    expect(await suite.endOf(response)).toMatchObject({
      ...{ type: 'call.completed', usage: null, usageSource: 'none', textCounts: null },
    });
  });

  it.each([
    ['/v1/chat/completions', 'claude/claude-x', 'data: {"error":'],
    ['/v1/responses', 'claude/claude-x', 'event: error'],
    ['/v1/messages', 'chat-only/m', 'event: error'],
  ])('in the middle of a stream ends that of %s with an error, never cleanly', async (path, model, last) => {
    const isMessages = model.startsWith('claude');
    suite.first.play = answerPieces(
      isMessages
        ? [
            `event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":3}}}\n\n`,
            `event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n`,
            `event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"half"}}\n\n`,
            `data: {"type":"content_block_del`,
          ]
        : [`data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"half"}}]}\n\n`],
      { end: 'reset' },
    );
    const asked = path === '/v1/responses' ? { input: 'hi' } : { max_tokens: 9, ...body };
    const response = await suite.post(path, { model, stream: true, ...asked });
    const text = await response.text();
    expect(text).toContain('half');
    expect(text).toContain(last);
    expect(text).not.toMatch(/\[DONE\]|message_stop|response\.completed/);
    expect((await suite.endOf(response)).type).toBe('call.failed');
  });

  it('tells an error of a Responses stream by the number that comes next, native and translated', async () => {
    const event = (number: number) =>
      `event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":${number},"delta":"x"}\n\n`;
    suite.first.play = answerPieces([event(0), event(1)], { end: 'reset' });
    const native = await (
      await suite.post('/v1/responses', { model: 'one/gpt-x', input: 'hi', stream: true })
    ).text();
    expect(native).toMatch(
      /event: error\ndata: \{"type":"error","sequence_number":2,.*"error":\{.*"message"/,
    );
    suite.first.play = answerPieces(
      [`data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n`],
      {
        end: 'reset',
      },
    );
    const translated = await (
      await suite.post('/v1/responses', { model: 'chat-only/m', input: 'hi', stream: true })
    ).text();
    const numbers = [...translated.matchAll(/"sequence_number":(\d+)/g)].map(([, number]) => Number(number));
    expect(numbers).toEqual(numbers.map((_, index) => index));
    expect(translated).toContain('event: error');
  });

  it("hands on the provider's own error in mid-stream, in the caller's dialect", async () => {
    suite.first.play = answerPieces(
      [
        `event: message_start\ndata: {"type":"message_start","message":{"id":"m","model":"c","usage":{"input_tokens":3}}}\n\n`,
        `event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n`,
      ],
      { pauseMs: 20 },
    );
    const response = await ask('/v1/chat/completions', 'claude/claude-x', { stream: true });
    expect(await response.text()).toContain('"message":"Overloaded"');
    expect(await suite.endOf(response)).toMatchObject({
      type: 'call.failed',
      error: { type: 'overloaded_error' },
    });
  });
});

describe('a request that its provider cannot be told', () => {
  const suite = useGateway();
  const message = { id: 'm', type: 'message', role: 'assistant', model: 'claude-x', content: [], stop_reason: 'end_turn', usage: { input_tokens: 1, output_tokens: 1 } }; // prettier-ignore

  it.each([
    ['seed', { seed: 7 }],
    ['n', { n: 2 }],
    ['logprobs', { logprobs: true }],
    ['frequency_penalty', { frequency_penalty: 1 }],
    ['something_new', { something_new: true }],
    ['tools[0]', { tools: [{ type: 'web_search' }] }],
    ['messages[0].content[0]', { messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } }] }] }], // prettier-ignore
  ])('is refused by the name of %s, before anything is sent', async (param, more) => {
    const response = await suite.post('/v1/chat/completions', { model: 'claude/claude-x', ...body, ...more });
    expect([response.status, await response.json()]).toEqual([
      422,
      { error: expect.objectContaining({ param, code: 'unsupported_feature' }) },
    ]);
    expect(suite.first.seen).toHaveLength(0);
  });

  it('goes without what is harmless where that is wanted, and says what was left out', async () => {
    suite.first.play = answerJson(message);
    const ask = { model: 'claude/claude-x', ...body, seed: 7, something_new: true };
    const response = await suite.post('/v1/chat/completions', ask, { 'x-loom-unsupported': 'drop' });
    expect([response.status, response.headers.get('x-loom-dropped')]).toEqual([200, 'seed, something_new']);
    expect((await suite.endOf(response)).facts.dropped).toEqual(['seed', 'something_new']);
    const odd = { model: 'claude/claude-x', ...body, 'größe\r\nx-evil: 1': 1, ['x'.repeat(9000)]: 1 };
    const dropped = await suite.post('/v1/chat/completions', odd, { 'x-loom-unsupported': 'drop' });
    expect([dropped.status, dropped.headers.get('x-evil')]).toEqual([200, null]);
    expect(dropped.headers.get('x-loom-dropped')).toMatch(/^gr%C3%B6%C3%9Fe%0D%0Ax-evil: 1, x{1000}/);
    const audio = [
      { role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } }] },
    ];
    const refused = await suite.post(
      '/v1/chat/completions',
      { model: 'claude/claude-x', messages: audio },
      { 'x-loom-unsupported': 'drop' },
    );
    expect(refused.status).toBe(422);
  });

  it('passes unknown members as they are where the provider speaks the dialect', async () => {
    suite.first.play = answerJson(chatAnswer());
    await suite.post('/v1/chat/completions', {
      model: 'one/gpt-x',
      ...body,
      something_new: { deep: [1, 2.5] },
    });
    expect(suite.first.seen[0]?.body.toString()).toContain('"something_new":{"deep":[1,2.5]}');
  });

  it('says why a provider has no such operation', async () => {
    const response = await suite.post('/v1/embeddings', { model: 'claude/claude-x', input: 'hi' });
    expect([response.status, await response.text()]).toEqual([
      422,
      expect.stringContaining('no embeddings API'),
    ]);
  });
});
