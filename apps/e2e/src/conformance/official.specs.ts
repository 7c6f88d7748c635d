import Anthropic from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { ApiError, type GoogleGenAI } from '@google/genai';
import { beforeAll, describe, expect, it } from '@jest/globals';
import OpenAI from 'openai';
import * as z from 'zod';
import { googleClient } from './google-genai.ts';
import { prompts, weatherDescription, weatherOf, type World } from './client-suite.ts';
import { cities, resultText, thought, vector } from './scripted-provider.ts';

const chatModels = ['gpt-4o', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'];
const messagesModels = ['claude-sonnet-4-6', 'openai-compatible/llama-3', 'gemini/gemini-2.5-flash'];
const geminiModels = ['gemini-2.5-flash', 'openai/gpt-4o', 'anthropic/claude-sonnet-4-6'];
const user = (content: string) => [{ role: 'user' as const, content }];

/** What only the official clients of OpenAI, Anthropic and Google show: the rest of their APIs, and how they take failures. */
export function officialSpecs(world: () => World): void {
  let openai: OpenAI;
  let anthropic: Anthropic;
  let google: GoogleGenAI;
  beforeAll(() => {
    const { gatewayUrl, apiKey } = world();
    openai = new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey, maxRetries: 0 });
    anthropic = new Anthropic({ baseURL: gatewayUrl, apiKey, maxRetries: 0 });
    google = googleClient({ url: gatewayUrl, apiKey, headers: {} });
  });

  describe('openai', () => {
    it.each(['text-embedding-3-small', 'gemini/gemini-embedding-001'])('embeds with %s', async (model) => {
      const { data } = await openai.embeddings.create({ model, input: ['one', 'two'] });
      expect(data.map(({ index }) => index)).toEqual([0, 1]);
      for (const { embedding } of data) expect(embedding).toEqual(vector);
    });

    it('lists models', async () => {
      const ids: string[] = [];
      for await (const { id } of openai.models.list()) ids.push(id);
      expect(ids).toEqual(expect.arrayContaining(['loom-sim']));
    });

    it.each(chatModels)('says why %s stopped short', async (model) => {
      const chat = await openai.chat.completions.create({ model, messages: user('ramble') });
      expect(chat.choices[0]?.finish_reason).toBe('length');
      const response = await openai.responses.create({ model, input: 'ramble' });
      expect(response.status).toBe('incomplete');
      expect(response.output_text).toBe(chat.choices[0]?.message.content);
    });

    it.each(chatModels)('calls a tool of %s that wants nothing, after some words', async (model) => {
      const tools = [{ type: 'function' as const, function: { name: 'get_time' } }];
      const request = { model, messages: user('time'), tools };
      const whole = await openai.chat.completions.create(request);
      const streamed = await openai.chat.completions.stream(request).finalChatCompletion();
      for (const { message, finish_reason } of [...whole.choices, ...streamed.choices]) {
        expect(message.content).toBe('Let me look.');
        expect(finish_reason).toBe('tool_calls');
        const [call] = message.tool_calls ?? [];
        expect(call).toMatchObject({ type: 'function', function: { name: 'get_time', arguments: '{}' } });
        expect(call?.id).not.toBe('');
      }
      const { tools: _tools, messages: _messages, ...rest } = request;
      const input = {
        ...rest,
        input: 'time',
        tools: [{ type: 'function' as const, name: 'get_time', parameters: null, strict: null }],
      };
      const response = await openai.responses.stream(input).finalResponse();
      expect(response.output).toMatchObject([
        { type: 'message', content: [{ type: 'output_text', text: 'Let me look.' }] },
        { type: 'function_call', name: 'get_time', arguments: '{}' },
      ]);
    });

    it.each(chatModels)('throws what %s answered as the error that it is', async (model) => {
      const limited = openai.chat.completions.create({ model, messages: user('limit') });
      await expect(limited).rejects.toThrow(OpenAI.RateLimitError);
      const responses = openai.responses.create({ model, input: 'limit' });
      await expect(responses).rejects.toThrow(OpenAI.RateLimitError);
    });

    it.each(chatModels)('throws when a stream of %s breaks', async (model) => {
      const chat = openai.chat.completions.stream({ model, messages: user('break') });
      await expect(chat.finalChatCompletion()).rejects.toThrow();
      const response = openai.responses.stream({ model, input: 'break' });
      await expect(response.finalResponse()).rejects.toThrow();
    });

    it.each(['o4-mini', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'])(
      'hears what %s thought',
      async (model) => {
        const request = { model, input: 'think', reasoning: { effort: 'low', summary: 'auto' } } as const;
        const whole = await openai.responses.create(request);
        const streamed = await openai.responses.stream(request).finalResponse();
        for (const { output, output_text } of [whole, streamed]) {
          expect(output[0]).toMatchObject({ type: 'reasoning', summary: [{ text: thought }] });
          expect(output_text).toBe('42');
        }
      },
    );
  });

  describe('anthropic', () => {
    it('counts tokens by the counter of the provider, or by an estimate', async () => {
      const request = { model: 'claude-sonnet-4-6', messages: user('hello') };
      expect(await anthropic.messages.countTokens(request)).toMatchObject({ input_tokens: 14 });
      const elsewhere = { ...request, model: 'gemini/gemini-2.5-flash' };
      expect(await anthropic.messages.countTokens(elsewhere)).toMatchObject({ input_tokens: 15 });
    });

    it.each(messagesModels)('runs tools of %s by itself', async (model) => {
      const asked: string[] = [];
      const weather = betaZodTool({
        ...{ name: 'get_weather', description: weatherDescription },
        inputSchema: z.object({ city: z.string() }),
        run: ({ city }) => {
          asked.push(city);
          return JSON.stringify(weatherOf(city));
        },
      });
      const message = await anthropic.beta.messages.toolRunner({
        ...{ model, max_tokens: 500, messages: user(prompts.weather), tools: [weather] },
      });
      expect(message.content).toMatchObject([{ type: 'text', text: resultText }]);
      expect(asked).toEqual(cities);
    });

    it.each(messagesModels)('says why %s stopped short', async (model) => {
      const message = await anthropic.messages.create({ model, max_tokens: 5, messages: user('ramble') });
      expect(message.stop_reason).toBe('max_tokens');
    });

    it.each(messagesModels)('calls a tool of %s that wants nothing, after some words', async (model) => {
      const tools = [{ name: 'get_time', input_schema: { type: 'object' as const } }];
      const request = { model, max_tokens: 500, messages: user('time'), tools };
      const whole = await anthropic.messages.create(request);
      const streamed = await anthropic.messages.stream(request).finalMessage();
      for (const { content, stop_reason } of [whole, streamed]) {
        expect(stop_reason).toBe('tool_use');
        expect(content).toMatchObject([
          { type: 'text', text: 'Let me look.' },
          { type: 'tool_use', name: 'get_time', input: {} },
        ]);
      }
    });

    it.each(messagesModels)('throws what %s answered as the error that it is', async (model) => {
      const limited = anthropic.messages.create({ model, max_tokens: 5, messages: user('limit') });
      await expect(limited).rejects.toThrow(Anthropic.RateLimitError);
    });

    it.each(messagesModels)('throws when a stream of %s breaks', async (model) => {
      const stream = anthropic.messages.stream({ model, max_tokens: 5, messages: user('break') });
      await expect(stream.finalMessage()).rejects.toThrow();
    });

    it.each(['claude-sonnet-4-6', 'openai-compatible/deepseek-reasoner', 'gemini/gemini-2.5-flash'])(
      'hears what %s thought',
      async (model) => {
        const thinking = { type: 'enabled' as const, budget_tokens: 1024 };
        const request = { model, max_tokens: 2000, messages: user('think'), thinking };
        const whole = await anthropic.messages.create(request);
        const streamed = await anthropic.messages.stream(request).finalMessage();
        for (const { content } of [whole, streamed])
          expect(content).toMatchObject([
            { type: 'thinking', thinking: thought },
            { type: 'text', text: '42' },
          ]);
      },
    );
  });

  describe('google', () => {
    it.each(['gemini-embedding-001', 'openai/text-embedding-3-small'])('embeds with %s', async (model) => {
      const { embeddings } = await google.models.embedContent({ model, contents: ['one', 'two'] });
      expect(embeddings?.map(({ values }) => values)).toEqual([vector, vector]);
    });

    it('lists models, and finds one', async () => {
      const names: (string | undefined)[] = [];
      for await (const { name } of await google.models.list()) names.push(name);
      expect(names).toEqual(expect.arrayContaining(['models/loom-sim']));
      expect(await google.models.get({ model: 'loom-sim' })).toMatchObject({ name: 'models/loom-sim' });
    });

    it('counts tokens by the counter of the provider, or by an estimate', async () => {
      const count = async (model: string) =>
        (await google.models.countTokens({ model, contents: 'hello' })).totalTokens;
      expect(await count('gemini-2.5-flash')).toBe(15);
      expect(await count('anthropic/claude-sonnet-4-6')).toBe(14);
      expect(await count('openai/gpt-4o')).toBeGreaterThan(0);
    });

    it.each(geminiModels)('says why %s stopped short', async (model) => {
      const { candidates } = await google.models.generateContent({ model, contents: 'ramble' });
      expect(candidates?.[0]?.finishReason).toBe('MAX_TOKENS');
    });

    it.each(geminiModels)('calls a tool of %s that wants nothing, after some words', async (model) => {
      const config = { tools: [{ functionDeclarations: [{ name: 'get_time' }] }] };
      const { text, functionCalls } = await google.models.generateContent({
        model,
        contents: 'time',
        config,
      });
      expect([text, functionCalls]).toMatchObject(['Let me look.', [{ name: 'get_time', args: {} }]]);
    });

    it.each(geminiModels)('throws what %s answered as the error that it is', async (model) => {
      const limited = google.models.generateContent({ model, contents: 'limit' });
      await expect(limited).rejects.toMatchObject({ name: 'ApiError', status: 429 });
      const missing = google.models.generateContent({ model: 'nothing', contents: 'hi' });
      await expect(missing).rejects.toBeInstanceOf(ApiError);
    });

    it.each(geminiModels)('throws when a stream of %s breaks', async (model) => {
      const read = async () => {
        for await (const _ of await google.models.generateContentStream({ model, contents: 'break' }));
      };
      await expect(read()).rejects.toThrow();
    });

    it.each(['gemini-2.5-flash', 'anthropic/claude-sonnet-4-6', 'openai-compatible/deepseek-reasoner'])(
      'hears what %s thought',
      async (model) => {
        const config = {
          thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 },
          maxOutputTokens: 2000,
        };
        const { text, candidates } = await google.models.generateContent({
          model,
          contents: 'think',
          config,
        });
        const thoughts = candidates?.[0]?.content?.parts?.filter(({ thought: isThought }) => isThought);
        expect([text, thoughts]).toMatchObject(['42', [{ text: thought }]]);
      },
    );
  });
}
