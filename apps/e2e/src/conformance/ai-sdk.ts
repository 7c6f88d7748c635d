import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, isStepCount, type LanguageModel, Output, streamText, tool } from 'ai';
import * as z from 'zod';
import {
  type Client,
  type ClientSpec,
  type Connection,
  instructions,
  prompts,
  weatherDescription,
  weatherOf,
} from './client-suite.ts';

const Person = z.object({ name: z.string(), age: z.number() });

function clientOf(modelOf: (model: string) => LanguageModel): Client {
  const asking = (model: string, prompt: string) => ({
    ...{ model: modelOf(model), system: instructions, prompt, maxOutputTokens: 500, maxRetries: 0 },
  });
  return {
    async chat(model) {
      const { text, finishReason, usage } = await generateText(asking(model, prompts.hello));
      return { text, finish: finishReason, usage: { input: usage.inputTokens, output: usage.outputTokens } };
    },
    async stream(model) {
      const result = streamText(asking(model, prompts.hello));
      const ids: string[] = [];
      for await (const part of result.stream) {
        if (part.type === 'text-start' || part.type === 'text-delta' || part.type === 'text-end')
          ids.push(part.id);
        if (part.type === 'error') throw part.error;
      }
      const { inputTokens: input, outputTokens: output } = await result.usage;
      return { text: await result.text, finish: await result.finishReason, usage: { input, output }, ids };
    },
    async callTools(model, { stream }) {
      const calls: { name: string; input: unknown }[] = [];
      const get_weather = tool({
        description: weatherDescription,
        inputSchema: z.object({ city: z.string() }),
        execute: (input) => {
          calls.push({ name: 'get_weather', input });
          return weatherOf(input.city);
        },
      });
      const request = {
        ...asking(model, prompts.weather),
        ...{ tools: { get_weather }, stopWhen: isStepCount(5) },
      };
      const text = await (stream
        ? streamText(request).text
        : generateText(request).then((said) => said.text));
      return { text, calls };
    },
    async structured(model) {
      const output = Output.object({ schema: Person, name: 'person' });
      return (await generateText({ ...asking(model, prompts.person), output })).output;
    },
    async abort(model) {
      const leave = new AbortController();
      const result = streamText({ ...asking(model, prompts.count), abortSignal: leave.signal });
      let text = '';
      for await (const part of result.stream) {
        if (part.type === 'text-delta') text += part.text;
        if (text.length > 10) leave.abort();
      }
      return text;
    },
  };
}

const openAiOf = ({ url, apiKey, headers }: Connection) =>
  createOpenAI({ baseURL: `${url}/v1`, apiKey, headers });

export const aiSdkChat: ClientSpec = {
  ...{ name: 'AI SDK openai.chat', dialect: 'openai-chat', finish: 'stop' },
  models: ['gpt-4o', 'openai-compatible/llama-3', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
  connect: (connection) => clientOf((model) => openAiOf(connection).chat(model)),
};

/** Items of earlier answers are only named: the client takes it that they are stored. */
export const aiSdkResponses: ClientSpec = {
  ...{ name: 'AI SDK openai.responses', dialect: 'openai-responses', finish: 'stop' },
  models: ['gpt-4o', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
  connect: (connection) => clientOf((model) => openAiOf(connection).responses(model)),
};

export const aiSdkAnthropic: ClientSpec = {
  ...{ name: 'AI SDK anthropic', dialect: 'anthropic-messages', finish: 'stop' },
  models: ['claude-sonnet-4-6', 'openai-compatible/llama-3', 'gemini/gemini-2.5-flash'],
  lenientOn: ['gemini/gemini-2.5-flash'], // tool_choice.disable_parallel_tool_use
  connect: ({ url, apiKey, headers }) => clientOf(createAnthropic({ baseURL: `${url}/v1`, apiKey, headers })),
};

export const aiSdkCompatible: ClientSpec = {
  ...{ name: 'AI SDK openai-compatible', dialect: 'openai-chat', finish: 'stop' },
  models: ['openai-compatible/llama-3', 'anthropic/claude-sonnet-4-6'],
  connect: ({ url, apiKey, headers }) =>
    clientOf(
      createOpenAICompatible({
        ...{ name: 'loom', baseURL: `${url}/v1`, apiKey, headers },
        ...{ includeUsage: true, supportsStructuredOutputs: true },
      }),
    ),
};
