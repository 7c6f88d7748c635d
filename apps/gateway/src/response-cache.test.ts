import { describe, expect, it } from '@jest/globals';
import { newApiKey } from '@loom/control-store/secrets';
import { answerJson, answerPieces } from '@loom/testkit';
import { chatAnswer, useGateway } from './testing/gateway-suite.ts';

const ask = (content: string, more: object = {}) => ({
  model: 'gpt-x',
  messages: [{ role: 'user', content }],
  ...more,
});
const cached = { 'x-loom-cache': 'on' };

describe('the response cache', () => {
  const suite = useGateway();
  const chat = (body: object, headers: Record<string, string> = cached) =>
    suite.post('/v1/chat/completions', body, headers);
  const twice = async (body: object, headers: Record<string, string> = cached) => {
    const first = await chat(body, headers);
    const text = await first.text();
    await new Promise((resolve) => setTimeout(resolve, 20)); // it is kept after the answer
    const second = await chat(body, headers);
    return { first, second, texts: [text, await second.text()] };
  };

  it('answers an equal request without its provider, and says so on the record', async () => {
    suite.first.play = answerJson(chatAnswer('kept'));
    const { first, second, texts } = await twice(ask('a'));
    expect([first, second].map(({ headers }) => headers.get('x-loom-cache'))).toEqual(['miss', 'hit']);
    expect(texts[1]).toBe(texts[0]);
    expect(suite.first.seen).toHaveLength(1);
    const ended = await suite.endOf(second);
    expect(ended).toMatchObject({
      type: 'call.completed',
      facts: { cache: 'hit' },
      usage: { inputTokens: 3 },
    });
    expect((await suite.endOf(first)).facts.cache).toBeUndefined();
  });

  it('takes the same members in another order for the same request', async () => {
    await chat(ask('order', { temperature: 0, seed: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    const { messages, model } = ask('order');
    expect((await chat({ seed: 1, messages, temperature: 0, model })).headers.get('x-loom-cache')).toBe(
      'hit',
    );
  });

  it('gives a stream again as a stream, byte for byte, and with its usage taken out where it was', async () => {
    const event = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
    suite.first.play = answerPieces([
      event({ id: 'a', model: 'm', choices: [{ index: 0, delta: { content: 'streamed' } }] }),
      event({ id: 'a', model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }),
      event({ id: 'a', choices: [], usage: { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 } }),
      'data: [DONE]\n\n',
    ]);
    const { second, texts } = await twice(ask('stream', { stream: true }));
    expect(second.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(texts[0]).not.toContain('"usage":{');
    expect(texts[1]).toBe(texts[0]);
    expect((await suite.endOf(second)).usage).toMatchObject({ inputTokens: 4, outputTokens: 2 });
    suite.first.play = answerJson(chatAnswer());
  });

  it.each([
    ['it was not asked', {}],
    ['it is off', { 'x-loom-cache': 'off' }],
    ['it is to be filled anew', { 'x-loom-cache': 'refresh' }],
  ])('is not read where %s', async (_name, headers) => {
    await twice(ask('unread'), headers);
    expect(suite.first.seen).toHaveLength(2);
  });

  it.each<[name: string, first: string, second: string, headers?: Record<string, string>]>([
    ['numbers that JavaScript cannot tell apart', '"seed":9007199254740992', '"seed":9007199254740993'],
    ['numbers and texts', '"seed":1', '"seed":"1"'],
    ['OpenAI projects', '"seed":2', '"seed":2', { 'openai-project': 'proj_2' }],
  ])('tells %s apart', async (_name, first, second, headers = {}) => {
    const post = (member: string, more: object) =>
      fetch(`${suite.gateway.url}/v1/chat/completions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${suite.gateway.token}`,
          'content-type': 'application/json',
          ...cached,
          ...more,
        },
        body: JSON.stringify(ask('apart')).replace('{', `{${member},`),
      });
    suite.first.play = answerJson(chatAnswer());
    await (await post(first, {})).text();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await post(second, headers)).headers.get('x-loom-cache')).toBe('miss');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect((await post(first, {})).headers.get('x-loom-cache')).toBe('hit');
  });

  it('keeps no answer that is fetched later', async () => {
    suite.first.play = answerJson({ id: 'resp_q', object: 'response', status: 'queued', output: [] });
    const body = { model: 'gpt-x', input: 'hi', background: true };
    for (let call = 0; call < 2; call += 1) {
      const response = await suite.post('/v1/responses', body, cached);
      await response.text();
      expect(response.headers.get('x-loom-cache')).toBeNull();
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(suite.first.seen).toHaveLength(2);
  });

  it('keeps no failure', async () => {
    suite.first.play = answerJson({ error: { message: 'no' } }, 500);
    await twice(ask('failure'));
    expect(suite.first.seen).toHaveLength(2);
    suite.first.play = answerJson(chatAnswer());
  });

  it('forgets an answer after the time that the request gives it', async () => {
    await chat(ask('short'), { 'x-loom-cache': '1' });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    expect((await chat(ask('short'), { 'x-loom-cache': '1' })).headers.get('x-loom-cache')).toBe('miss');
  });

  it('is never shared between projects, whatever the request', async () => {
    await twice(ask('secret'));
    const key = newApiKey();
    const project = {
      id: 'p2',
      organizationId: 'o2',
      name: 'other',
      capture: 'strict',
      content: 'searchable',
    };
    await suite.gateway.publish({ entity: 'project', value: project });
    await suite.gateway.publishKey(key, { organizationId: 'o2', projectId: 'p2' });
    await suite.gateway.settled();
    const other = await chat(ask('secret'), { ...cached, authorization: `Bearer ${key.text}` });
    expect(other.headers.get('x-loom-cache')).toBe('miss');
  });

  it('is used by a whole project that says so', async () => {
    const project = {
      id: 'p1',
      organizationId: 'o1',
      name: 'test',
      capture: 'strict',
      content: 'searchable',
    };
    await suite.gateway.publish({
      entity: 'project',
      value: { ...project, cacheTtlMs: 60_000 } as { id: string },
    });
    await suite.gateway.settled();
    const { second } = await twice(ask('project'), {});
    expect(second.headers.get('x-loom-cache')).toBe('hit');
  });

  it.each(['yes', '0', '-5', '999999999'])('refuses the header value %s', async (value) => {
    const response = await chat(ask('bad'), { 'x-loom-cache': value });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { param: 'x-loom-cache' } });
  });
});
