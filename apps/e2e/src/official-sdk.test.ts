import { LLMock } from '@copilotkit/aimock';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { LoomClient } from '@loom/api-contract';
import { answerPieces, answerRecorded, recordedChatCases, UpstreamPlayer } from '@loom/testkit';
import OpenAI, { APIError, AuthenticationError, BadRequestError, NotFoundError } from 'openai';
import { Deployment, eventually, startMsMax } from './testing/deployment.ts';

/*
 * An application that uses the official OpenAI SDK and changes nothing but base URL and key. The provider is aimock,
 * which nobody here wrote; what it cannot play comes from recorded exchanges.
 */
let loom: Deployment;
let client: LoomClient;
let openai: OpenAI;
let mock: LLMock;
let player: UpstreamPlayer;

beforeAll(async () => {
  mock = new LLMock({ port: 0 });
  mock.onMessage('hello', { content: 'Hi there!' });
  mock.onMessage('weather', { toolCalls: [{ name: 'get_weather', arguments: { city: 'Praha' } }] });
  mock.onMessage('limit', { error: { message: 'slow down', type: 'rate_limit_error' }, status: 429 });
  await mock.start();
  player = await UpstreamPlayer.start();
  loom = await Deployment.start({
    OPENAI_API_KEY: 'sk-mock',
    OPENAI_BASE_URL: `${mock.url}/v1`,
    OPENAI_COMPATIBLE_BASE_URL: player.url,
  });
  const runtime = await loom.runtime();
  client = await loom.client();
  openai = new OpenAI({ baseURL: `${runtime.gatewayUrl}/v1`, apiKey: runtime.apiKey, maxRetries: 0 });
}, 2 * startMsMax);
afterAll(async () => {
  await loom.destroy();
  await player.close();
  await mock.stop();
});

const user = (content: string) => [{ role: 'user' as const, content }];
const spanOf = async (response: Response) => {
  const traceId = response.headers.get('x-loom-trace-id') ?? '';
  const page = await eventually(
    () => client.getTrace({ params: { traceId } }),
    ({ spans }) => spans.length > 0 && spans[0]?.costState !== 'pending',
  );
  const [span] = page.spans;
  if (!span) throw new Error('no span');
  return span;
};

