import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { newApiKey } from '@loom/control-store/secrets';
import { answerJson, answerPieces, UpstreamPlayer } from '@loom/testkit';
import type { CallRefused, KeyLimits } from '@loom/trace-schema';
import { GatewayHarness } from '../testing/gateway-harness.ts';

let gateway: GatewayHarness;
let upstream: UpstreamPlayer;

beforeAll(async () => {
  upstream = await UpstreamPlayer.start();
  gateway = await GatewayHarness.start();
  await gateway.provider({ baseUrl: upstream.url });
});
afterAll(async () => {
  await gateway.destroy();
  await upstream.close();
});
beforeEach(() => {
  upstream.seen.length = 0;
  upstream.play = answerJson(answer);
});

const usage = { prompt_tokens: 20, completion_tokens: 30, total_tokens: 50 };
const message = { role: 'assistant', content: 'hi' };
const answer = {
  id: 'x',
  model: 'gpt-4o-mini',
  choices: [{ index: 0, message, finish_reason: 'stop' }],
  usage,
};
const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] };
const streamed = { ...body, stream: true };
const piece = (content: string) =>
  `data: {"id":"x","choices":[{"index":0,"delta":{"content":"${content}"}}]}\n\n`;

/** Calls with a new key of these limits; `change` gives the same key others. */
async function keyWith(given: Partial<KeyLimits>) {
  const key = newApiKey();
  const change = async (limits: Partial<KeyLimits>) => {
    const none = { requestsPerMinute: null, tokensPerMinute: null, concurrentCalls: null };
    await gateway.publishKey(key, { limits: { ...none, ...limits } });
    await gateway.settled();
  };
  await change(given);
  const chat = (content: unknown = body, init: { signal?: AbortSignal } = {}) =>
    gateway.chat(content, { ...init, headers: { authorization: `Bearer ${key.text}` } });
  /** The status of a call that was read to its end. */
  const status = async (content: unknown = body) => {
    const response = await chat(content);
    await response.text();
    return response.status;
  };
  return { id: key.id, change, chat, status };
}

const errorOf = async (response: Response) =>
  ((await response.json()) as { error: Record<string, string> }).error;
const tokensLeft = (response: Response) => Number(response.headers.get('x-ratelimit-remaining-tokens'));

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await condition()) return;
    await delay(10);
  }
  throw new Error('condition not met in time');
}

