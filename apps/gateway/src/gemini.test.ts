import { beforeAll, describe, expect, it } from '@jest/globals';
import { answerJson, type Play } from '@loom/testkit';
import { chatAnswer, useGateway } from './testing/gateway-suite.ts';

const suite = useGateway();
beforeAll(async () => {
  const { second, gateway } = suite;
  const baseUrl = new URL(second.url).origin;
  await gateway.provider({ name: 'gemini', kind: 'gemini', baseUrl, models: ['gemini-*'] });
});

const contents = [{ role: 'user', parts: [{ text: 'hi' }] }];
const geminiAnswer = {
  candidates: [{ content: { parts: [{ text: 'ok' }], role: 'model' }, finishReason: 'STOP', index: 0 }],
  usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 },
  modelVersion: 'gemini-2.5-flash',
  responseId: 'r1',
};
const sse = (...events: object[]) => events.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`).join('');
const answerStream =
  (text: string): Play =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.end(text);
  };
const chatStream = [
  { id: 'c', model: 'm', choices: [{ index: 0, delta: { role: 'assistant', content: 'Ahoj' } }] },
  { id: 'c', model: 'm', choices: [{ index: 0, delta: { content: ' 世界' } }] },
  { id: 'c', model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
  { id: 'c', model: 'm', choices: [], usage: { prompt_tokens: 4, completion_tokens: 2, total_tokens: 6 } },
];
/** Without the credential that the suite sends by itself. */
const ask = (path: string, headers: Record<string, string>, body: unknown = { contents }) =>
  fetch(suite.gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
const own = () => ({ 'x-goog-api-key': suite.gateway.token });

describe('a model of Gemini', () => {
  it.each([
    '/v1beta/models/gemini-2.5-flash:generateContent',
    '/v1/models/gemini-2.5-flash:generateContent',
    '/v1alpha/models/gemini/gemini-2.5-flash:generateContent',
    '/v1beta/models/gemini%2Fgemini-2.5-flash:generateContent',
    '/v1beta/models/gemini-2.5-flash%3AgenerateContent',
    '//v1beta//models/gemini-2.5-flash:generateContent/',
    '/v1/v1beta/models/gemini-2.5-flash:generateContent',
    '/v1beta/v1beta/models/gemini-2.5-flash:generateContent?alt=json',
    '/models/gemini-2.5-flash:generateContent',
  ])('is asked by %s with the caller’s bytes', async (path) => {
    suite.second.play = answerJson(geminiAnswer);
    const body = '{ "contents" : [{"parts":[{"text":"hi"}]}], "generationConfig":{"temperature":0.10} }';
    const response = await ask(path, own(), body);
    expect([response.status, await response.json()]).toEqual([200, geminiAnswer]);
    const [sent] = suite.second.seen;
    expect([sent?.url, sent?.body.toString()]).toEqual([
      '/v1beta/models/gemini-2.5-flash:generateContent',
      body,
    ]);
    const { facts, usage } = await suite.endOf(response);
    expect(facts).toMatchObject({
      ...{ dialect: 'gemini-generate-content', routedModel: 'gemini-2.5-flash', stream: false },
      parameters: { temperature: 0.1, message_count: 1 },
    });
    expect(facts.wire).toBeUndefined();
    expect(usage).toMatchObject({ inputTokens: 3, outputTokens: 2 });
  });

  it('streams by events byte for byte', async () => {
    const text = sse(
      { ...geminiAnswer, candidates: [{ content: { parts: [{ text: 'o' }] } }] },
      geminiAnswer,
    );
    suite.second.play = answerStream(text);
    const response = await ask('/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse', own());
    expect([response.headers.get('content-type'), await response.text()]).toEqual([
      'text/event-stream',
      text,
    ]);
    expect(suite.second.seen[0]?.url).toContain(':streamGenerateContent?alt=sse');
    expect(await suite.endOf(response)).toMatchObject({
      ...{ type: 'call.completed', facts: expect.objectContaining({ stream: true }), responseId: 'r1' },
      usage: { inputTokens: 3, outputTokens: 2 },
    });
  });

  it('streams a list in JSON where events are not asked for', async () => {
    suite.second.play = answerStream(sse(geminiAnswer, { ...geminiAnswer, responseId: 'r2' }));
    const response = await ask('/v1beta/models/gemini-2.5-flash:streamGenerateContent', own());
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await response.json()).toEqual([geminiAnswer, { ...geminiAnswer, responseId: 'r2' }]);
    expect((await suite.endOf(response)).type).toBe('call.completed');
  });

  it.each(['?alt=sse', ''])('streams an event larger than any buffer (%j)', async (query) => {
    const data = 'A'.repeat(3 * 1024 * 1024);
    const [candidate] = geminiAnswer.candidates;
    const parts = [{ inlineData: { mimeType: 'image/png', data } }];
    const large = { ...geminiAnswer, candidates: [{ ...candidate, content: { parts, role: 'model' } }] };
    suite.second.play = answerStream(sse(large));
    const response = await ask(`/v1beta/models/gemini-2.5-flash:streamGenerateContent${query}`, own());
    const text = await response.text();
    expect(query === '' ? JSON.parse(text) : text).toEqual(query === '' ? [large] : sse(large));
    expect(await suite.endOf(response)).toMatchObject({
      ...{ type: 'call.completed', finishReasons: ['STOP'], usage: { inputTokens: 3, outputTokens: 2 } },
    });
  });

  it('gets its own name where the body repeats the caller’s', async () => {
    suite.second.play = answerJson({ totalTokens: 7 });
    const counted = { generateContentRequest: { model: 'models/gemini/gemini-2.5-flash', contents } };
    const response = await ask('/v1beta/models/gemini/gemini-2.5-flash:countTokens', own(), counted);
    expect(await response.json()).toEqual({ totalTokens: 7 });
    expect(JSON.parse(String(suite.second.seen[0]?.body))).toEqual({
      generateContentRequest: { model: 'models/gemini-2.5-flash', contents },
    });
  });

  it('gets no thoughts of another model as its own', async () => {
    suite.first.play = answerJson({
      ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', stop_reason: 'tool_use' },
      content: [
        { type: 'thinking', thinking: 'Six times seven.', signature: 'sig' },
        { type: 'tool_use', id: 't1', name: 'f', input: {} },
      ],
      usage: { input_tokens: 5, output_tokens: 3 },
    });
    const said = await ask('/v1beta/models/claude-x:generateContent', own());
    const { candidates } = (await said.json()) as { candidates: { content: { parts: object[] } }[] };
    suite.second.play = answerJson(geminiAnswer);
    const results = { parts: [{ functionResponse: { id: 't1', name: 'f', response: { output: 'x' } } }] };
    const body = { contents: [...contents, candidates[0]?.content, results] };
    expect((await ask('/v1beta/models/gemini-2.5-flash:generateContent', own(), body)).status).toBe(200);
    const sent = JSON.parse(String(suite.second.seen[0]?.body)) as typeof body;
    expect(sent.contents[1]?.parts.at(-1)).toEqual({
      functionCall: { id: 't1', name: 'f', args: {} },
      thoughtSignature: 'skip_thought_signature_validator',
    });
  });

  it('that called no tool properly says so to its callers alone', async () => {
    const broken = { ...geminiAnswer, candidates: [{ finishReason: 'MALFORMED_FUNCTION_CALL', index: 0 }] };
    suite.second.play = answerJson(broken);
    const response = await ask('/v1beta/models/gemini-2.5-flash:generateContent', own());
    expect([response.status, await response.json()]).toEqual([200, broken]);
    const chat = await suite.gateway.chat({
      model: 'gemini-2.5-flash',
      messages: [{ role: 'user', content: 'hi' }],
    });
    expect([chat.status, await chat.json()]).toMatchObject([
      502,
      { error: { code: 'MALFORMED_FUNCTION_CALL' } },
    ]);
  });
});

describe('a key of Loom', () => {
  const path = '/v1beta/models/gemini-2.5-flash:generateContent';
  it.each([
    ['x-goog-api-key', () => [path, own()] as const],
    ['authorization', () => [path, { authorization: `Bearer ${suite.gateway.token}` }] as const],
    ['?key=', () => [`${path}?key=${suite.gateway.token}`, {}] as const],
    [
      '?key= beside a placeholder',
      () => [`${path}?key=${suite.gateway.token}`, { 'x-goog-api-key': 'none' }] as const,
    ],
  ])('in %s is understood, and neither forwarded nor recorded', async (_name, request) => {
    suite.second.play = answerJson(geminiAnswer);
    const [url, headers] = request();
    const response = await ask(url, headers);
    expect(response.status).toBe(200);
    await suite.endOf(response);
    expect(JSON.stringify([suite.second.seen, await suite.gateway.events()])).not.toContain(
      suite.gateway.token,
    );
    expect(suite.second.seen[0]?.headers['x-goog-api-key']).toBe('sk-provider-0123456789');
  });

  it('in the query is not repeated by an error', async () => {
    const response = await ask(`/v1beta/nothing?key=${suite.gateway.token}`, {});
    expect(response.status).toBe(404);
    expect(await response.text()).not.toContain(suite.gateway.token);
  });
});

describe('a model of another provider', () => {
  it('answers as Gemini does', async () => {
    suite.first.play = answerJson(chatAnswer());
    const response = await ask('/v1beta/models/gpt-x:generateContent', own(), {
      ...{ contents, safetySettings: [{ category: 'HARM_CATEGORY_HATE_SPEECH', threshold: 'OFF' }] },
    });
    expect([response.status, await response.json()]).toEqual([
      200,
      {
        candidates: [{ content: { parts: [{ text: 'ok' }], role: 'model' }, finishReason: 'STOP', index: 0 }],
        usageMetadata: { promptTokenCount: 3, candidatesTokenCount: 2, totalTokenCount: 5 },
        ...{ modelVersion: 'gpt-x', responseId: 'chatcmpl-1' },
      },
    ]);
    expect(response.headers.get('x-loom-dropped')).toBe('safetySettings');
    expect((await suite.endOf(response)).facts).toMatchObject({
      ...{ dialect: 'gemini-generate-content', wire: 'openai-chat', dropped: ['safetySettings'] },
    });
  });

  it.each(['?alt=sse', ''])('streams as Gemini does (%j)', async (query) => {
    suite.first.play = answerStream(`${sse(...chatStream)}data: [DONE]\n\n`);
    const response = await ask(`/v1beta/models/gpt-x:streamGenerateContent${query}`, own());
    const text = await response.text();
    const events = (
      query === ''
        ? JSON.parse(text)
        : text.match(/(?<=data: ).*/g)?.map((data) => JSON.parse(data) as unknown)
    ) as { candidates: { content: { parts: { text: string }[] }; finishReason?: string }[] }[];
    const said = events.map(({ candidates }) => candidates[0]?.content.parts[0]?.text).join('');
    expect(said).toBe('Ahoj 世界');
    expect(events.at(-1)).toMatchObject({
      candidates: [{ finishReason: 'STOP' }],
      usageMetadata: { promptTokenCount: 4, candidatesTokenCount: 2 },
    });
    expect(JSON.parse(String(suite.first.seen[0]?.body))).toMatchObject({ model: 'gpt-x', stream: true });
    expect(await suite.endOf(response)).toMatchObject({ type: 'call.completed', facts: { stream: true } });
  });

  it.each(['?alt=sse', ''])('ends a stream that breaks with an error in it (%j)', async (query) => {
    suite.first.play = answerStream(sse(...chatStream.slice(0, 2)));
    const response = await ask(`/v1beta/models/gpt-x:streamGenerateContent${query}`, own());
    const text = await response.text();
    const last: unknown =
      query === ''
        ? (JSON.parse(text) as unknown[]).at(-1)
        : JSON.parse(text.match(/(?<=data: ).*/g)?.at(-1) ?? '');
    expect(last).toMatchObject({ error: { code: 502, status: 'UNAVAILABLE' } });
  });

  it('counts tokens by an estimate', async () => {
    const response = await ask('/v1beta/models/gpt-x:countTokens', own());
    expect([response.headers.get('x-loom-token-count'), await response.json()]).toEqual([
      'estimated',
      { totalTokens: expect.any(Number) },
    ]);
    expect(suite.first.seen).toEqual([]);
  });

  it('counts tokens by its provider', async () => {
    suite.first.play = answerJson({ input_tokens: 14 });
    const response = await ask('/v1beta/models/claude-sonnet-4-6:countTokens', own());
    expect(await response.json()).toEqual({ totalTokens: 14 });
    expect(suite.first.seen[0]?.url).toBe('/v1/messages/count_tokens');
  });

  it('embeds', async () => {
    suite.first.play = answerJson({
      data: [{ index: 0, embedding: [0.5, 1] }],
      usage: { prompt_tokens: 2, total_tokens: 2 },
    });
    const requests = [
      { model: 'models/gpt-x', content: { parts: [{ text: 'one' }] }, taskType: 'CLUSTERING' },
    ];
    const response = await ask('/v1beta/models/gpt-x:batchEmbedContents', own(), { requests });
    expect(await response.json()).toMatchObject({ embeddings: [{ values: [0.5, 1] }] });
    expect(response.headers.get('x-loom-dropped')).toBe('requests[0].taskType');
    expect(JSON.parse(String(suite.first.seen[0]?.body))).toMatchObject({ model: 'gpt-x', input: ['one'] });
  });
});

describe('embedContent', () => {
  const body = { content: { parts: [{ text: 'one' }] } };
  it('goes to a provider of Gemini as it is', async () => {
    const answer = { embedding: { values: [0.5, 1] }, usageMetadata: { promptTokenCount: 2 } };
    suite.second.play = answerJson(answer);
    const response = await ask('/v1beta/models/gemini-embedding-001:embedContent', own(), body);
    expect([response.status, await response.json()]).toEqual([200, answer]);
    expect(suite.second.seen[0]?.url).toBe('/v1beta/models/gemini-embedding-001:embedContent');
    expect((await suite.endOf(response)).usage).toMatchObject({ inputTokens: 2, outputTokens: 0 });
  });

  it('is translated for others', async () => {
    suite.first.play = answerJson({ data: [{ index: 0, embedding: [0.5, 1] }] });
    const response = await ask('/v1beta/models/gpt-x:embedContent', own(), body);
    expect(await response.json()).toEqual({ embedding: { values: [0.5, 1] } });
    const empty = await ask('/v1beta/models/gpt-x:batchEmbedContents', own(), {});
    expect(await empty.json()).toMatchObject({
      error: { code: 400, message: expect.stringContaining('"requests"') },
    });
  });
});

describe('errors in Gemini’s shape', () => {
  const generate = '/v1beta/models/gpt-x:generateContent';
  it.each([
    [generate, {}, { contents }, 401, 'UNAUTHENTICATED', 'no API key was sent'],
    [generate, null, '{', 400, 'INVALID_ARGUMENT', 'could not parse the JSON body'],
    [generate, null, {}, 400, 'INVALID_ARGUMENT', 'you must provide "contents"'],
    [
      generate,
      null,
      { contents: [{ parts: [{}] }] },
      400,
      'INVALID_ARGUMENT',
      '"contents[0].parts[0]" must be',
    ],
    [generate, null, { contents, cachedContent: 'c' }, 422, 'INVALID_ARGUMENT', '"cachedContent"'],
    [
      generate,
      null,
      { contents, tools: [{ googleSearch: {} }] },
      422,
      'INVALID_ARGUMENT',
      '"tools[0].googleSearch"',
    ],
    ['/v1beta/models/nothing:generateContent', null, { contents }, 404, 'NOT_FOUND', '"nothing"'],
    ['/v1beta/models/gpt-x:predict', null, { contents }, 405, 'UNIMPLEMENTED', 'POST is not allowed'],
    ['/v1beta/files', null, '{}', 404, 'NOT_FOUND', 'unknown request URL: POST /v1beta/files'],
    ['/v1beta/models/%ff:generateContent', null, '{}', 400, 'INVALID_ARGUMENT', 'percent-encoded'],
  ])('%s with %j and %j', async (path, headers, body, code, status, words) => {
    const response = await ask(path, headers ?? own(), body);
    expect([response.status, await response.json()]).toEqual([
      code,
      { error: { code, status, message: expect.stringContaining(words), details: expect.any(Array) } },
    ]);
  });

  it('name the field, and when to try again', async () => {
    const invalid = await ask(generate, own(), { contents: [{ role: 'system', parts: [] }] });
    expect(await invalid.json()).toMatchObject({
      error: {
        details: expect.arrayContaining([
          expect.objectContaining({
            fieldViolations: [expect.objectContaining({ field: 'contents[0].role' })],
          }),
        ]),
      },
    });
    suite.first.play = answerJson({ error: { message: 'slow down', type: 'rate_limit_error' } }, 429, {
      'retry-after': '7',
    });
    const limited = await ask(generate, own());
    expect([limited.status, limited.headers.get('retry-after'), await limited.json()]).toMatchObject([
      ...[429, '7'],
      { error: { code: 429, status: 'RESOURCE_EXHAUSTED', message: 'slow down' } },
    ]);
  });

  it('leave out tools that Google runs where the policy says so', async () => {
    suite.first.play = answerJson(chatAnswer());
    const body = { contents, tools: [{ googleSearch: {} }] };
    const response = await ask(generate, { ...own(), 'x-loom-unsupported': 'drop' }, body);
    expect([response.status, response.headers.get('x-loom-dropped')]).toEqual([200, 'tools[0].googleSearch']);
  });
});

describe('models', () => {
  const get = (path: string) => fetch(suite.gateway.url + path, { headers: own() });
  beforeAll(() => {
    suite.second.play = answerJson({
      models: [{ name: 'models/gemini-2.5-flash', displayName: 'Flash', inputTokenLimit: 1_048_576 }],
    });
    suite.first.play = answerJson({ data: [{ id: 'gpt-x' }] });
  });

  it.each(['/v1beta/models', '/v1/models', '/v1beta/models/', '/v1/v1beta/models'])(
    'are listed by %s as Gemini does, page by page',
    async (path) => {
      const names: string[] = [];
      let token = '';
      for (let pages = 0; pages < 20; pages += 1) {
        const response = await get(`${path}?pageSize=2${token}`);
        const { models, nextPageToken } = (await response.json()) as { models: { name: string }[]; nextPageToken?: string }; // prettier-ignore
        names.push(...models.map(({ name }) => name));
        if (nextPageToken === undefined) break;
        token = `&pageToken=${nextPageToken}`;
      }
      expect(names).toEqual(expect.arrayContaining(['models/gpt-x', 'models/gemini-2.5-flash']));
      expect(new Set(names).size).toBe(names.length);
    },
  );

  it('one by its name', async () => {
    expect(await (await get('/v1beta/models/gemini/gemini-2.5-flash')).json()).toMatchObject({
      ...{ name: 'models/gemini/gemini-2.5-flash', displayName: 'Flash', inputTokenLimit: 1_048_576 },
      supportedGenerationMethods: expect.arrayContaining(['generateContent']),
    });
    const missing = await get('/v1beta/models/nothing');
    expect([missing.status, await missing.json()]).toMatchObject([404, { error: { status: 'NOT_FOUND' } }]);
    expect((await get('/v1beta/models?pageSize=0')).status).toBe(400);
  });
});