describe('the official SDK through Loom', () => {
  it('gets a JSON answer, and the call is on the record as a person wants to read it', async () => {
    const { data, response } = await openai.chat.completions
      .create({ model: 'gpt-4o-mini', messages: user('hello'), temperature: 0.2, safety_identifier: 'jan' })
      .withResponse();
    expect(data.choices[0]?.message.content).toBe('Hi there!');
    const span = await spanOf(response);
    expect(span).toMatchObject({
      operation: 'chat',
      provider: 'openai',
      requestModel: 'gpt-4o-mini',
      outcome: 'completed',
      status: 200,
      userId: 'jan',
      finishReasons: ['stop'],
      costState: 'priced',
      usageSource: 'provider',
      usage: { inputTokens: data.usage?.prompt_tokens, outputTokens: data.usage?.completion_tokens },
    });
    expect(span.request).toMatchObject({ temperature: 0.2, messages: user('hello') });
    expect(span.response).toMatchObject({ id: data.id });
    expect(Number(span.cost?.totalUsd)).toBeGreaterThan(0);
    expect(span.cost?.priceBookVersion).toMatch(/^genai-prices-/);
    const lines = span.cost?.lines.reduce((sum, line) => sum + Number(line.usd), 0);
    expect(lines).toBeCloseTo(Number(span.cost?.totalUsd), 12);
  });

  it('streams, with and without stream_options, and the record has the same answer', async () => {
    for (const streamOptions of [undefined, { include_usage: true }]) {
      const { data, response } = await openai.chat.completions
        .create({
          model: 'gpt-4o-mini',
          messages: user('hello'),
          stream: true,
          ...(streamOptions ? { stream_options: streamOptions } : {}),
        })
        .withResponse();
      let text = '';
      let usageChunks = 0;
      for await (const chunk of data) {
        text += chunk.choices[0]?.delta.content ?? '';
        if (chunk.usage) usageChunks += 1;
      }
      expect(text).toBe('Hi there!');
      expect(usageChunks).toBe(streamOptions ? 1 : 0);
      const span = await spanOf(response);
      expect(span).toMatchObject({ streamed: true, outcome: 'completed', usageSource: 'provider' });
      expect(span.response).toMatchObject({ choices: [{ message: { content: 'Hi there!' } }] });
      const { chunks } = await client.getSpanChunks({ params: { spanId: span.spanId } });
      expect(chunks.length).toBeGreaterThan(0);
      expect(span.timing.timeToFirstChunkMs).not.toBeNull();
    }
  });

  it.each([false, true])('calls tools (stream: %s)', async (stream) => {
    const tools: OpenAI.ChatCompletionTool[] = [
      { type: 'function', function: { name: 'get_weather', parameters: { type: 'object', properties: {} } } },
    ];
    const body = { model: 'gpt-4o', messages: user('weather'), tools };
    let call: OpenAI.ChatCompletionMessageToolCall | undefined;
    if (stream) {
      const final = await openai.chat.completions.stream(body).finalChatCompletion();
      call = final.choices[0]?.message.tool_calls?.[0];
    } else call = (await openai.chat.completions.create(body)).choices[0]?.message.tool_calls?.[0];
    expect(call).toMatchObject({ type: 'function', function: { name: 'get_weather' } });
    if (call?.type !== 'function') throw new Error('no function call');
    expect(JSON.parse(call.function.arguments)).toEqual({ city: 'Praha' });
  });

  it('cancels the provider when the application aborts', async () => {
    player.play = answerPieces(
      ['data: {"id":"x","model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'],
      {
        end: 'never',
      },
    );
    const { data, response } = await openai.chat.completions
      .create({ model: 'openai-compatible/slow', messages: user('x'), stream: true })
      .withResponse();
    for await (const chunk of data) {
      expect(chunk.choices[0]?.delta.content).toBe('a');
      data.controller.abort();
    }
    const span = await spanOf(response);
    expect(span).toMatchObject({
      outcome: 'aborted',
      usageSource: 'estimated',
      error: { type: 'client_abort' },
    });
    await eventually(
      () => Promise.resolve(player.seen.at(-1)?.aborted),
      (aborted) => aborted === true,
    );
  });

  it('turns refusals and provider errors into the SDK errors that an application expects', async () => {
    const { gatewayUrl, apiKey } = await loom.runtime();
    const stranger = new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey: 'sk-wrong', maxRetries: 0 });
    const messages = user('hello');
    await expect(stranger.chat.completions.create({ model: 'gpt-4o', messages })).rejects.toThrow(
      AuthenticationError,
    );
    await expect(openai.chat.completions.create({ model: '', messages })).rejects.toThrow(BadRequestError);
    await expect(openai.chat.completions.create({ model: 'sim/x', messages: 'no' as never })).rejects.toThrow(
      /"messages" must be an array/,
    );
    const limited: unknown = await openai.chat.completions
      .create({ model: 'gpt-4o', messages: user('limit') })
      .catch((error: unknown) => error);
    expect(limited).toBeInstanceOf(APIError);
    expect(limited).toMatchObject({ status: 429, type: 'rate_limit_error' });
    const raw = await fetch(`${gatewayUrl}/v1/engines`, { headers: { authorization: `Bearer ${apiKey}` } });
    expect(raw.status).toBe(404);
    await expect(openai.models.retrieve('x')).rejects.toThrow(NotFoundError);
  });

  it('lists the models that the key may use', async () => {
    const ids: string[] = [];
    for await (const model of openai.models.list()) ids.push(model.id);
    expect(ids).toContain('loom-sim');
  });

  it.each(recordedChatCases().map((found) => [found.name, found] as const))(
    'plays the recorded case %s through: bytes, usage and cost',
    async (_name, recorded) => {
      player.play = answerRecorded(recorded);
      const { gatewayUrl, apiKey } = await loom.runtime();
      const response = await fetch(`${gatewayUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}` },
        body: JSON.stringify({
          model: 'openai-compatible/m',
          messages: user('x'),
          stream: recorded.stream,
          stream_options: { include_usage: true },
        }),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      expect(bytes.equals(recorded.bytes)).toBe(true);
      const span = await spanOf(response);
      expect(span.outcome).toBe('completed');
      const stored = await client.getSpanRaw({
        params: { spanId: span.spanId },
        query: { part: 'response' },
      });
      expect(Buffer.from(stored).equals(recorded.bytes)).toBe(true);
    },
  );
});
