import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import type { Play } from '@loom/testkit';
import { useGateway } from './testing/gateway-suite.ts';

const ask = { messages: [{ role: 'user', content: 'hi' }], stream: true };
const chunk = (delta: object, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const answer = [chunk({ role: 'assistant', content: 'so' }), chunk({ content: ' it is' }), chunk({}, 'stop'), 'data: [DONE]\n\n']; // prettier-ignore
const comment = ': OPENROUTER PROCESSING\n\n';
const beat = ': keep-alive\n\n';
const heartbeatMs = 600;
const quietMs = 1500;

/** Texts, pauses between them, and what is done on the way. */
const playing =
  (...steps: readonly (string | number | (() => void))[]): Play =>
  async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.flushHeaders();
    for (const step of steps) {
      if (typeof step === 'number') await delay(step);
      else if (typeof step === 'function') step();
      else response.write(step);
    }
    response.end();
  };

describe('a stream that is silent', () => {
  const suite = useGateway({ LOOM_STREAM_HEARTBEAT: `${heartbeatMs}ms` });
  const call = (model: string, path = '/v1/chat/completions') =>
    suite.post(path, { ...ask, model, ...(path === '/v1/messages' ? { max_tokens: 9 } : {}) });
  /** What comes before anything that is data. */
  const firstPiece = async (response: Response) => {
    const reader = response.body?.getReader();
    const first = await reader?.read();
    const value = first?.value as Uint8Array | undefined;
    let text = Buffer.from(value ?? []).toString();
    const rest = (async () => {
      for (;;) {
        const next = await reader?.read();
        if (!next || next.done) return text;
        text += Buffer.from(next.value).toString();
      }
    })();
    return { first: text, rest };
  };

  it.each(['/v1/chat/completions', '/v1/messages'])(
    'hands on the comments of its provider before the first event (%s)',
    async (path) => {
      suite.first.play = playing(comment, 400, comment, 400, ...answer);
      const response = await call('chat-only/m', path);
      const { first, rest } = await firstPiece(response);
      expect(first).toBe(comment);
      const whole = await rest;
      expect(whole.split(comment)).toHaveLength(3);
      expect(whole).toContain(' it is');
      expect((await suite.endOf(response)).type).toBe('call.completed');
    },
  );

  it.each(['gpt-x', 'claude/claude-x'])(
    'has its head when no event comes for a while (%s)',
    async (model) => {
      const path = model === 'gpt-x' ? '/v1/chat/completions' : '/v1/messages';
      const events = model === 'gpt-x' ? answer : ['event: message_start\ndata: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"model":"claude-x","usage":{"input_tokens":1,"output_tokens":1}}}\n\n', 'event: message_stop\ndata: {"type":"message_stop"}\n\n']; // prettier-ignore
      let hasBegun = false;
      suite.first.play = playing(3000, () => (hasBegun = true), ...events);
      const response = await call(model, path);
      expect(hasBegun).toBe(false); // the head came before the first event, not with it
      const text = await response.text();
      expect(text).toBe(beat.repeat(text.split(beat).length - 1) + events.join(''));
      expect(text).toContain(beat);
      expect((await suite.endOf(response)).type).toBe('call.completed');
    },
  );

  it('gets a comment of Loom’s own between two events, never inside of one, and none on the record', async () => {
    const [first = '', second = '', ...rest] = answer;
    const half = [second.slice(0, 20), second.slice(20)] as const;
    suite.first.play = playing(first, quietMs, half[0], quietMs, half[1], ...rest);
    const response = await call('gpt-x');
    const text = await response.text();
    expect(text.replaceAll(beat, '')).toBe(answer.join(''));
    expect(text.startsWith(first + beat)).toBe(true);
    expect(text).toContain(half.join(''));
    const end = await suite.endOf(response);
    expect([end.type, end.response?.length, end.deliveredBytes]).toEqual([
      ...['call.completed', answer.join('').length, answer.join('').length],
    ]);
  });

  it.each([
    ['an error event', `data: {"error":{"message":"so it is not","type":"server_error","code":"x"}}\n\n`],
    ['nothing more', ''],
    ['half an event', 'data: {"choices"'],
  ])('tells %s after the head in the stream', async (_, rest) => {
    for (const model of ['gpt-x', 'chat-only/m']) {
      const path = model === 'gpt-x' ? '/v1/chat/completions' : '/v1/messages';
      suite.first.play = playing(comment, 200, rest);
      const response = await call(model, path);
      expect(response.status).toBe(200);
      const text = await response.text();
      expect(text).toContain('"error"');
      expect(text).not.toContain('[DONE]');
      expect((await suite.endOf(response)).type).toBe('call.failed');
    }
  });

  it('keeps the status of an error that comes first, and the next attempt, while it is not committed to', async () => {
    suite.first.play = playing('data: {"error":{"message":"no","type":"rate_limit_exceeded","code":"rate_limit_exceeded"}}\n\n'); // prettier-ignore
    const response = await call('gpt-x');
    expect(response.status).toBe(429);
    await suite.gateway.publish({
      entity: 'alias',
      value: {
        ...{ id: 'safe', projectId: 'p1', alias: 'safe', provider: 'one', model: 'gpt-x' },
        route: {
          ...{ weight: 1, balance: [], fallbacks: [{ provider: 'two', model: 'gpt-y' }], retries: 0 },
          ...{ timeouts: {}, fallbackOn: ['error'] },
        },
      } as { id: string },
    });
    await suite.gateway.settled();
    suite.first.play = playing(comment, 100, 'data: {"error":{"message":"no","type":"server_error"}}\n\n');
    suite.second.play = playing(...answer);
    const routed = await call('safe');
    expect([routed.status, await routed.text()]).toEqual([200, answer.join('')]);
  });
});
