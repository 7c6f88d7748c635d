import Anthropic from '@anthropic-ai/sdk';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import * as z from 'zod';
import { type ClientSpec, instructions, prompts, weatherDescription, weatherOf } from './client-suite.ts';

const Person = z.object({ name: z.string(), age: z.number() });
const tools: Anthropic.Tool[] = [
  {
    ...{ name: 'get_weather', description: weatherDescription },
    input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
];
const textOf = ({ content }: Anthropic.Message) =>
  content.map((block) => (block.type === 'text' ? block.text : '')).join('');
const toSaid = (message: Anthropic.Message) => ({
  ...{ text: textOf(message), finish: message.stop_reason },
  usage: { input: message.usage.input_tokens, output: message.usage.output_tokens },
});

export const anthropicMessages: ClientSpec = {
  ...{ name: 'anthropic messages', dialect: 'anthropic-messages', finish: 'end_turn' },
  models: ['claude-sonnet-4-6', 'openai/gpt-4o', 'openai-compatible/llama-3', 'gemini/gemini-2.5-flash'],
  connect: ({ url, apiKey, headers }) => {
    const { messages } = new Anthropic({ baseURL: url, apiKey, defaultHeaders: headers, maxRetries: 0 });
    const asking = (model: string, prompt: string) => ({
      ...{ model, max_tokens: 500, system: instructions },
      messages: [{ role: 'user' as const, content: prompt }] as Anthropic.MessageParam[],
    });
    return {
      chat: async (model) => toSaid(await messages.create(asking(model, prompts.hello))),
      async stream(model) {
        const stream = messages.stream(asking(model, prompts.hello));
        const ids: string[] = [];
        for await (const event of stream) if (event.type === 'message_start') ids.push(event.message.id);
        const final = await stream.finalMessage();
        return { ...toSaid(final), ids: [...ids, final.id] };
      },
      async callTools(model, { stream }) {
        const calls: { name: string; input: unknown }[] = [];
        const request = { ...asking(model, prompts.weather), tools };
        for (;;) {
          const answer = stream
            ? await messages.stream(request).finalMessage()
            : await messages.create(request);
          if (answer.stop_reason !== 'tool_use') return { text: textOf(answer), calls };
          const asked = answer.content.filter((block) => block.type === 'tool_use');
          for (const { name, input } of asked) calls.push({ name, input });
          const results = asked.map(({ id, input }) => ({
            ...{ type: 'tool_result' as const, tool_use_id: id },
            content: JSON.stringify(weatherOf((input as { city: string }).city)),
          }));
          request.messages.push(
            { role: 'assistant', content: answer.content },
            { role: 'user', content: results },
          );
        }
      },
      async structured(model) {
        const output_config = { format: zodOutputFormat(Person) };
        return (await messages.parse({ ...asking(model, prompts.person), output_config })).parsed_output;
      },
      async abort(model) {
        const stream = await messages.create({ ...asking(model, prompts.count), stream: true });
        let text = '';
        for await (const event of stream) {
          if (event.type === 'content_block_delta' && event.delta.type === 'text_delta')
            text += event.delta.text;
          if (text.length > 10) stream.controller.abort();
        }
        return text;
      },
    };
  },
};
