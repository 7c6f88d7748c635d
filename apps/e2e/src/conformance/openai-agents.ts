import {
  Agent,
  type Model,
  OpenAIChatCompletionsModel,
  OpenAIResponsesModel,
  Runner,
  tool,
  type Usage,
} from '@openai/agents';
import * as z from 'zod';
import {
  type Client,
  type ClientSpec,
  instructions,
  prompts,
  weatherDescription,
  weatherOf,
} from './client-suite.ts';
import { openAiOf } from './openai-sdk.ts';

const Person = z.object({ name: z.string(), age: z.number() });

/** Traces are not exported: they would go to OpenAI. */
const runner = new Runner({ tracingDisabled: true });

function clientOf(modelOf: (model: string) => Model): Client {
  const agentOf = (model: string) => new Agent({ name: 'Weatherman', instructions, model: modelOf(model) });
  const toSaid = (result: { finalOutput?: string | undefined; state: { usage: Usage } }) => ({
    ...{ text: result.finalOutput ?? '', finish: undefined },
    usage: { input: result.state.usage.inputTokens, output: result.state.usage.outputTokens },
  });
  return {
    chat: async (model) => toSaid(await runner.run(agentOf(model), prompts.hello)),
    async stream(model) {
      const result = await runner.run(agentOf(model), prompts.hello, { stream: true });
      let text = '';
      for await (const delta of result.toTextStream()) text += delta;
      await result.completed;
      return { ...toSaid(result), text };
    },
    async callTools(model, { stream }) {
      const calls: { name: string; input: unknown }[] = [];
      const getWeather = tool({
        ...{ name: 'get_weather', description: weatherDescription },
        parameters: z.object({ city: z.string() }),
        execute: (input) => {
          calls.push({ name: 'get_weather', input });
          return weatherOf(input.city);
        },
      });
      const agent = agentOf(model).clone({ tools: [getWeather] });
      if (!stream) return { text: (await runner.run(agent, prompts.weather)).finalOutput ?? '', calls };
      const result = await runner.run(agent, prompts.weather, { stream: true });
      await result.completed;
      return { text: result.finalOutput ?? '', calls };
    },
    async structured(model) {
      const agent = new Agent({ name: 'Writer', model: modelOf(model), outputType: Person });
      return (await runner.run(agent, prompts.person)).finalOutput;
    },
    async abort(model) {
      const leave = new AbortController();
      const result = await runner.run(agentOf(model), prompts.count, {
        ...{ stream: true, signal: leave.signal },
      });
      let text = '';
      for await (const delta of result.toTextStream()) {
        text += delta;
        if (text.length > 10) leave.abort();
      }
      return text;
    },
  };
}

export const agentsChat: ClientSpec = {
  ...{ name: 'Agents SDK chat', dialect: 'openai-chat', finish: undefined },
  models: ['gpt-4o', 'openai-compatible/llama-3', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
  connect: (connection) => clientOf((model) => new OpenAIChatCompletionsModel(openAiOf(connection), model)),
};

export const agentsResponses: ClientSpec = {
  ...{ name: 'Agents SDK responses', dialect: 'openai-responses', finish: undefined },
  models: ['gpt-4o', 'anthropic/claude-sonnet-4-6', 'gemini/gemini-2.5-flash'],
  connect: (connection) => clientOf((model) => new OpenAIResponsesModel(openAiOf(connection), model)),
};
