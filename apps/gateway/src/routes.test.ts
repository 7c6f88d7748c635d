import { beforeAll, describe, expect, it } from '@jest/globals';
import { answerJson, answerPieces } from '@loom/testkit';
import { chatAnswer, useGateway } from './testing/gateway-suite.ts';

const messages = [{ role: 'user', content: 'hi' }];
const failing = (status: number, error: object = { message: 'no', type: 'x' }, headers = {}) =>
  answerJson({ error }, status, headers);

describe('a route', () => {
  const suite = useGateway();
  const ask = (model: string, body: object = {}, headers: Record<string, string> = {}) =>
    suite.post('/v1/chat/completions', { model, messages, ...body }, headers);
  const toTwo = { fallbacks: [{ provider: 'two', model: 'gpt-y' }] };
  beforeAll(async () => {
    await suite.gateway.route('patient', { retries: 2 });
    await suite.gateway.route('safe', toTwo);
    await suite.gateway.route('policy', { ...toTwo, fallbackOn: ['error', 'content_policy'] });
    await suite.gateway.route('quick', { ...toTwo, timeouts: { firstChunkMs: 150 } });
    await suite.gateway.route('other-api', { fallbacks: [{ provider: 'claude', model: 'claude-x' }] });
    suite.second.play = answerJson(chatAnswer('two'));
  });

  it('tries the same target again after an error of the server, and tells each try', async () => {
    let tries = 0;
    suite.first.play = (request, response) => {
      tries += 1;
      return (tries < 3 ? failing(500) : answerJson(chatAnswer()))(request, response);
    };
    const response = await ask('patient');
    expect(response.status).toBe(200);
    const { attempts, usage, facts } = await suite.endOf(response);
    expect(attempts.map(({ provider, reason, status }) => [provider, reason, status])).toEqual([
      ['one', 'only', 500],
      ['one', 'retry', 500],
      ['one', 'retry', 200],
    ]);
    expect(new Set(attempts.map(({ spanId }) => spanId)).size).toBe(3);
    expect([usage?.inputTokens, facts.route]).toEqual([3, 'patient']);
  });

  it.each([
    ['an error of the server', failing(500)],
    ['a limit', failing(429)],
    ['a model that is gone', failing(404)],
    ['a credential that is refused', failing(401)],
    ['a context that is too long', failing(400, { message: 'x', code: 'context_length_exceeded' })],
    ['an empty body', answerJson('')],
    ['a page', answerJson('<html>oops</html>', 200, { 'content-type': 'text/html' })],
    ['an error in a 200', answerJson({ error: { message: 'overloaded', type: 'x', code: 503 } })],
    ['a broken connection', (_: unknown, response: { destroy: () => void }) => response.destroy()],
  ])('falls back after %s', async (_name, play) => {
    suite.first.play = play;
    const response = await ask('safe');
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'two' } }] });
    const { facts, attempts } = await suite.endOf(response);
    expect(facts).toMatchObject({ provider: 'two', routedModel: 'gpt-y', requestModel: 'safe' });
    expect(attempts.map(({ provider, reason }) => [provider, reason])).toEqual([
      ['one', 'only'],
      ['two', 'fallback'],
    ]);
    expect(attempts[0]?.error).not.toBeNull();
    expect(JSON.parse(suite.second.seen[0]?.body.toString() ?? '')).toMatchObject({ model: 'gpt-y' });
  });

  it.each([
    ['the request itself', 400, {}, {}],
    ['a policy, unless the route says so', 400, { code: 'content_policy_violation' }, {}],
    ['anything, where the caller wants none', 500, {}, { 'x-loom-fallbacks': 'off' }],
  ])('does not fall back for %s', async (_name, status, error, headers) => {
    suite.first.play = failing(status, { message: 'no', ...error });
    const response = await ask('safe', {}, headers);
    expect([response.status, suite.second.seen.length]).toEqual([status, 0]);
    expect(await response.json()).toMatchObject({ error: { message: 'no' } });
  });

  it('falls back for a content policy where its route says so', async () => {
    suite.first.play = failing(400, { message: 'flagged', code: 'content_policy_violation' });
    expect((await ask('policy')).status).toBe(200);
  });

  it('falls back from an answer that a policy cut off, and keeps what that took', async () => {
    const cut = chatAnswer('');
    suite.first.play = answerJson({
      ...cut,
      choices: [{ ...cut.choices[0], finish_reason: 'content_filter' }],
    });
    const response = await ask('policy');
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 'two' } }] });
    const { attempts, usage } = await suite.endOf(response);
    expect(attempts[0]).toMatchObject({ error: { type: 'content_policy' }, usage: { inputTokens: 3 } });
    expect(usage?.inputTokens).toBe(3);
    const kept = await ask('safe');
    expect(await kept.json()).toMatchObject({ choices: [{ finish_reason: 'content_filter' }] });
    const alone = await ask('policy', {}, { 'x-loom-fallbacks': 'off' });
    expect(await alone.json()).toMatchObject({ choices: [{ finish_reason: 'content_filter' }] });
    expect((await suite.endOf(alone)).type).toBe('call.completed');
  });

  it('falls back when the first piece does not come in time', async () => {
    const silent =
      (isHeadSent: boolean): typeof suite.first.play =>
      (_request, answer) => {
        if (isHeadSent) answer.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
      };
    for (const isHeadSent of [false, true]) {
      suite.first.play = silent(isHeadSent);
      const response = await ask('quick', { stream: true });
      expect(response.status).toBe(200);
      expect((await suite.endOf(response)).attempts[0]).toMatchObject({ error: { type: 'timeout' } });
    }
  });

  it('never falls back once a byte was handed out, and ends visibly', async () => {
    suite.first.play = answerPieces(
      ['data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"half"}}]}\n\n'],
      { end: 'reset' },
    );
    const response = await ask('safe', { stream: true });
    const text = await response.text();
    expect(text).toContain('half');
    expect(text).toContain('"error"');
    expect(text).not.toContain('[DONE]');
    expect(suite.second.seen).toHaveLength(0);
  });

  it('falls back when a stream begins with an error', async () => {
    suite.first.play = answerPieces(['data: {"error":{"message":"overloaded","type":"server_error"}}\n\n']);
    suite.second.play = answerJson(chatAnswer('two'));
    const response = await ask('safe', { stream: true });
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('chatcmpl-1')]);
  });

  it('falls back to a provider of another API, and translates', async () => {
    suite.first.play = (request, response) =>
      (request.url.endsWith('/messages')
        ? answerJson({ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', content: [{ type: 'text', text: 'claude' }], stop_reason: 'end_turn', usage: { input_tokens: 7, output_tokens: 1 } }) // prettier-ignore
        : failing(503))(request, response);
    const response = await ask('other-api');
    expect(await response.json()).toMatchObject({
      object: 'chat.completion',
      choices: [{ message: { content: 'claude' } }],
    });
    expect(await suite.endOf(response)).toMatchObject({
      facts: { provider: 'claude', wire: 'anthropic-messages' },
      usage: { inputTokens: 7 },
    });
  });

  it('spreads calls over balanced targets', async () => {
    // A provider of its own: the breaker of the other one may be open by now.
    await suite.gateway.provider({ name: 'fresh', baseUrl: suite.first.url, models: [] });
    await suite.gateway.route('both', { balance: [{ provider: 'two', model: 'gpt-y', weight: 1 }] }, 'fresh');
    suite.first.play = answerJson(chatAnswer('one'));
    await Promise.all(Array.from({ length: 40 }, () => ask('both')));
    expect(suite.first.seen.length).toBeGreaterThan(5);
    expect(suite.second.seen.length).toBeGreaterThan(5);
  });

  it('takes the next key of a provider when one is refused or at its limit', async () => {
    await suite.gateway.provider({ name: 'keys', baseUrl: suite.first.url, models: [] }, 'sk-bad\nsk-good');
    suite.first.play = (request, response) =>
      (request.headers.authorization === 'Bearer sk-good' ? answerJson(chatAnswer()) : failing(429))(
        request,
        response,
      );
    for (let call = 0; call < 3; call += 1) expect((await ask('keys/gpt-x')).status).toBe(200);
    expect(new Set(suite.first.seen.map(({ headers }) => headers.authorization)).size).toBe(2);
  });

  it('leaves a target aside that fails again and again', async () => {
    await suite.gateway.provider({ name: 'sick', baseUrl: suite.first.url, models: [] });
    await suite.gateway.route('breaking', toTwo, 'sick');
    suite.first.play = failing(500);
    for (let call = 0; call < 8; call += 1) expect((await ask('breaking')).status).toBe(200);
    expect(suite.first.seen).toHaveLength(5);
    expect(suite.second.seen).toHaveLength(8);
  });

  it('hands out the answer of the last target when all fail', async () => {
    suite.first.play = failing(500);
    suite.second.play = failing(502, { message: 'two is down', type: 'x' });
    const response = await ask('safe');
    expect([response.status, await response.json()]).toEqual([
      502,
      { error: { message: 'two is down', type: 'x' } },
    ]);
    expect(await suite.endOf(response)).toMatchObject({ type: 'call.failed', facts: { provider: 'two' } });
    suite.second.play = answerJson(chatAnswer('two'));
  });
});