describe('requests per minute', () => {
  it('are counted down in the headers, then refused in the words of the dialect, and the provider is not called', async () => {
    const key = await keyWith({ requestsPerMinute: 2 });
    const first = await key.chat();
    expect(first.status).toBe(200);
    expect(first.headers.get('x-ratelimit-limit-requests')).toBe('2');
    expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1');
    expect(first.headers.get('x-ratelimit-reset-requests')).toMatch(/^(1m[01]s|5\ds)$/);
    expect(first.headers.get('x-ratelimit-limit-tokens')).toBeNull();
    expect((await key.chat()).headers.get('x-ratelimit-remaining-requests')).toBe('0');
    const refused = await key.chat();
    expect(refused.status).toBe(429);
    expect(refused.headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(refused.headers.get('retry-after')).toMatch(/^(5[0-9]|6[01])$/);
    expect(await errorOf(refused)).toEqual({
      message: expect.stringMatching(
        /2 requests per minute, used 2, requested 1; try again in .*raise the limit/,
      ),
      type: 'requests',
      param: null,
      code: 'rate_limit_exceeded',
    });
    expect(upstream.seen).toHaveLength(2);
    const records = (await gateway.eventsOf('call.refused')) as CallRefused[];
    const record = records.find(({ call }) => call.callId === refused.headers.get('x-request-id'));
    expect(record).toMatchObject({
      status: 429,
      error: { type: 'rate_limit_exceeded', code: 'rate_limited' },
    });
  });

  it('are changed while the gateway runs', async () => {
    const key = await keyWith({ requestsPerMinute: 1 });
    expect([await key.status(), await key.status()]).toEqual([200, 429]);
    await key.change({ requestsPerMinute: 3 });
    expect([await key.status(), await key.status(), await key.status()]).toEqual([200, 200, 429]);
    await key.change({});
    expect(await key.status()).toBe(200);
  });

  it('let no more through than there are, of many at once', async () => {
    const key = await keyWith({ requestsPerMinute: 17 });
    const statuses = await Promise.all(Array.from({ length: 60 }, () => key.status()));
    expect(statuses.filter((status) => status === 200)).toHaveLength(17);
    expect(upstream.seen).toHaveLength(17);
  });

  it('do not count what is refused for another reason', async () => {
    const key = await keyWith({ requestsPerMinute: 1 });
    expect(await key.status({ ...body, model: 5 })).toBe(400);
    expect(await key.status('{')).toBe(400);
    expect(await key.status()).toBe(200);
  });
});

describe('tokens per minute', () => {
  it('are reserved by estimate and put right by what the provider tells', async () => {
    const key = await keyWith({ tokensPerMinute: 10_000 });
    const first = await key.chat({ ...body, max_tokens: 1000, n: 2 });
    expect(tokensLeft(first)).toBeLessThanOrEqual(7_999);
    expect(tokensLeft(first)).toBeGreaterThan(7_900);
    await first.text();
    const second = await key.chat({ ...body, max_completion_tokens: 500, max_tokens: 9 });
    const estimate = 500 + 17; // the body is 68 to 120 characters
    expect(tokensLeft(second)).toBeLessThanOrEqual(10_000 - 50 - estimate);
    expect(tokensLeft(second)).toBeGreaterThan(10_000 - 50 - estimate - 20);
  });

  it('are those of the usage at the end of a stream', async () => {
    const key = await keyWith({ tokensPerMinute: 10_000 });
    const end = `data: ${JSON.stringify({ id: 'x', choices: [], usage })}\n\ndata: [DONE]\n\n`;
    upstream.play = answerPieces([piece('a'), piece('b'), end]);
    expect(await key.status({ ...streamed, max_tokens: 5000 })).toBe(200);
    const left = tokensLeft(await key.chat());
    expect(left).toBeLessThan(10_000 - 50);
    expect(left).toBeGreaterThan(10_000 - 50 - 60);
  });

  it('refuse a call that has no room, with the time, and one that never will have, without', async () => {
    const key = await keyWith({ tokensPerMinute: 1000 });
    upstream.play = answerJson({ ...answer, usage: { ...usage, completion_tokens: 880, total_tokens: 900 } });
    expect(await key.status()).toBe(200);
    const refused = await key.chat({ ...body, max_tokens: 200 });
    expect(refused.headers.get('retry-after')).toMatch(/^(5[0-9]|6[01])$/);
    expect(await errorOf(refused)).toMatchObject({
      type: 'tokens',
      code: 'rate_limit_exceeded',
      message: expect.stringContaining('1000 tokens per minute, used 900, requested 2'),
    });
    const never = await key.chat({ ...body, max_tokens: 2000 });
    expect([never.status, never.headers.get('retry-after')]).toEqual([429, null]);
    expect(await errorOf(never)).toMatchObject({
      type: 'tokens',
      code: 'rate_limit_exceeded',
      message: expect.stringContaining('lower max_completion_tokens'),
    });
  });

  it('cost nothing when the provider fails, and what was said when nobody tells the usage', async () => {
    const key = await keyWith({ tokensPerMinute: 10_000 });
    upstream.play = answerJson({ error: { message: 'no' } }, 500);
    expect(await key.status({ ...body, max_tokens: 3000 })).toBe(500);
    upstream.play = answerPieces([piece('x'.repeat(4000)), 'data: [DONE]\n\n']);
    expect(await key.status({ ...streamed, max_tokens: 3000 })).toBe(200);
    const left = tokensLeft(await key.chat());
    expect(left).toBeLessThan(9_000);
    expect(left).toBeGreaterThan(8_800);
  });
});

describe('concurrent calls', () => {
  it('are refused beyond the limit, and one that ends makes room', async () => {
    const key = await keyWith({ concurrentCalls: 2 });
    const gate = Promise.withResolvers<void>();
    upstream.play = async (request, response) => {
      await gate.promise;
      await answerJson(answer)(request, response);
    };
    const open = [key.status(), key.status()];
    await until(() => Promise.resolve(upstream.seen.length === 2));
    const refused = await key.chat();
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await errorOf(refused)).toMatchObject({
      type: 'requests',
      code: 'rate_limit_exceeded',
      message: expect.stringContaining('2 concurrent calls'),
    });
    gate.resolve();
    expect(await Promise.all(open)).toEqual([200, 200]);
    expect(await key.status()).toBe(200);
  });

  it('come back after a stream, an abort, a failure and a broken stream', async () => {
    const key = await keyWith({ concurrentCalls: 1, tokensPerMinute: 10_000 });
    upstream.play = answerPieces([piece('a'), 'data: [DONE]\n\n']);
    expect(await key.status(streamed)).toBe(200);
    upstream.play = answerPieces([piece('y'.repeat(400))], { end: 'reset' });
    expect(await key.status(streamed)).toBe(200);
    upstream.play = (_request, response) => void response.destroy();
    expect(await key.status()).toBe(502);

    upstream.play = answerPieces([piece('z'.repeat(400))], { end: 'never' });
    const leaving = new AbortController();
    const response = await key.chat({ ...streamed, max_tokens: 5000 }, { signal: leaving.signal });
    const before = tokensLeft(response);
    await response.body?.getReader().read();
    expect(await key.status()).toBe(429);
    leaving.abort();
    upstream.play = answerJson(answer);
    let next = await key.chat();
    await until(async () => {
      if (next.status === 200) return true;
      next = await key.chat();
      return false;
    });
    // 5,000 came back but for the 100 that were said and the input.
    expect(tokensLeft(next) - before).toBeGreaterThan(5000 - 100 - 100);
    expect(tokensLeft(next) - before).toBeLessThanOrEqual(5000 - 100);
  });

  it('are not held by a call that could not be put on the record', async () => {
    const own = await GatewayHarness.start();
    await own.provider({ baseUrl: upstream.url });
    const key = newApiKey();
    await own.publishKey(key, {
      limits: { requestsPerMinute: null, tokensPerMinute: null, concurrentCalls: 1 },
    });
    await own.settled();
    own.breakOutbox();
    const headers = { authorization: `Bearer ${key.text}` };
    for (let n = 0; n < 3; n += 1)
      expect((await own.chat({ ...body, model: 'gpt-4o' }, { headers })).status).toBe(503);
    await own.destroy();
  });
});

describe('the headers of a provider', () => {
  const theirs = {
    'x-ratelimit-limit-requests': '9',
    'x-ratelimit-remaining-tokens': '8',
    'openai-version': 'v',
  };

  it('tell of its limits to a key without any of its own, and never beside those of Loom', async () => {
    upstream.play = answerJson(answer, 200, theirs);
    const free = await gateway.chat(body);
    expect(Object.fromEntries(free.headers)).toMatchObject(theirs);
    const key = await keyWith({ requestsPerMinute: 5 });
    const { headers } = await key.chat();
    expect(headers.get('x-ratelimit-limit-requests')).toBe('5');
    expect(headers.get('x-ratelimit-remaining-tokens')).toBeNull();
    expect(headers.get('openai-version')).toBe('v');
  });
});
