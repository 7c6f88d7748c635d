import { describe, expect, it } from '@jest/globals';
import { answerJson, answerPieces } from '@loom/testkit';
import { useGateway } from './testing/gateway-suite.ts';

const sse = (type: string, more: object) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
const usage = { input_tokens: 40, output_tokens: 9 };
const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', content: [] };
const streamed = [
  sse('message_start', { message: { ...message, usage } }),
  sse('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
  sse('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'The file is ' } }),
  sse('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'written.' } }),
  sse('content_block_stop', { index: 0 }),
  sse('message_delta', { delta: { stop_reason: 'end_turn' }, usage }),
  sse('message_stop', {}),
];
const whole = {
  ...{ ...message, stop_reason: 'end_turn', usage },
  content: [{ type: 'text', text: 'The file is written.' }],
};

interface Answer {
  readonly type?: string;
  readonly output?: { readonly type: string; readonly encrypted_content: string }[];
  readonly response?: Answer;
}

describe('a conversation that a caller of the Responses API has compacted', () => {
  const suite = useGateway();
  const input = [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'write a file' }] },
    { type: 'compaction_trigger' },
  ];

  it.each([true, false])(
    'is one item that another model reads in the next call: stream %s',
    async (stream) => {
      suite.first.play = stream ? answerPieces(streamed, { stream: true }) : answerJson(whole);
      const first = await suite.post('/v1/responses', { model: 'claude/claude-x', stream, input });
      const text = await first.text();
      const events = [...text.matchAll(/^data: (\{[^\n]+)$/gm)].map(
        ([, data = '']) => JSON.parse(data) as Answer,
      );
      const answer = stream ? events.at(-1)?.response : (JSON.parse(text) as Answer);
      expect([first.status, answer?.output?.map(({ type }) => type)]).toEqual([200, ['compaction']]);
      const end = await suite.endOf(first);
      expect(end).toMatchObject({ type: 'call.completed', usage: { inputTokens: 40, outputTokens: 9 } });

      suite.first.play = answerJson({ choices: [{ message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }] }); // prettier-ignore
      const next = [...(answer?.output ?? []), { role: 'user', content: 'go on' }];
      const second = await suite.post('/v1/responses', { model: 'chat-only/m', input: next });
      expect(second.status).toBe(200);
      expect(suite.first.seen.at(-1)?.body.toString()).toContain('The file is written.');
    },
  );

  it('fails in its dialect where the model writes no summary', async () => {
    suite.first.play = answerJson({ ...whole, content: [] });
    const response = await suite.post('/v1/responses', { model: 'claude/claude-x', input });
    expect([response.status, await response.text()]).toEqual([502, expect.stringContaining('no summary')]);
  });
});
