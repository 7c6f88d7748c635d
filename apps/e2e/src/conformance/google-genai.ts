import { type Content, GoogleGenAI, type Part } from '@google/genai';
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
const tools = [
  {
    functionDeclarations: [
      {
        ...{ name: 'get_weather', description: weatherDescription },
        parametersJsonSchema: {
          type: 'object',
          properties: { city: { type: 'string' } },
          required: ['city'],
        },
      },
    ],
  },
];
const textOf = (parts: readonly Part[]) =>
  parts.map(({ text = '', thought }) => (thought ? '' : text)).join('');

/** By its own `fetch` the client looks for a dispatcher that the globals of a test lack. */
export function googleClient({ url, apiKey, headers }: Connection): GoogleGenAI {
  return new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url, headers: { ...headers }, fetch } });
}

export const googleGenAi: ClientSpec = {
  ...{ name: 'google genai', dialect: 'gemini-generate-content', finish: 'STOP' },
  models: [
    ...['gemini-2.5-flash', 'openai/gpt-4o', 'openai-compatible/llama-3'],
    'anthropic/claude-sonnet-4-6',
  ],
  connect: ({ url, apiKey, headers }) => {
    const { models } = googleClient({ url, apiKey, headers });
    const asking = (model: string, prompt: string, config: object = {}) => ({
      ...{ model, config: { systemInstruction: instructions, ...config } },
      contents: [{ role: 'user', parts: [{ text: prompt }] }] as Content[],
    });
    const ask = async (request: ReturnType<typeof asking>, stream: boolean) => {
      const answers = stream
        ? await models.generateContentStream(request)
        : [await models.generateContent(request)];
      const parts: Part[] = [];
      const ids: string[] = [];
      let finish: string | undefined;
      let usage: { promptTokenCount?: number; candidatesTokenCount?: number } = {};
      for await (const answer of answers) {
        const [candidate] = answer.candidates ?? [];
        parts.push(...(candidate?.content?.parts ?? []));
        finish = candidate?.finishReason ?? finish;
        usage = answer.usageMetadata ?? usage;
        if (answer.responseId !== undefined) ids.push(answer.responseId);
      }
      const told = { input: usage.promptTokenCount, output: usage.candidatesTokenCount };
      return { parts, said: { text: textOf(parts), finish, usage: told, ids } };
    };
    return {
      chat: async (model) => (await ask(asking(model, prompts.hello), false)).said,
      stream: async (model) => (await ask(asking(model, prompts.hello), true)).said,
      async callTools(model, { stream }) {
        const calls: { name: string; input: unknown }[] = [];
        const request = asking(model, prompts.weather, { tools });
        for (;;) {
          const { parts } = await ask(request, stream);
          const asked = parts.flatMap(({ functionCall }) => functionCall ?? []);
          if (asked.length === 0) return { text: textOf(parts), calls };
          for (const { name = '', args } of asked) calls.push({ name, input: args });
          const results = asked.map(({ id, name, args }) => ({
            functionResponse: {
              ...{ ...(id === undefined ? {} : { id }), name: name ?? '' },
              response: { output: JSON.stringify(weatherOf(String(args?.['city']))) },
            },
          }));
          request.contents.push({ role: 'model', parts }, { role: 'user', parts: results });
        }
      },
      async structured(model) {
        const config = { responseMimeType: 'application/json', responseJsonSchema: z.toJSONSchema(Person) };
        const { said } = await ask(asking(model, prompts.person, config), false);
        return JSON.parse(said.text) as unknown;
      },
      async abort(model) {
        const controller = new AbortController();
        const request = asking(model, prompts.count, { abortSignal: controller.signal });
        let text = '';
        try {
          for await (const answer of await models.generateContentStream(request)) {
            text += textOf(answer.candidates?.[0]?.content?.parts ?? []);
            if (text.length > 10) controller.abort();
          }
        } catch (error) {
          if (!controller.signal.aborted) throw error;
        }
        return text;
      },
    };
  },
};
