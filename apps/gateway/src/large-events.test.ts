import { beforeAll, describe, expect, it } from '@jest/globals';
import { answerPieces } from '@loom/testkit';
import { useGateway } from './testing/gateway-suite.ts';

const data = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
const named = (value: { readonly type: string } & Record<string, unknown>) =>
  `event: ${value.type}\n${data(value)}`;
const long = (bytes: number) => 'wörd "quoted" \\ 🙂 '.repeat(bytes / 20);
const pieces = (text: string, bytes = 1186) => {
  const whole = Buffer.from(text);
  return Array.from({ length: Math.ceil(whole.length / bytes) }, (_, index) =>
    whole.subarray(index * bytes, (index + 1) * bytes),
  );
};

const chat = (bytes: number) =>
  data({
    ...{ id: 'c', model: 'gpt-x' },
    choices: [
      {
        index: 0,
        delta: {
          tool_calls: [{ index: 0, id: 'call', function: { name: 'write', arguments: long(bytes) } }],
        },
        finish_reason: 'tool_calls',
      },
    ],
    usage: { prompt_tokens: 40, completion_tokens: 50, total_tokens: 90 },
  });
const completions = (bytes: number) =>
  data({
    ...{ id: 'c', model: 'gpt-x', choices: [{ index: 0, text: long(bytes), finish_reason: 'stop' }] },
    usage: { prompt_tokens: 40, completion_tokens: 50, total_tokens: 90 },
  });
const responses = (bytes: number) => {
  const message = { type: 'message', content: [{ type: 'output_text', text: long(1000) }] };
  const output = Array.from({ length: Math.ceil(bytes / 1100) }, () => message);
  const response = { id: 'resp_1', object: 'response', status: 'completed', model: 'gpt-x', output };
  const usage = { input_tokens: 40, output_tokens: 50, total_tokens: 90 };
  return (
    named({ type: 'response.created', sequence_number: 0, response: { id: 'resp_1', model: 'gpt-x' } }) +
    named({ type: 'response.completed', sequence_number: 1, response: { ...response, usage } })
  );
};
const messages = (bytes: number) =>
  named({
    type: 'message_start',
    message: { id: 'm', model: 'claude-x', usage: { input_tokens: 40, output_tokens: 1 } },
  }) +
  named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }) +
  named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: long(bytes) } }) +
  named({ type: 'content_block_stop', index: 0 }) +
  named({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 50 } }) +
  named({ type: 'message_stop' });
const gemini = (bytes: number) =>
  data({
    candidates: [
      {
        content: { parts: [{ functionCall: { name: 'write', args: { text: long(bytes) } } }] },
        finishReason: 'STOP',
      },
    ],
    usageMetadata: { promptTokenCount: 40, candidatesTokenCount: 50, totalTokenCount: 90 },
  });

const sizes = [17_000, 900_000, 3_000_000];
const callers = [
  ['/v1/chat/completions', { messages: [{ role: 'user', content: 'hi' }] }],
  ['/v1/responses', { input: 'hi' }],
  ['/v1/messages', { max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }],
] as const;
const providers = [
  ['gem/gemini-x', gemini],
  ['claude/claude-x', messages],
  ['chat-only/m', chat],
] as const;
const cases = sizes.flatMap((bytes) => [
  ...callers.flatMap(([path, body]) =>
    providers.map(([model, play]) => ({ bytes, path, model, body, play })),
  ),
  { bytes, path: '/v1/chat/completions', model: 'one/gpt-x', body: callers[0][1], play: chat },
  { bytes, path: '/v1/completions', model: 'one/gpt-x', body: { prompt: 'hi' }, play: completions },
  { bytes, path: '/v1/responses', model: 'one/gpt-x', body: callers[1][1], play: responses },
]);

describe('an event that is larger than a buffer', () => {
  const suite = useGateway({ LOOM_CAPTURE_ANSWER_BYTES_MAX: '65536' });
  beforeAll(() =>
    suite.gateway.provider({ name: 'gem', kind: 'gemini', baseUrl: suite.first.url, models: [] }),
  );

  it.each(cases)(
    'ends the stream of $path from $model well, with its usage ($bytes bytes)',
    async ({ bytes, path, model, body, play }) => {
      suite.first.play = answerPieces(pieces(play(bytes)));
      const response = await suite.post(path, { ...body, model, stream: true });
      const text = await response.text();
      expect(text.length).toBeGreaterThan(bytes / 2);
      expect(text.slice(-2000)).not.toContain('"error"');
      expect(await suite.endOf(response)).toMatchObject({
        ...{ type: 'call.completed', usageSource: 'provider' },
        usage: { inputTokens: 40, outputTokens: 50 },
      });
    },
  );
});
