import { answerJson, answerRecorded, recordedCases, type Play } from '@loom/testkit';
import type { ConsoleWorld } from './console-world.ts';
import { eventually } from './deployment.ts';

const recorded = (name: string): Play => {
  const found = recordedCases().find((one) => one.name === name);
  if (!found) throw new Error(`there is no recorded case ${name}`);
  return answerRecorded(found);
};
const vector = Array.from({ length: 1536 }, (_, index) => Math.sin(index) / 40);

/** Answers of other APIs than chat, by the model that is asked for. */
export const dialectPlays: Readonly<Record<string, Play>> = {
  'research-1': recorded('openai/openai-web-search-tool.1.json'),
  'solver-1': recorded('openai/openai-reasoning-encrypted-content.1.chunks.txt'),
  'thinker-1': recorded('anthropic/anthropic-mcp.1.json'),
  'writer-1': recorded('openai/openai-completion-text.json'),
  'embed-1': answerJson({
    ...{ object: 'list', model: 'embed-1', usage: { prompt_tokens: 9, total_tokens: 9 } },
    data: [0, 1, 2].map((index) => ({ object: 'embedding', index, embedding: vector })),
  }),
};

const user = (content: unknown) => ({ role: 'user', content });
const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';

interface DialectCall {
  readonly path: string;
  readonly body: object;
  readonly headers?: Record<string, string>;
  /** Only the trace of the last time is kept. */
  readonly times?: number;
}

const calls: Readonly<Record<string, DialectCall>> = {
  research: {
    path: '/v1/responses',
    body: {
      model: 'native/research-1',
      instructions: 'You look things up.',
      input: [
        user([{ type: 'input_text', text: 'What is new in technology?' }]),
        { type: 'function_call', call_id: 'call_7', name: 'today', arguments: '{"zone":"UTC"}' },
        { type: 'function_call_output', call_id: 'call_7', output: '2025-12-05' },
      ],
    },
  },
  solved: {
    path: '/v1/responses',
    body: { model: 'native/solver-1', stream: true, input: 'How much is it?' },
  },
  thinker: {
    path: '/v1/messages',
    body: {
      ...{ model: 'claude/thinker-1', max_tokens: 500 },
      system: [{ type: 'text', text: 'You echo.', cache_control: { type: 'ephemeral' } }],
      messages: [
        user([
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: pixel } },
          { type: 'text', text: 'Say hello to the world.' },
        ]),
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 't1', name: 'lookup', input: { word: 'world' } }],
        },
        user([{ type: 'tool_result', tool_use_id: 't1', is_error: true, content: 'no such word' }]),
      ],
    },
  },
  translated: {
    path: '/v1/chat/completions',
    headers: { 'x-loom-unsupported': 'drop' },
    body: { model: 'claude/thinker-1', seed: 7, messages: [user('Say hello.')] },
  },
  embedded: {
    path: '/v1/embeddings',
    body: { model: 'openai-compatible/embed-1', input: ['one', 'two', 'three'] },
  },
  written: {
    path: '/v1/completions',
    body: { model: 'openai-compatible/writer-1', prompt: 'Invent a holiday.' },
  },
  routed: { path: '/v1/chat/completions', body: { model: 'sturdy', messages: [user('Are you there?')] } },
  cached: {
    path: '/v1/chat/completions',
    headers: { 'x-loom-cache': 'on' },
    body: { model: 'openai-compatible/plain-1', messages: [user('Again, please.')] },
    times: 2,
  },
};

export const dialectCalls = Object.values(calls).reduce((sum, { times = 1 }) => sum + times, 0);

/** Calls in every dialect, over providers and a route that are entered for them. */
export async function callInAllDialects(world: ConsoleWorld): Promise<void> {
  const client = world.clientOf(await world.admin(), 'default');
  const baseUrl = world.providerUrl;
  await client.createProvider({ body: { name: 'native', kind: 'vllm', baseUrl } });
  await client.createProvider({
    body: { name: 'claude', kind: 'anthropic', baseUrl, credential: 'sk-ant-1' },
  });
  const [provider, model] = ['openai-compatible', 'broken-1'];
  const route = { retries: 1, fallbacks: [{ provider, model: 'plain-1' }] };
  await client.createAlias({ body: { alias: 'sturdy', provider, model, route } });
  // The alias was entered last: a gateway that knows it knows all of them.
  await eventually(
    async () => (await ask(world, '/v1/models', {})).text(),
    (models) => models.includes('"sturdy"'),
  );
  for (const [name, { times = 1, path, headers = {}, body }] of Object.entries(calls)) {
    for (let time = 0; time < times; time += 1) {
      const response = await ask(world, path, { method: 'POST', headers, body: JSON.stringify(body) });
      const text = await response.text();
      if (!response.ok) throw new Error(`${name}: ${response.status} ${text}`);
      world.traces.set(name, response.headers.get('x-loom-trace-id') ?? '');
    }
  }
}

function ask(world: ConsoleWorld, path: string, init: { method?: string; headers?: object; body?: string }) {
  const { gatewayUrl, apiKey } = world.runtime;
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...init.headers };
  return fetch(gatewayUrl + path, { ...init, headers });
}
