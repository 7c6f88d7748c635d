import {
  AIMessageChunk,
  type BaseMessage,
  HumanMessage,
  SystemMessage,
  type UsageMetadata,
} from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI } from '@langchain/openai';
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

// Where the environment asks for it LangChain sends its traces away.
for (const name of ['LANGSMITH_TRACING', 'LANGSMITH_TRACING_V2', 'LANGCHAIN_TRACING', 'LANGCHAIN_TRACING_V2'])
  Reflect.deleteProperty(process.env, name);

const Person = z.object({ name: z.string(), age: z.number() });
const City = z.object({ city: z.string() });
const asking = (prompt: string): BaseMessage[] => [new SystemMessage(instructions), new HumanMessage(prompt)];
const gather = (chunks: readonly AIMessageChunk[]) =>
  chunks.slice(1).reduce((sum, chunk) => sum.concat(chunk), chunks[0] ?? new AIMessageChunk(''));
const toSaid = ({ text, response_metadata: metadata, ...message }: AIMessageChunk) => {
  const usage = message.usage_metadata as UsageMetadata | undefined;
  return {
    text,
    finish: (metadata.finish_reason ?? metadata.status) as string | undefined,
    usage: { input: usage?.input_tokens, output: usage?.output_tokens },
  };
};

function clientOf({ url, apiKey, headers }: Connection, useResponsesApi: boolean): Client {
  const modelOf = (model: string) =>
    new ChatOpenAI({
      ...{ model, apiKey, useResponsesApi, maxRetries: 0 },
      configuration: { baseURL: `${url}/v1`, defaultHeaders: headers },
    });
  return {
    chat: async (model) => toSaid(await modelOf(model).invoke(asking(prompts.hello))),
    async stream(model) {
      const chunks: AIMessageChunk[] = [];
      for await (const chunk of await modelOf(model).stream(asking(prompts.hello))) chunks.push(chunk);
      return { ...toSaid(gather(chunks)), ids: chunks.flatMap(({ id }) => id ?? []) };
    },
    async callTools(model, { stream }) {
      const calls: { name: string; input: unknown }[] = [];
      const getWeather = tool(
        (input: z.infer<typeof City>) => {
          calls.push({ name: 'get_weather', input });
          return JSON.stringify(weatherOf(input.city));
        },
        { name: 'get_weather', description: weatherDescription, schema: City },
      );
      const chat = modelOf(model).bindTools([getWeather]);
      const messages = asking(prompts.weather);
      for (;;) {
        const chunks: AIMessageChunk[] = [];
        if (stream) for await (const chunk of await chat.stream(messages)) chunks.push(chunk);
        else chunks.push(await chat.invoke(messages));
        const answer = gather(chunks);
        const asked = answer.tool_calls ?? [];
        if (asked.length === 0) return { text: answer.text, calls };
        messages.push(answer);
        for (const call of asked) messages.push(await getWeather.invoke({ ...call, type: 'tool_call' }));
      }
    },
    structured: (model) =>
      modelOf(model)
        .withStructuredOutput(Person, { name: 'person', method: 'jsonSchema' })
        .invoke(asking(prompts.person)),
    async abort(model) {
      const leave = new AbortController();
      const stream = await modelOf(model).stream(asking(prompts.count), { signal: leave.signal });
      let text = '';
      try {
        for await (const chunk of stream) {
          text += chunk.text;
          if (text.length > 10) leave.abort();
        }
      } catch (error) {
        if (!leave.signal.aborted) throw error;
      }
      return text;
    },
  };
}

export const langChainChat: ClientSpec = {
  ...{ name: 'LangChain chat', dialect: 'openai-chat', finish: 'stop' },
  models: ['gpt-4o', 'openai-compatible/llama-3', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
  connect: (connection) => clientOf(connection, false),
};

export const langChainResponses: ClientSpec = {
  ...{ name: 'LangChain responses', dialect: 'openai-responses', finish: 'completed' },
  models: ['gpt-4o', 'anthropic/claude-sonnet-4-6'],
  connect: (connection) => clientOf(connection, true),
};
