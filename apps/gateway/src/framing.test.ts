import { beforeAll, describe, expect, it } from '@jest/globals';
import { answerJson, type Play } from '@loom/testkit';
import { chatAnswer, useGateway } from './testing/gateway-suite.ts';

const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const named = (value: { readonly type: string } & Record<string, unknown>) =>
  `event: ${value.type}\n${data(value)}`;
const call = { name: 'write', arguments: '{"a":"ü"}' };

/** The same answer of each API, as a stream and as a body. */
const answers = {
  chat: {
    body: {
      ...chatAnswer(),
      choices: [
        {
          ...{ index: 0, finish_reason: 'tool_calls' },
          message: {
            role: 'assistant',
            content: 'said',
            tool_calls: [{ id: 'call_1', type: 'function', function: call }],
          },
        },
      ],
    },
    stream: [
      data({
        id: 'c',
        model: 'gpt-x',
        choices: [{ index: 0, delta: { role: 'assistant', content: 'said' } }],
      }),
      data({
        ...{ id: 'c', model: 'gpt-x' },
        choices: [
          { index: 0, delta: { tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: call }] } },
        ],
      }),
      data({
        ...{ id: 'c', model: 'gpt-x', choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] },
        usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
      }),
      'data: [DONE]\n\n',
    ].join(''),
  },
  completions: {
    body: {
      ...{ id: 'c', object: 'text_completion', model: 'gpt-x' },
      choices: [{ index: 0, text: 'said', finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    },
    stream: `${data({
      ...{ id: 'c', model: 'gpt-x', choices: [{ index: 0, text: 'said', finish_reason: 'stop' }] },
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    })}data: [DONE]\n\n`,
  },
  responses: (() => {
    const output = [
      {
        ...{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed' },
        content: [{ type: 'output_text', text: 'said', annotations: [] }],
      },
      { id: 'fc_1', type: 'function_call', status: 'completed', call_id: 'call_1', ...call },
    ];
    const usage = { input_tokens: 3, output_tokens: 2, total_tokens: 5 };
    const body = { id: 'resp_1', object: 'response', status: 'completed', model: 'gpt-x', output, usage };
    const begun = { ...body, status: 'in_progress', output: [] };
    return {
      body,
      stream:
        named({ type: 'response.created', sequence_number: 0, response: begun }) +
        named({ type: 'response.completed', sequence_number: 1, response: body }),
    };
  })(),
  messages: {
    body: {
      ...{ id: 'm', type: 'message', role: 'assistant', model: 'claude-x', stop_reason: 'tool_use' },
      content: [
        { type: 'text', text: 'said' },
        { type: 'tool_use', id: 'call_1', name: 'write', input: { a: 'ü' } },
      ],
      usage: { input_tokens: 3, output_tokens: 2 },
    },
    stream: [
      { type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', model: 'claude-x', content: [], usage: { input_tokens: 3, output_tokens: 1 } } }, // prettier-ignore
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'said' } },
      { type: 'content_block_stop', index: 0 },
      { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', id: 'call_1', name: 'write', input: {} } }, // prettier-ignore
      {
        type: 'content_block_delta',
        index: 1,
        delta: { type: 'input_json_delta', partial_json: '{"a":"ü"}' },
      },
      { type: 'content_block_stop', index: 1 },
      { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 2 } },
      { type: 'message_stop' },
    ]
      .map(named)
      .join(''),
  },
  gemini: (() => {
    const parts = [{ text: 'said' }, { functionCall: { id: 'call_1', name: 'write', args: { a: 'ü' } } }];
    const usageMetadata = { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 };
    const body = { candidates: [{ content: { parts }, finishReason: 'STOP' }], usageMetadata };
    return { body, stream: data(body) };
  })(),
  cohere: {
    body: {
      ...{ id: 'c', finish_reason: 'TOOL_CALL', usage: { tokens: { input_tokens: 3, output_tokens: 2 } } },
      message: {
        ...{ role: 'assistant', content: [{ type: 'text', text: 'said' }] },
        tool_calls: [{ id: 'call_1', type: 'function', function: call }],
      },
    },
    stream: [
      { type: 'message-start', id: 'c' },
      { type: 'content-start', index: 0, delta: { message: { content: { type: 'text', text: 'said' } } } },
      { type: 'content-end', index: 0 },
      { type: 'tool-call-start', index: 0, delta: { message: { tool_calls: { id: 'call_1', function: call } } } }, // prettier-ignore
      { type: 'tool-call-end', index: 0 },
      { type: 'message-end', delta: { finish_reason: 'TOOL_CALL', usage: { tokens: { input_tokens: 3, output_tokens: 2 } } } }, // prettier-ignore
    ]
      .map(named)
      .join(''),
  },
};

const ask = { messages: [{ role: 'user', content: 'hi' }] };
const routes = [
  ['/v1/chat/completions', 'one/gpt-x', ask, answers.chat],
  ['/v1/chat/completions', 'claude/claude-x', ask, answers.messages],
  ['/v1/chat/completions', 'gem/g', ask, answers.gemini],
  ['/v1/chat/completions', 'co/c', ask, answers.cohere],
  ['/v1/completions', 'one/gpt-x', { prompt: 'hi' }, answers.completions],
  ['/v1/responses', 'one/gpt-x', { input: 'hi' }, answers.responses],
  ['/v1/responses', 'chat-only/m', { input: 'hi' }, answers.chat],
  ['/v1/responses', 'gem/g', { input: 'hi' }, answers.gemini],
  ['/v1/messages', 'claude/claude-x', { max_tokens: 9, ...ask }, answers.messages],
  ['/v1/messages', 'chat-only/m', { max_tokens: 9, ...ask }, answers.chat],
  ['/v1/messages', 'co/c', { max_tokens: 9, ...ask }, answers.cohere],
] as const;
const types = [
  undefined,
  'application/json',
  'text/plain',
  'Text/Event-Stream; Charset=UTF-8',
  'text/event-stream',
];

describe('the framing of an answer', () => {
  const suite = useGateway();
  const play =
    (text: string, type: string | undefined): Play =>
    async (_request, response) => {
      response.writeHead(200, type === undefined ? {} : { 'content-type': type });
      response.write(text.slice(0, 3)); // too little to say what it is
      await new Promise((resolve) => setTimeout(resolve, 5));
      response.end(text.slice(3));
    };
  beforeAll(async () => {
    await suite.gateway.provider({ name: 'gem', kind: 'gemini', baseUrl: suite.first.url, models: [] });
    await suite.gateway.provider({ name: 'co', kind: 'cohere', baseUrl: suite.first.url, models: [] });
  });
  const cases = routes.flatMap(([path, model, body, answer]) =>
    [true, false].flatMap((stream) =>
      (['stream', 'body'] as const).flatMap((sent) =>
        types.map((type) => ({ path, model, body, answer, stream, sent, type })),
      ),
    ),
  );

  it.each(cases)(
    'is read from its bytes: $path from $model, stream $stream, answered by a $sent as $type',
    async ({ path, model, body, answer, stream, sent, type }) => {
      suite.first.play = play(sent === 'stream' ? answer.stream : JSON.stringify(answer.body), type);
      const response = await suite.post(path, { ...body, model, stream });
      const text = await response.text();
      expect([response.status, text]).toEqual([200, expect.stringContaining('said')]);
      if (stream) {
        expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
        expect(text).toMatch(
          path === '/v1/messages'
            ? /message_stop"\}\n\n$/
            : path === '/v1/responses'
              ? /event: response\.completed/
              : /data: \[DONE\]\n\n$/,
        );
      } else {
        expect(response.headers.get('content-type')).toMatch(/^application\/json/);
        expect(() => JSON.parse(text) as unknown).not.toThrow();
      }
      if (path !== '/v1/completions') {
        expect(text).toContain('call_1');
        expect(text).toContain('ü');
      }
      expect(await suite.endOf(response)).toMatchObject({
        ...{ type: 'call.completed', usageSource: 'provider', usage: { inputTokens: 3, outputTokens: 2 } },
      });
    },
  );

  it.each([
    ['a page', '<html>hello</html>', 'text/html'],
    ['half a JSON text', '{"id":"x","choices":[{"mess', 'application/json'],
    ['half a stream', answers.chat.stream.slice(0, 60), 'text/event-stream'],
    ['something else', '{"hello":"world"}', 'application/json'],
  ])('%s that is no answer is on the record with its bytes', async (_name, text, type) => {
    for (const model of ['one/gpt-x', 'claude/claude-x']) {
      suite.first.play = answerJson(text, 200, { 'content-type': type });
      const response = await suite.post('/v1/chat/completions', { ...ask, model });
      expect(response.status).toBe(502);
      const end = await suite.endOf(response);
      expect(end).toMatchObject({ type: 'call.failed', status: 502, response: { length: text.length } });
      expect(Buffer.from(end.response?.data ?? '', 'base64').toString()).toBe(text);
    }
  });
});
