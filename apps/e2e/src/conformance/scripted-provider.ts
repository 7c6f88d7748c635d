import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ChatCompletionRequest, type FixtureResponse, LLMock } from '@copilotkit/aimock';

/** Tokens that the provider tells for each of its answers, as `[input, output]`. */
export const tokensOf = { hello: [11, 7], call: [21, 9], result: [31, 8], person: [41, 12] } as const;

export const helloText = 'Ahoj, 世界 👋 — how are you?';
export const person = { name: 'Ada Lovelace', age: 36 };
export const cities = ['Praha', 'Brno'] as const;
export const resultText = 'It is 21 and 19 degrees.';
/** What the model counts to, twenty-five pieces a second, when it is asked to count slowly. */
export const countText = Array.from({ length: 150 }, (_, index) => `n${index}`).join(' ');
export const thought = 'Six times seven.';
export const vector = [0.25, -0.5, 0.125];

const usage = ([input, output]: readonly [number, number]) => ({
  usage: { prompt_tokens: input, completion_tokens: output, input_tokens: input, output_tokens: output },
});

const text = (content: unknown): string =>
  typeof content === 'string'
    ? content
    : Array.isArray(content)
      ? content.map((part: { text?: string }) => part.text ?? '').join('')
      : '';

/** Gemini gives calls no ids, and says STOP where OpenAI says `tool_calls`. */
const callsOf = ({ model }: ChatCompletionRequest, calls: readonly (readonly [string, object])[]) => {
  const isGemini = model.startsWith('gemini');
  return {
    toolCalls: calls.map(([name, input], index) => ({
      ...{ name, arguments: JSON.stringify(input) },
      ...(isGemini ? {} : { id: `call_${name}_${index}` }),
    })),
    ...(isGemini ? { finishReason: 'stop' } : {}),
  };
};

function answerHello({ messages }: ChatCompletionRequest): FixtureResponse {
  const instructed = messages.some(
    ({ role, content }) => /system|developer/.test(role) && text(content).includes('terse'),
  );
  return { content: instructed ? helloText : 'Nobody told me to be terse.', ...usage(tokensOf.hello) };
}

function answerWeather(request: ChatCompletionRequest): FixtureResponse {
  const results = request.messages.filter(({ role }) => role === 'tool');
  if (results.length === 0) {
    const calls = cities.map((city) => ['get_weather', { city }] as const);
    const isPondering = request.messages.some(({ content }) => text(content).includes('Ponder'));
    return {
      ...callsOf(request, calls),
      ...(isPondering ? { reasoning: thought } : {}),
      ...usage(tokensOf.call),
    };
  }
  const degrees = results.map(({ content }) => /-?\d+/.exec(text(content))?.[0]);
  return { content: `It is ${degrees.join(' and ')} degrees.`, ...usage(tokensOf.result) };
}

/** By the schema of the answer, or by the only tool that is there, as some clients ask for a structure. */
function answerPerson(request: ChatCompletionRequest): FixtureResponse {
  const name = request.tools?.[0]?.function.name;
  return {
    ...(name === undefined ? { content: JSON.stringify(person) } : callsOf(request, [[name, person]])),
    ...usage(tokensOf.person),
  };
}

const answer = (respond: (body: Record<string, unknown>) => object) => ({
  async handleRequest(request: IncomingMessage, response: ServerResponse) {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(respond(body)));
    return true;
  },
});

/**
 * A provider of all APIs on one port, aimock, that says hello when it was told to be terse, knows the weather by
 * way of a tool and a person by a schema, counts slowly, and fails in the ways it is asked for.
 */
export async function startScriptedProvider(): Promise<LLMock> {
  const mock = new LLMock({ port: 0, chunkSize: 5, strict: true });
  mock.on({ userMessage: 'hello' }, answerHello);
  mock.on({ userMessage: 'weather' }, answerWeather);
  mock.on({ hasToolResult: true }, answerWeather); // of a thread: the provider has the question already
  mock.on({ userMessage: 'person' }, answerPerson);
  mock.on(
    { userMessage: 'slowly' },
    { content: countText, ...usage(tokensOf.hello) },
    { chunkSize: 4, streamingProfile: { ttft: 10, tps: 25 } },
  );
  mock.on(
    { userMessage: 'ramble' },
    { content: 'On and on', finishReason: 'length', ...usage(tokensOf.hello) },
  );
  mock.on({ userMessage: 'time' }, (request) => ({
    ...{ content: 'Let me look.', ...callsOf(request, [['get_time', {}]]) },
    ...usage(tokensOf.call),
  }));
  mock.on({ userMessage: 'think' }, { content: '42', reasoning: thought, ...usage(tokensOf.hello) });
  mock.on(
    { userMessage: 'limit' },
    { error: { message: 'slow down', type: 'rate_limit_error' }, status: 429 },
  );
  mock.on(
    { userMessage: 'break' },
    { content: countText, ...usage(tokensOf.hello) },
    { truncateAfterChunks: 9 },
  );
  mock.onEmbedding(/./, { embedding: vector });
  // What aimock lacks.
  mock.mount(
    '/v1/messages/count_tokens',
    answer(() => ({ input_tokens: 14 })),
  );
  mock.mount(
    '/v1beta/models/gemini-2.5-flash:countTokens',
    answer(() => ({ totalTokens: 15 })),
  );
  mock.mount(
    '/v1beta/models/gemini-embedding-001:batchEmbedContents',
    answer(({ requests }) => ({ embeddings: (requests as unknown[]).map(() => ({ values: vector })) })),
  );
  await mock.start();
  return mock;
}
