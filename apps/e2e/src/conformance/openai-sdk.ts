import OpenAI from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import * as z from 'zod';
import {
  type ClientSpec,
  type Connection,
  instructions,
  prompts,
  weatherDescription,
  weatherOf,
} from './client-suite.ts';

const Person = z.object({ name: z.string(), age: z.number() });
const weatherParameters = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const toInput = (text: string) => JSON.parse(text) as { city: string };

export const openAiOf = ({ url, apiKey, headers }: Connection) =>
  new OpenAI({ baseURL: `${url}/v1`, apiKey, defaultHeaders: headers, maxRetries: 0 });

export const openAiChat: ClientSpec = {
  ...{ name: 'openai chat.completions', dialect: 'openai-chat', finish: 'stop' },
  models: ['gpt-4o', 'openai-compatible/llama-3', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
  connect: (connection) => {
    const { completions } = openAiOf(connection).chat;
    const messages = (prompt: string): OpenAI.ChatCompletionMessageParam[] => [
      { role: 'system', content: instructions },
      { role: 'user', content: prompt },
    ];
    const toSaid = ({ choices: [choice], usage }: OpenAI.ChatCompletion) => ({
      text: choice?.message.content ?? '',
      finish: choice?.finish_reason,
      usage: { input: usage?.prompt_tokens, output: usage?.completion_tokens },
    });
    return {
      chat: async (model) => toSaid(await completions.create({ model, messages: messages(prompts.hello) })),
      async stream(model) {
        const stream = completions.stream({
          ...{ model, messages: messages(prompts.hello), stream_options: { include_usage: true } },
        });
        const ids: string[] = [];
        for await (const { id } of stream) ids.push(id);
        return { ...toSaid(await stream.finalChatCompletion()), ids };
      },
      async callTools(model, { stream }) {
        const calls: { name: string; input: unknown }[] = [];
        const getWeather = {
          ...{ name: 'get_weather', description: weatherDescription, parameters: weatherParameters },
          parse: toInput,
          function: (input: { city: string }) => {
            calls.push({ name: 'get_weather', input });
            return weatherOf(input.city);
          },
        };
        const request = {
          ...{ model, messages: messages(prompts.weather) },
          tools: [{ type: 'function' as const, function: getWeather }],
        };
        const runner = stream ? completions.runTools({ ...request, stream }) : completions.runTools(request);
        return { text: (await runner.finalContent()) ?? '', calls };
      },
      async structured(model) {
        const answer = await completions.parse({
          ...{ model, messages: messages(prompts.person) },
          response_format: zodResponseFormat(Person, 'person'),
        });
        return answer.choices[0]?.message.parsed;
      },
      async abort(model) {
        const stream = await completions.create({
          ...{ model, messages: messages(prompts.count), stream: true },
        });
        let text = '';
        for await (const chunk of stream) {
          text += chunk.choices[0]?.delta.content ?? '';
          if (text.length > 10) stream.controller.abort();
        }
        return text;
      },
    };
  },
};

export const openAiResponses: ClientSpec = {
  ...{ name: 'openai responses', dialect: 'openai-responses', finish: 'completed' },
  models: ['gpt-4o', 'openai-compatible/llama-3', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
  connect: (connection) => {
    const { responses } = openAiOf(connection);
    const toSaid = ({ output_text, status, usage }: OpenAI.Responses.Response) => ({
      ...{ text: output_text, finish: status },
      usage: { input: usage?.input_tokens, output: usage?.output_tokens },
    });
    const hello = { instructions, input: prompts.hello };
    const tools: OpenAI.Responses.FunctionTool[] = [
      {
        ...{ type: 'function', name: 'get_weather', description: weatherDescription },
        ...{ parameters: weatherParameters, strict: true },
      },
    ];
    return {
      chat: async (model) => toSaid(await responses.create({ model, ...hello })),
      async stream(model) {
        const stream = responses.stream({ model, ...hello });
        const ids: string[] = [];
        for await (const event of stream) {
          if ('item_id' in event) ids.push(event.item_id);
          if (event.type === 'response.output_item.added' || event.type === 'response.output_item.done')
            ids.push(event.item.id ?? '');
        }
        const final = await stream.finalResponse();
        return { ...toSaid(final), ids: [...ids, ...final.output.map(({ id }) => id ?? '')] };
      },
      async callTools(model, { stream }) {
        const calls: { name: string; input: unknown }[] = [];
        const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: prompts.weather }];
        for (;;) {
          const request = { model, instructions, input, tools };
          const answer: OpenAI.Responses.Response = stream
            ? await responses.stream(request).finalResponse()
            : await responses.create(request);
          const asked = answer.output.filter((item) => item.type === 'function_call');
          if (asked.length === 0) return { text: answer.output_text, calls };
          for (const { name, arguments: text } of asked) calls.push({ name, input: toInput(text) });
          const outputs = asked.map(({ call_id, arguments: text }) => ({
            ...{ type: 'function_call_output' as const, call_id },
            output: JSON.stringify(weatherOf(toInput(text).city)),
          }));
          input.push(...(answer.output as OpenAI.Responses.ResponseInput), ...outputs);
        }
      },
      async structured(model) {
        const answer = await responses.parse({
          ...{ model, input: prompts.person },
          text: { format: zodTextFormat(Person, 'person') },
        });
        return answer.output_parsed;
      },
      async abort(model) {
        const stream = await responses.create({ model, input: prompts.count, stream: true });
        let text = '';
        for await (const event of stream) {
          if (event.type === 'response.output_text.delta') text += event.delta;
          if (text.length > 10) stream.controller.abort();
        }
        return text;
      },
    };
  },
};
