import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { answerJson, answerPieces, type Play, UpstreamPlayer } from '@loom/testkit';
import { GatewayHarness } from './testing/gateway-harness.ts';
import { chatAnswer } from './testing/gateway-suite.ts';

describe('what a provider is known to refuse', () => {
  let upstream: UpstreamPlayer;
  let gateway: GatewayHarness;
  beforeAll(async () => {
    upstream = await UpstreamPlayer.start();
    gateway = await GatewayHarness.start({ LOOM_OUTBOUND_ALLOW: '127.0.0.1' });
    const host = upstream.url.replace(/\/v1$/, '');
    for (const kind of ['openai', 'mistral', 'deepseek', 'openai-compatible', 'vllm', 'sim'])
      await gateway.provider({ name: kind, kind, baseUrl: upstream.url, models: [] });
    await gateway.provider({ name: 'old', kind: 'vllm', baseUrl: upstream.url, models: [] });
    await gateway.provider({ name: 'anthropic', kind: 'anthropic', baseUrl: host, models: [] });
    await gateway.provider({ name: 'gemini', kind: 'gemini', baseUrl: host, models: [] });
    await gateway.provider({ name: 'cohere', kind: 'cohere', baseUrl: host, models: [] });
    const options = { region: 'eu-west-1' };
    await gateway.provider(
      { name: 'bedrock', kind: 'aws-bedrock', baseUrl: host, models: [], options },
      'key',
    );
    await gateway.provider(
      { name: 'vertex', kind: 'vertex-ai', baseUrl: `${host}/v1/p`, models: [] },
      'ya29.x',
    );
  });
  afterAll(async () => {
    await gateway.destroy();
    await upstream.close();
  });

  const post = async (path: string, body: object, play: Play) => {
    upstream.seen.length = 0;
    upstream.play = play;
    const response = await fetch(gateway.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, seen: upstream.seen };
  };
  const bodyOf = (seen: typeof upstream.seen, index = 0) =>
    JSON.parse(seen[index]?.body.toString() ?? '{}') as Record<string, unknown>;

  describe('of a caller that speaks its dialect', () => {
    const call = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, tool_calls: [call('call_from_elsewhere')] },
      { role: 'tool', tool_call_id: 'call_from_elsewhere', content: 'done' },
    ];

    it('is put right and listed', async () => {
      const body = { model: 'mistral/m', messages, max_completion_tokens: 9, user: 'u', seed: 5, big: 1 };
      const { seen, headers, status } = await post('/v1/chat/completions', body, answerJson(chatAnswer()));
      expect(status).toBe(200);
      const sent = bodyOf(seen);
      expect(Object.keys(sent)).toEqual(['model', 'messages', 'max_tokens', 'random_seed', 'big']);
      expect(headers.get('x-loom-dropped')).toBe('user');
      const [, assistant, tool] = sent['messages'] as {
        tool_calls: { id: string }[];
        tool_call_id: string;
      }[];
      expect(tool?.tool_call_id).toMatch(/^[a-zA-Z0-9]{9}$/);
      expect(assistant?.tool_calls[0]?.id).toBe(tool?.tool_call_id);
    });

    it('is the missing reasoning of turns with calls, for DeepSeek', async () => {
      const { seen } = await post(
        '/v1/chat/completions',
        { model: 'deepseek/m', messages },
        answerJson(chatAnswer()),
      );
      expect((bodyOf(seen)['messages'] as object[])[1]).toMatchObject({ reasoning_content: '' });
    });

    it('changes nothing where the provider takes all of it', async () => {
      const body = { model: 'openai/m', messages, max_completion_tokens: 9, user: 'u', seed: 5 };
      const { seen } = await post('/v1/chat/completions', body, answerJson(chatAnswer()));
      expect(seen[0]?.body.toString()).toBe(JSON.stringify({ ...body, model: 'm' }));
    });
  });

  describe('of a member that Loom itself added', () => {
    const refusing: Play = (request, response) =>
      request.body.includes('stream_options')
        ? answerJson({ error: { message: 'Unknown parameter: stream_options', type: 'invalid' } }, 400)(request, response) // prettier-ignore
        : answerPieces([
            `data: ${JSON.stringify({ id: 'c', model: 'm', choices: [{ index: 0, delta: { content: 'ok' }, finish_reason: 'stop' }] })}\n\ndata: [DONE]\n\n`, // prettier-ignore
          ])(request, response); // prettier-ignore

    it.each([
      ['/v1/chat/completions', 'old/m', { messages: [{ role: 'user', content: 'hi' }] }],
      ['/v1/messages', 'openai-compatible/m', { max_tokens: 9, messages: [{ role: 'user', content: 'hi' }] }],
    ])('is taken out and the call tried again, once for a provider: %s', async (path, model, body) => {
      const first = await post(path, { model, stream: true, ...body }, refusing);
      expect([first.status, first.seen.length]).toEqual([200, 2]);
      expect(first.text).toContain('ok');
      const second = await post(path, { model, stream: true, ...body }, refusing);
      expect([second.status, second.seen.length]).toEqual([200, 1]);
    });

    it('is not taken out where the caller put it there', async () => {
      const body = { model: 'vllm/m', stream: true, stream_options: { include_usage: true }, messages: [] };
      const { status, seen } = await post('/v1/chat/completions', body, refusing);
      expect([status, seen.length]).toEqual([400, 1]);
    });
  });

  describe('of a call that counts tokens', () => {
    const request = {
      system: 'Be brief.',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'hello '.repeat(100) }] }],
      tools: [
        { name: 'f', input_schema: { type: 'object' } },
        { type: 'web_search_20250305', name: 'web_search' },
      ],
    };

    it.each([
      ['anthropic/claude-x', '/v1/messages/count_tokens', { input_tokens: 14 }, { model: 'claude-x' }],
      ['gemini/gemini-x', '/v1beta/models/gemini-x:countTokens', { totalTokens: 14 }, { generateContentRequest: { model: 'models/gemini-x', systemInstruction: { parts: [{ text: 'Be brief.' }] } } }], // prettier-ignore
      ['vertex/gemini-x', '/v1/p/publishers/google/models/gemini-x:countTokens', { totalTokens: 14 }, { systemInstruction: { parts: [{ text: 'Be brief.' }] } }], // prettier-ignore
      ['vertex/claude-x', '/v1/p/publishers/anthropic/models/count-tokens:rawPredict', { input_tokens: 14 }, { model: 'claude-x' }], // prettier-ignore
      ['bedrock/anthropic.claude-x', '/model/anthropic.claude-x/count-tokens', { inputTokens: 14 }, { input: { converse: { system: [{ text: 'Be brief.' }] } } }], // prettier-ignore
    ])('is no other than the own counter of %s', async (model, path, answer, sent) => {
      const { status, text, headers, seen } = await post(
        '/v1/messages/count_tokens',
        { model, ...request },
        answerJson(answer),
      );
      expect([status, JSON.parse(text)]).toEqual([200, { input_tokens: 14 }]);
      expect(headers.get('x-loom-token-count')).toBeNull();
      expect(seen[0]?.url).toBe(path);
      expect(bodyOf(seen)).toMatchObject(sent);
    });

    it.each(['openai/m', 'mistral/m', 'vllm/m', 'cohere/command-x', 'bedrock/llama', 'sim/m'])(
      'is answered for %s by an estimate that is marked',
      async (model) => {
        const { status, text, headers, seen } = await post(
          '/v1/messages/count_tokens',
          { model, ...request },
          answerJson({}, 500),
        );
        expect([status, seen.length]).toEqual([200, 0]);
        expect(headers.get('x-loom-token-count')).toBe('estimated');
        const { input_tokens: tokens } = JSON.parse(text) as { input_tokens: number };
        expect(tokens).toBeGreaterThan(100);
        expect(tokens).toBeLessThan(400);
      },
    );

    it('is an image by what it costs, not by its bytes', async () => {
      const source = { type: 'base64', media_type: 'image/png', data: 'A'.repeat(100_000) };
      const messages = [{ role: 'user', content: [{ type: 'image', source }] }];
      const { text } = await post(
        '/v1/messages/count_tokens',
        { model: 'openai/m', messages },
        answerJson({}),
      );
      expect((JSON.parse(text) as { input_tokens: number }).input_tokens).toBeLessThan(2000);
    });

    it('keeps the error of the counter', async () => {
      const error = { error: { code: 404, message: 'no such model', status: 'NOT_FOUND' } };
      const body = { model: 'gemini/gemini-x', ...request };
      const { status, text } = await post('/v1/messages/count_tokens', body, answerJson(error, 404));
      expect([status, text]).toEqual([404, expect.stringContaining('no such model')]);
    });
  });
});
