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
  const messages = [{ role: 'user', content: 'hi' }];
  const ask = (path: string, stream: boolean) =>
    suite.post(path, { model: 'chat-only/m', max_tokens: 9, messages, stream });
  it.each(odd)('%s is read', async (_name, stream, play) => {
    suite.first.play = play;
    for (const path of ['/v1/chat/completions', '/v1/messages']) {
      const response = await ask(path, stream);
      expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('said')]);
      expect(await suite.endOf(response)).toMatchObject({
        ...{ type: 'call.completed', usageSource: 'provider', usage: { inputTokens: 3, outputTokens: 2 } },
      });
    }
  });

  const long = 'x'.repeat(300_000);
  const facts = { id: long, model: long, system_fingerprint: long, service_tier: long };
  it.each([
    [
      'long facts',
      false,
      answerJson({ ...whole, ...facts, choices: [{ ...whole.choices[0], finish_reason: long }] }),
    ],
    ['many finish reasons', true, answerPieces([...Array.from({ length: 20 }, (_, part) => chunk({ delta: { content: 'said' } }, { choices: Array.from({ length: 1000 }, (_, index) => ({ index: part * 1000 + index, delta: { content: 'said' }, finish_reason: `${part * 1000 + index}${'r'.repeat(60)}` })) })), 'data: [DONE]\n\n'])], // prettier-ignore
    ['a long error', false, answerJson({ error: { message: long, type: long, code: long } }, 400)],
  ] as const)(
    '%s has its end on the record, which keeps the beginning of them',
    async (_name, stream, play) => {
      suite.first.play = play;
      for (const path of ['/v1/chat/completions', '/v1/messages']) {
        const response = await ask(path, stream);
        await response.text();
        const end = await suite.endOf(response);
        expect(JSON.stringify({ ...end, response: null }).length).toBeLessThan(100_000);
        if (response.status === 200 && !stream) expect(end.responseModel).toBe(`${'x'.repeat(511)}…`);
      }
    },
  );

  it('more chunks than an event has room for has its end on the record, and their sum', async () => {
    const pieces = [...Array.from({ length: 90_000 }, () => chunk({ delta: { content: 'a' } })), chunk({ delta: {}, finish_reason: 'stop' }), 'data: [DONE]\n\n']; // prettier-ignore
    suite.first.play = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const [at, piece] of pieces.entries()) {
        response.write(piece);
        if (at % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      response.end();
    };
    const response = await suite.post('/v1/chat/completions', {
      model: 'chat-only/m',
      messages: [],
      stream: true,
    });
    const { length } = await response.text();
    const { chunks, response: recorded } = await suite.endOf(response);
    expect(chunks?.lengths.length).toBeLessThanOrEqual(20_000);
    expect(chunks?.atMicros).toHaveLength(chunks?.lengths.length ?? -1);
    expect(chunks?.lengths.reduce((sum, one) => sum + one, 0)).toBe(length);
    expect(recorded?.length).toBe(length);
  }, 60_000);

  it.each([true, false])(
    'the credential, hidden by escapes of JSON, does not show it (stream: %s)',
    async (stream) => {
      const credential = 'sk-provider-0123456789';
      const escaped = `\\u0073${credential.slice(1)}`;
      const hide = (text: string) => text.replaceAll(credential, escaped);
      const body = hide(JSON.stringify(chatAnswer(`said ${credential}`)));
      const events = [hide(chunk({ delta: { content: `said ${credential}` } })), chunk({ delta: {}, finish_reason: 'stop' }), 'data: [DONE]\n\n']; // prettier-ignore
      const broken = [events[0] ?? '', hide(`data: ${JSON.stringify({ error: { message: `said ${credential}`, type: 'x' } })}\n\n`)]; // prettier-ignore
      const refused = answerJson(hide(JSON.stringify({ error: { message: `said ${credential}` } })), 400);
      for (const play of [answerJson(body), answerPieces(events), answerPieces(broken), refused]) {
        for (const path of ['/v1/chat/completions', '/v1/messages']) {
          suite.first.play = play;
          const text = await (await ask(path, stream)).text();
          expect(text).toContain('said');
          const read = text.replaceAll(/\\u00([0-9a-f]{2})/gi, (__, hex: string) => String.fromCharCode(parseInt(hex, 16))); // prettier-ignore
          expect(read).not.toContain(credential);
        }
      }
      const recorded = JSON.stringify(await suite.gateway.readableEvents());
      expect(recorded).toContain('said');
      expect(recorded.replaceAll('\\\\', '\\').replaceAll('\\u0073', 's')).not.toContain(credential);
    },
  );

  it.each([true, false])(
    'nesting without end is malformed, and no fault of Loom (stream: %s)',
    async (stream) => {
      const deep = '['.repeat(20_000) + ']'.repeat(20_000);
      const message = `{"id":"x","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a","annotations":${deep}},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"x":${deep}}}`; // prettier-ignore
      suite.first.play = (request, response) => {
        response.writeHead(200, { 'content-type': 'application/json' }).end(message);
      };
      for (const path of ['/v1/chat/completions', '/v1/messages']) {
        const response = await ask(path, stream);
        expect(await response.text()).not.toContain('internal error');
        expect([200, 502]).toContain(response.status);
      }
    },
  );
});
