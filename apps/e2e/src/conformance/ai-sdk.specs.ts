import { beforeAll, describe, expect, it } from '@jest/globals';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { isStepCount, type LanguageModel, streamText, tool } from 'ai';
import * as z from 'zod';
import { prompts, weatherOf, type World } from './client-suite.ts';
import { cities, resultText, thought } from './scripted-provider.ts';

const settings = { maxOutputTokens: 2000, maxRetries: 0 };
const models: readonly (readonly [client: string, model: string])[] = [
  ['openai.chat', 'gpt-4o'],
  ['openai.chat', 'anthropic/claude-sonnet-4-6'],
  ['openai.chat', 'gemini/gemini-2.5-flash'],
  ['openai.responses', 'o4-mini'],
  ['openai.responses', 'anthropic/claude-sonnet-4-6'],
  ['openai.responses', 'gemini/gemini-2.5-flash'],
  ['anthropic', 'claude-sonnet-4-6'],
  ['anthropic', 'openai-compatible/deepseek-reasoner'],
  ['anthropic', 'gemini/gemini-2.5-flash'],
];

/** The AI SDK fails when the pieces of a stream do not fit together: a part that was never begun, another id. */
export function aiSdkSpecs(world: () => World): void {
  let modelOf: (client: string, model: string) => LanguageModel;
  beforeAll(() => {
    const gateway = { baseURL: `${world().gatewayUrl}/v1`, apiKey: world().apiKey };
    const openai = createOpenAI(gateway);
    const anthropic = createAnthropic(gateway);
    const clients: Record<string, (model: string) => LanguageModel> = {
      'openai.chat': (model) => openai.chat(model),
      'openai.responses': (model) => openai.responses(model),
      anthropic: (model) => anthropic(model),
    };
    modelOf = (client, model) => {
      const make = clients[client];
      if (!make) throw new Error(client);
      return make(model);
    };
  });
  const providerOptions = {
    openai: { store: false, reasoningEffort: 'low', reasoningSummary: 'auto', forceReasoning: true },
    anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } },
  };

  describe('the AI SDK', () => {
    it.each(models)('puts the pieces of a tool call together (%s on %s)', async (client, model) => {
      const result = streamText({
        ...{ model: modelOf(client, model), prompt: prompts.weather, ...settings },
        tools: { get_weather: tool({ inputSchema: z.object({ city: z.string() }) }) },
        providerOptions: { openai: { store: false } },
      });
      const inputs = new Map<string, string>();
      const ended: string[] = [];
      for await (const part of result.stream) {
        if (part.type === 'tool-input-start') inputs.set(part.id, '');
        if (part.type === 'tool-input-delta') inputs.set(part.id, `${inputs.get(part.id)}${part.delta}`);
        if (part.type === 'tool-input-end') ended.push(part.id);
        if (part.type === 'error') throw part.error;
      }
      const calls = await result.toolCalls;
      expect(await result.finishReason).toBe('tool-calls');
      expect(calls.map(({ toolCallId }) => toolCallId)).toEqual(ended);
      expect(new Set(ended).size).toBe(cities.length);
      expect(calls.map(({ toolCallId }) => JSON.parse(inputs.get(toolCallId) ?? '') as object)).toEqual(
        cities.map((city) => ({ city })),
      );
    });

    it.each(models.filter(([client]) => client !== 'openai.chat'))(
      'keeps what the model thought on its way to a tool (%s on %s)',
      async (client, model) => {
        const result = streamText({
          ...{ model: modelOf(client, model), prompt: 'Ponder the weather.', ...settings },
          tools: {
            get_weather: tool({
              inputSchema: z.object({ city: z.string() }),
              execute: ({ city }) => weatherOf(city),
            }),
          },
          ...{ stopWhen: isStepCount(3), providerOptions },
        });
        const thoughts = new Map<string, string>();
        for await (const part of result.stream) {
          if (part.type === 'reasoning-start') thoughts.set(part.id, '');
          if (part.type === 'reasoning-delta') thoughts.set(part.id, `${thoughts.get(part.id)}${part.text}`);
          if (part.type === 'error') throw part.error;
        }
        expect([...thoughts.values()].filter((text) => text !== '')[0]).toBe(thought);
        expect(await result.text).toBe(resultText);
      },
    );
  });
}
