import { beforeAll, describe, expect, it } from '@jest/globals';
import { answerJson, answerPieces, type Play } from '@loom/testkit';
import { chatAnswer, useGateway } from './testing/gateway-suite.ts';

const ask = { messages: [{ role: 'user', content: 'hi' }] };
const callers = [
  ['/v1/chat/completions', ask],
  ['/v1/responses', { input: 'hi' }],
  ['/v1/messages', { max_tokens: 9, ...ask }],
] as const;
const google = (error: object) => ({ error });
const retryInfo = { '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '34.07s' };

/** An error as a provider tells it, and the HTTP status that it stands for. */
const told = {
  openai: (code: string, type: string, more: object = {}) => ({ error: { message: 'so it is', type, code, param: 'x', ...more } }), // prettier-ignore
  anthropic: (type: string, message = 'so it is') => ({ type: 'error', error: { type, message } }),
};
const inside200 = [
  ['chat-only/m', told.openai('rate_limit_exceeded', 'requests'), 429, 'so it is'],
  ['chat-only/m', told.openai('invalid_api_key', 'invalid_request_error'), 401, 'so it is'],
  ['chat-only/m', { error: { code: 429, message: 'so it is' } }, 429, 'so it is'],
  [
    'chat-only/m',
    { object: 'error', message: 'so it is', type: 'BadRequestError', code: 400 },
    400,
    'so it is',
  ],
  ['one/gpt-x', told.openai('model_not_found', 'invalid_request_error'), 404, 'so it is'],
  ['claude/claude-x', told.anthropic('overloaded_error'), 529, 'so it is'],
  ['claude/claude-x', told.anthropic('request_too_large'), 413, 'so it is'],
  ['gem/g', google({ code: 429, message: 'so it is', status: 'RESOURCE_EXHAUSTED', details: [retryInfo] }), 429, 'so it is'], // prettier-ignore
  ['gem/g', google({ message: 'so it is', status: 'DEADLINE_EXCEEDED' }), 504, 'so it is'],
] as const;
const withStatus = [
  ['chat-only/m', 413, '<html><h1>413 Request Entity Too Large</h1></html>', 'Request Entity Too Large'],
  ['chat-only/m', 401, 'no such key', 'no such key'],
  ['chat-only/m', 404, 'page not found', 'page not found'],
  ['chat-only/m', 400, { detail: [{ loc: ['body', 'top_p'], msg: 'too much' }] }, 'too much'],
  [
    'chat-only/m',
    400,
    { object: 'error', message: 'not so', type: 'invalid', param: 'x', code: 7 },
    'not so',
  ],
  ['one/gpt-x', 504, '<html><style>a{}</style><body>Gateway Time-out</body></html>', 'Gateway Time-out'],
  ['one/gpt-x', 400, 'data: {"error":{"message":"not so","type":"invalid_request_error"}}\n\n', 'not so'],
  ['claude/claude-x', 529, told.anthropic('overloaded_error', 'Overloaded'), 'Overloaded'],
  ['claude/claude-x', 529, 'Overloaded', 'Overloaded'],
  ['gem/g', 401, [google({ code: 401, message: 'no key', status: 'UNAUTHENTICATED' })], 'no key'],
  ['gem/g', 504, '', 'status 504'],
  ['co/c', 404, { message: 'model not found' }, 'model not found'],
  ['rock/b', 413, { Message: 'too large' }, 'too large'],
] as const;

/** Whether the caller is answered by the provider's own API. */
const isNative = (path: string, model: string) =>
  model.startsWith('one/') ||
  (model.startsWith('claude/') && path === '/v1/messages') ||
  (model.startsWith('chat-only/') && path === '/v1/chat/completions');

describe('an error of a provider', () => {
  const suite = useGateway();
  const provider = (name: string, kind: string, more: object = {}, credential?: string) =>
    suite.gateway.provider({ name, kind, baseUrl: suite.first.url, models: [], ...more }, credential);
  const route = (alias: string, name: string, fallbackOn: string) =>
    suite.gateway.publish({
      entity: 'alias',
      value: {
        ...{ id: alias, projectId: 'p1', alias, provider: name, model: 'gpt-x' },
        route: {
          ...{ weight: 1, balance: [], fallbacks: [{ provider: 'two', model: 'gpt-y' }], retries: 0 },
          ...{ timeouts: {}, fallbackOn: [fallbackOn] },
        },
      } as { id: string },
    });
  beforeAll(async () => {
    await provider('gem', 'gemini');
    await provider('co', 'cohere');
    await provider('rock', 'aws-bedrock', { options: { region: 'eu-central-1' } }, 'AKID:secret');
    await route('safe', 'chat-only', 'context_window');
    await route('safe-native', 'one', 'context_window');
    await route('safe-claude', 'claude', 'context_window');
    await route('breaks', 'one', 'error');
    await suite.gateway.settled();
  });

  const check = async (path: string, response: Response, status: number, words: string) => {
    const text = await response.text();
    expect([response.status, text]).toEqual([status, expect.stringContaining(words)]);
    expect(response.headers.get('content-type')).toContain('json');
    const body = JSON.parse(text) as { type?: string; error: Record<string, unknown> };
    if (path === '/v1/messages')
      expect(body).toMatchObject({ type: 'error', error: { message: expect.any(String) } }); // prettier-ignore
    else expect(typeof body.error['message']).toBe('string');
    return body.error;
  };

  it.each(
    callers.flatMap(([path, body]) =>
      inside200.flatMap((row) => [true, false].map((stream) => [path, body, stream, ...row] as const)),
    ),
  )(
    'told with status 200 keeps its status: %s %j stream %s %s %j is %s',
    async (path, body, stream, model, error, status, words) => {
      const event = `${'type' in error ? `event: error\n` : ''}data: ${JSON.stringify(error)}\n\n`;
      suite.first.play = stream ? answerPieces([event]) : answerJson(error);
      const response = await suite.post(path, { ...body, model, stream });
      const shown = await check(path, response, status, words);
      if (path !== '/v1/messages' && JSON.stringify(error).includes('"param"'))
        expect(shown['param']).toBe('x');
      if (JSON.stringify(error).includes('RetryInfo')) expect(response.headers.get('retry-after')).toBe('35');
      const end = await suite.endOf(response);
      expect(end).toMatchObject({ type: 'call.failed', status, error: { message: words } });
      expect(Buffer.from(end.response?.data ?? '', 'base64').toString()).toBe(
        stream ? event : JSON.stringify(error),
      );
    },
  );

  it.each(callers.flatMap(([path, body]) => withStatus.map((row) => [path, body, ...row] as const)))(
    'keeps its status and its words in the dialect of the caller: %s %j %s %s %j',
    async (path, body, model, status, said, words) => {
      const text = typeof said === 'string' ? said : JSON.stringify(said);
      suite.first.play = answerJson(text, status, {
        ...{ 'content-type': text.startsWith('<') ? 'text/html' : 'text/plain', 'retry-after': '7' },
      });
      const response = await suite.post(path, { ...body, model });
      if (isNative(path, model) && typeof said !== 'string') expect(await response.text()).toBe(text);
      else await check(path, response, status, words);
      expect([response.status, response.headers.get('retry-after')]).toEqual([status, '7']);
      const end = await suite.endOf(response);
      expect(end).toMatchObject({ type: 'call.failed', status });
      expect(Buffer.from(end.response?.data ?? '', 'base64').toString()).toBe(text);
    },
  );

  const overflows: readonly (readonly [string, Play])[] = [
    ['its code', answerJson(told.openai('context_length_exceeded', 'invalid_request_error'), 400)],
    ['plain text', answerJson("This model's maximum context length is 8192 tokens.", 400)],
    ['a 200', answerJson({ error: { message: 'context length', code: 'context_length_exceeded' } })],
    ['a stream', answerPieces([`data: ${JSON.stringify(told.openai('context_length_exceeded', 'invalid_request_error'))}\n\n`])], // prettier-ignore
    ['a 500 of llama.cpp', answerJson({ error: { code: 500, type: 'exceed_context_size_error', message: 'the request exceeds the available context size' } }, 500)], // prettier-ignore
    ['OpenRouter, inside', answerJson({ error: { code: 400, message: 'Provider returned error', metadata: { raw: '{"error":{"message":"prompt is too long: 9 tokens > 8 maximum"}}' } } }, 400)], // prettier-ignore
    ['Anthropic', answerJson(told.anthropic('invalid_request_error', 'prompt is too long: 9 tokens > 8 maximum'), 400)], // prettier-ignore
    ['Anthropic, with max_tokens', answerJson(told.anthropic('invalid_request_error', 'input length and `max_tokens` exceed context limit: 9 + 9 > 8'), 400)], // prettier-ignore
    ['xAI', answerJson({ error: "This model's maximum prompt length is 8 but the request contains 9 tokens." }, 400)], // prettier-ignore
    ['Gemini', answerJson(google({ code: 400, message: 'The input token count (9) exceeds the maximum number of tokens allowed (8).', status: 'INVALID_ARGUMENT' }), 400)], // prettier-ignore
  ];

  it.each(overflows)('that is too long a context leads to the fallback for it (%s)', async (_name, play) => {
    suite.first.play = play;
    suite.second.play = answerJson(chatAnswer('two'));
    for (const [path, body] of callers)
      for (const model of ['safe', 'safe-native', 'safe-claude']) {
        if (path === '/v1/responses') continue; // the second one answers chat
        const response = await suite.post(path, { ...body, model });
        expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('two')]);
      }
  });

  it.each(overflows)(
    'that is too long a context is told as one in every dialect (%s)',
    async (_name, play) => {
      suite.first.play = play;
      for (const [path, body] of callers)
        for (const model of ['chat-only/m', 'claude/claude-x', 'gem/g']) {
          if (isNative(path, model)) continue;
          const response = await suite.post(path, { ...body, model });
          const error = (await response.json()) as { error: { code?: string; message: string } };
          if (path === '/v1/messages') expect(error.error.message).toContain('prompt is too long');
          else expect(error.error.code).toBe('context_length_exceeded');
        }
    },
  );

  it('that is the fault of the request does not keep calls away from its target, wherever it is told', async () => {
    const late = [
      'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"begun"}}]}\n\n',
      `data: ${JSON.stringify(told.openai('context_length_exceeded', 'invalid_request_error'))}\n\n`,
    ];
    for (let call = 0; call < 7; call += 1) {
      suite.first.play = call % 2 === 0 ? answerPieces(late, { pauseMs: 5 }) : answerPieces(late.slice(1));
      await (await suite.post('/v1/chat/completions', { ...ask, model: 'breaks', stream: true })).text();
    }
    expect(suite.first.seen).toHaveLength(7);
    expect(suite.second.seen).toHaveLength(0);
  });
});
