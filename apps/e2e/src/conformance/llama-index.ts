import type {
  ChatMessage,
  PartialToolCall,
  ToolCall,
  ToolCallLLM,
  ToolCallLLMMessageOptions,
} from '@llamaindex/core/llms';
import { OpenAI, OpenAIResponses } from '@llamaindex/openai';
import type { OpenAI as OpenAISdk } from 'openai';
import * as z from 'zod';
import {
  type Client,
  type ClientSpec,
  type Connection,
  instructions,
  prompts,
  type Said,
  weatherDescription,
  weatherOf,
} from './client-suite.ts';

const Person = z.object({ name: z.string(), age: z.number() });
const tools = [
  {
    metadata: {
      ...{ name: 'get_weather', description: weatherDescription },
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
];

type Message = ChatMessage<ToolCallLLMMessageOptions>;
const asking = (prompt: string): Message[] => [
  { role: 'system', content: instructions },
  { role: 'user', content: prompt },
];

type Facts = Pick<Said, 'finish' | 'usage'>;

interface Api {
  readonly llmOf: (model: string, leave?: AbortSignal) => ToolCallLLM;
  /** Of what the API said, the pieces of a stream one by one. */
  readonly factsOf: (raw: readonly object[]) => Facts;
  /** Its last words come again with each event that brings none. */
  readonly hasText: (raw: object | null) => boolean;
  readonly streaming: object;
  readonly structured: object;
}

const callsIn = (options: ToolCallLLMMessageOptions | undefined) =>
  options !== undefined && 'toolCall' in options ? options.toolCall : [];
const isWhole = ({ input }: ToolCall | PartialToolCall): boolean => typeof input === 'object';
const inputOf = ({ input }: ToolCall | PartialToolCall) =>
  (typeof input === 'string' ? JSON.parse(input) : input) as { city: string };

function clientOf({ llmOf, factsOf, hasText, streaming, structured }: Api): Client {
  return {
    async chat(model) {
      const { message, raw } = await llmOf(model).chat({ messages: asking(prompts.hello) });
      return { text: message.content as string, ...factsOf([raw ?? {}]) };
    },
    async stream(model) {
      const messages = asking(prompts.hello);
      let text = '';
      const said: object[] = [];
      for await (const { delta, raw } of await llmOf(model).chat({ messages, stream: true, ...streaming })) {
        if (hasText(raw)) text += delta;
        said.push(raw ?? {});
      }
      return { text, ...factsOf(said) };
    },
    async callTools(model, { stream }) {
      const calls: { name: string; input: unknown }[] = [];
      const messages = asking(prompts.weather);
      for (;;) {
        const asked = new Map<string, ToolCall | PartialToolCall>();
        let text = '';
        if (stream) {
          for await (const { delta, raw, options } of await llmOf(model).chat({ messages, tools, stream })) {
            if (hasText(raw)) text += delta;
            for (const call of callsIn(options).filter(isWhole)) asked.set(call.id, call);
          }
        } else {
          const { message } = await llmOf(model).chat({ messages, tools });
          text = message.content as string;
          for (const call of callsIn(message.options)) asked.set(call.id, call);
        }
        if (asked.size === 0) return { text, calls };
        const whole = [...asked.values()].map((call) => ({ ...call, input: inputOf(call) }));
        messages.push({ role: 'assistant', content: text, options: { toolCall: whole } });
        for (const { id, name, input } of whole) {
          calls.push({ name, input });
          const result = JSON.stringify(weatherOf(input.city));
          messages.push({
            ...{ role: 'user', content: result },
            options: { toolResult: { id, result, isError: false } },
          });
        }
      }
    },
    async structured(model) {
      const { message } = await llmOf(model).chat({ messages: asking(prompts.person), ...structured });
      return Person.parse(JSON.parse(message.content as string));
    },
    async abort(model) {
      const leave = new AbortController();
      const messages = asking(prompts.count);
      let text = '';
      for await (const { delta, raw } of await llmOf(model, leave.signal).chat({ messages, stream: true })) {
        if (hasText(raw)) text += delta;
        if (text.length > 10) leave.abort();
      }
      return text;
    },
  };
}

/** A stream that is left is read on to its end in the background: who wants it to end must give it a fetch that does. */
const settings = ({ url, apiKey, headers }: Connection, leave: AbortSignal | undefined) => ({
  ...{ apiKey, baseURL: `${url}/v1`, maxRetries: 0 },
  additionalSessionOptions: {
    defaultHeaders: headers,
    ...(leave && {
      fetch: (input: string | URL | Request, init?: RequestInit) => fetch(input, { ...init, signal: leave }),
    }),
  },
});

export const llamaIndexChat: ClientSpec = {
  ...{ name: 'LlamaIndex chat', dialect: 'openai-chat', finish: 'stop' },
  models: ['gpt-4o', 'openai-compatible/llama-3', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
  lenientOn: ['anthropic/claude-sonnet-4-6'], // temperature and top_p, of which it takes one
  connect: (connection) =>
    clientOf({
      llmOf: (model, leave) => new OpenAI({ ...settings(connection, leave), model }),
      factsOf: (raw) => {
        const chunks = raw as readonly OpenAISdk.ChatCompletionChunk[];
        const usage = chunks.findLast((chunk) => chunk.usage)?.usage;
        return {
          finish: chunks.flatMap(({ choices }) => choices[0]?.finish_reason ?? []).at(-1),
          usage: { input: usage?.prompt_tokens, output: usage?.completion_tokens },
        };
      },
      hasText: () => true,
      streaming: { additionalChatOptions: { stream_options: { include_usage: true } } },
      structured: { responseFormat: Person },
    }),
};

export const llamaIndexResponses: ClientSpec = {
  ...{ name: 'LlamaIndex responses', dialect: 'openai-responses', finish: 'completed' },
  models: ['gpt-4o', 'anthropic/claude-sonnet-4-6'],
  connect: (connection) =>
    clientOf({
      llmOf: (model, leave) => new OpenAIResponses({ ...settings(connection, leave), model }),
      factsOf: (raw) => {
        const last = raw.at(-1) as OpenAISdk.Responses.ResponseCompletedEvent | OpenAISdk.Responses.Response;
        const { status, usage } = 'response' in last ? last.response : last;
        return { finish: status, usage: { input: usage?.input_tokens, output: usage?.output_tokens } };
      },
      hasText: (raw) => raw !== null && 'delta' in raw,
      streaming: {},
      structured: {
        additionalChatOptions: {
          text: {
            format: {
              ...{ type: 'json_schema', name: 'person', strict: true },
              schema: z.toJSONSchema(Person, { target: 'draft-7' }),
            },
          },
        },
      },
    }),
};
