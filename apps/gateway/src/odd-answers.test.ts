import { deflateRawSync, deflateSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { answerJson, answerPieces, type Play } from '@loom/testkit';
import { chatAnswer, useGateway } from './testing/gateway-suite.ts';

const whole = chatAnswer('said');
const usage = { prompt_tokens: '3', completion_tokens: '2', total_tokens: '5' };
const { usage: figures, ...withoutUsage } = whole;
const json = JSON.stringify(whole);
const encoded =
  (bytes: Buffer): Play =>
  (_request, response) =>
    void response
      .writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'deflate' })
      .end(bytes);
const chunk = (choice: object, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, ...choice }], ...more })}\n\n`;

const odd: readonly (readonly [string, boolean, Play])[] = [
  ['usage figures as texts', false, answerJson({ ...whole, usage })],
  ['usage in its first choice', false, answerJson({ ...withoutUsage, choices: [{ ...whole.choices[0], usage: figures }] })], // prettier-ignore
  ['a byte order mark', false, answerJson(`\ufeff${json}`)],
  ['zlib', false, encoded(deflateSync(json))],
  ['deflate without a header', false, encoded(deflateRawSync(json))],
  ['usage in the first choice of a chunk', true, answerPieces([chunk({ delta: { content: 'said' } }), chunk({ delta: {}, finish_reason: 'stop', usage: figures }), 'data: [DONE]\n\n'])], // prettier-ignore
  ['usage figures as texts in a chunk', true, answerPieces([chunk({ delta: { content: 'said' } }), chunk({ delta: {}, finish_reason: 'stop' }, { usage }), 'data: [DONE]\n\n'])], // prettier-ignore
];

describe('an answer with', () => {
  const suite = useGateway();
  it.each(odd)('%s is read', async (_name, stream, play) => {
    suite.first.play = play;
    for (const path of ['/v1/chat/completions', '/v1/messages']) {
      const ask = {
        model: 'chat-only/m',
        max_tokens: 9,
        messages: [{ role: 'user', content: 'hi' }],
        stream,
      };
      const response = await suite.post(path, ask);
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('said')]);
      expect(await suite.endOf(response)).toMatchObject({
        ...{ type: 'call.completed', usageSource: 'provider', usage: { inputTokens: 3, outputTokens: 2 } },
      });
    }
  });
});
