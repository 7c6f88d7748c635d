import { describe, expect, it } from '@jest/globals';
import type { LoomError } from '@loom/errors';
import fc from 'fast-check';
import type { AnswerContext } from '../neutral/halves.ts';
import { findPair, pairNames } from '../pairs.ts';
import { openThought } from './thought-seal.ts';

type Json = Record<string, unknown>;

const pairWith = (wire: string) => {
  const pair = findPair('gemini-generate-content', wire);
  if (!pair) throw new Error('no pair');
  return pair;
};
const translate = (wire: string, body: object, policy: 'refuse' | 'drop' = 'refuse', model = 'served') => {
  const { body: bytes, dropped } = pairWith(wire).writeRequest(
    Buffer.from(JSON.stringify(body)),
    model,
    policy,
  );
  return { sent: JSON.parse(bytes.toString()) as Json, dropped };
};
const refusal = (body: object, wire = 'openai-chat') => {
  try {
    translate(wire, body);
    return null;
  } catch (error) {
    const { code, param, message } = error as LoomError;
    return { code, param, message };
  }
};
const context: AnswerContext = {
  ...{ requestModel: 'asked', id: '0198', created: 1_700_000_000, includeUsage: true },
  bytes: Buffer.from('{"contents":[]}'),
};
const wires = ['openai-chat', 'anthropic-messages', 'bedrock-converse', 'cohere-chat'];
const user = (...parts: object[]) => ({ role: 'user', parts });
const model = (...parts: object[]) => ({ role: 'model', parts });
const call = (name: string, args: object, more: object = {}) => ({ functionCall: { name, args, ...more } });
const result = (name: string, response: object, more: object = {}) => ({
  functionResponse: { name, response, ...more },
});
const hi = [user({ text: 'hi' })];

/** What most providers have: a history with parallel calls, an image, a system prompt, settings. */
const rich = {
  systemInstruction: { parts: [{ text: 'Be brief.' }] },
  contents: [
    user({ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } }),
    model(call('weather', { city: 'Köln' }), call('weather', { city: 'Brno' }), call('time', {})),
    user(
      result('weather', { output: '21' }),
      result('time', { result: 'noon' }),
      result('weather', { degrees: 19 }),
    ),
    user({ text: 'And now?' }),
  ],
  tools: [
    {
      functionDeclarations: [
        {
          ...{ name: 'weather', description: 'Tells it' },
          parameters: {
            ...{ type: 'OBJECT', required: ['city'], propertyOrdering: ['city'] },
            properties: { city: { type: 'STRING', nullable: true, minLength: '1' } },
          },
        },
        { name: 'time', parametersJsonSchema: { type: 'object', properties: { zone: { type: 'string' } } } },
      ],
    },
  ],
  toolConfig: { functionCallingConfig: { mode: 'ANY' } },
  generationConfig: { temperature: 0.5, topP: 0.9, maxOutputTokens: 500, stopSequences: ['END'] },
};

describe('a request of the Gemini API', () => {
  it('becomes one of the chat API; calls without ids find their results by name and order', () => {
    expect(translate('openai-chat', rich).sent).toEqual({
      model: 'served',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } },
          ],
        },
        expect.objectContaining({
          role: 'assistant',
          tool_calls: [
            { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Köln"}' } },
            { id: 'call_2', type: 'function', function: { name: 'weather', arguments: '{"city":"Brno"}' } },
            { id: 'call_3', type: 'function', function: { name: 'time', arguments: '{}' } },
          ],
        }),
        { role: 'tool', tool_call_id: 'call_1', content: '21' },
        { role: 'tool', tool_call_id: 'call_3', content: 'noon' },
        { role: 'tool', tool_call_id: 'call_2', content: '{"degrees":19}' },
        { role: 'user', content: [{ type: 'text', text: 'And now?' }] },
      ],
      tools: [
        {
          type: 'function',
          function: {
            ...{ name: 'weather', description: 'Tells it' },
            parameters: {
              ...{ type: 'object', required: ['city'] },
              properties: { city: { type: ['string', 'null'], minLength: 1 } },
            },
          },
        },
        {
          type: 'function',
          function: {
            name: 'time',
            parameters: { type: 'object', properties: { zone: { type: 'string' } } },
          },
        },
      ],
      ...{ tool_choice: 'required', max_completion_tokens: 500, temperature: 0.5, top_p: 0.9, stop: ['END'] },
    });
  });

  it.each(wires)('is taken by %s', (wire) => {
    const text = JSON.stringify(
      translate(wire, { ...rich, toolConfig: undefined, generationConfig: {} }).sent,
    );
    for (const said of ['Be brief.', 'What is this?', 'Köln', 'Brno', 'noon', 'And now?', 'degrees'])
      expect(text).toContain(said);
  });

  it('means the same in snake case, and with items in place of lists', () => {
    const snake = {
      system_instruction: { parts: { text: 'Be brief.' } },
      contents: {
        parts: [{ text: 'hi' }, { inline_data: { mime_type: 'image/png', data: 'iVBORw0KGgo=' } }],
      },
      tools: { function_declarations: [{ name: 'f', parameters: { type: 'OBJECT', properties: { a: { type: 'ARRAY', min_items: '1', items: { type: 'INTEGER' } } } } }] }, // prettier-ignore
      tool_config: { function_calling_config: { mode: 'ANY', allowed_function_names: ['f'] } },
      generation_config: { max_output_tokens: 7, response_mime_type: 'application/json' },
    };
    const { sent, dropped } = translate('openai-chat', snake);
    expect(dropped).toEqual([]);
    expect(sent).toMatchObject({
      messages: [{ role: 'system' }, { role: 'user', content: [{ text: 'hi' }, { type: 'image_url' }] }],
      tools: [{ function: { parameters: { properties: { a: { type: 'array', minItems: 1, items: { type: 'integer' } } } } } }], // prettier-ignore
      tool_choice: { type: 'function', function: { name: 'f' } },
      ...{ max_completion_tokens: 7, response_format: { type: 'json_object' } },
    });
  });

  it('holds an answer to a schema', () => {
    const generationConfig = {
      responseMimeType: 'application/json',
      responseSchema: { type: 'OBJECT', properties: { age: { type: 'INTEGER', format: 'int32' } } },
    };
    const schema = { type: 'object', properties: { age: { type: 'integer', format: 'int32' } } };
    expect(translate('openai-chat', { contents: hi, generationConfig }).sent).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } },
    });
    const { responseSchema: responseJsonSchema, ...rest } = generationConfig; // as Gemini CLI writes it
    expect(
      translate('openai-chat', { contents: hi, generationConfig: { ...rest, responseJsonSchema } }).sent,
    ).toMatchObject({ response_format: { json_schema: { schema } } });
    const own = { type: ['object', 'null'], $defs: { x_y: { const: 1 } }, properties: { min_items: { $ref: '#/$defs/x_y' } }, additionalProperties: false }; // prettier-ignore
    expect(
      translate('openai-chat', { contents: hi, generationConfig: { ...rest, responseJsonSchema: own } }).sent,
    ).toMatchObject({ response_format: { json_schema: { schema: own } } });
    expect(refusal({ contents: hi, generationConfig: { responseSchema: {} } })).toMatchObject({
      ...{ code: 'invalid_request', param: 'generationConfig.responseMimeType' },
    });
  });

  it.each([
    [{ thinkingBudget: 0 }, undefined],
    [{ thinkingBudget: 2048 }, { type: 'enabled', budget_tokens: 2048 }],
    [
      { thinkingBudget: -1, includeThoughts: true },
      { type: 'enabled', budget_tokens: 8192 },
    ],
    [{ thinkingLevel: 'LOW' }, { type: 'enabled', budget_tokens: 2048 }],
  ])('thinks by %j', (thinkingConfig, expected) => {
    const body = { contents: hi, generationConfig: { thinkingConfig, maxOutputTokens: 20_000 } };
    const { sent } = translate('anthropic-messages', body, 'refuse', 'claude-sonnet-4-5');
    expect(sent['thinking']).toEqual(expected);
  });

  it('of Gemini CLI is refused by no provider for its defaults', () => {
    const generationConfig = {
      temperature: 1,
      topP: 0.95,
      topK: 64,
      thinkingConfig: { includeThoughts: true },
    };
    const body = { contents: hi, generationConfig };
    expect(translate('openai-chat', body, 'refuse', 'gpt-4o').dropped).toEqual(
      expect.arrayContaining(['generationConfig.topK']),
    );
    expect(translate('anthropic-messages', body, 'refuse', 'claude-sonnet-4-5')).toMatchObject({
      sent: { temperature: 1, thinking: { type: 'enabled' } },
      dropped: expect.arrayContaining(['generationConfig.topK', 'generationConfig.topP']),
    });
    for (const wire of ['bedrock-converse', 'cohere-chat']) expect(() => translate(wire, body)).not.toThrow();
    const own = { contents: hi, generationConfig: { topK: 5 } };
    expect(refusal(own)).toMatchObject({ code: 'unsupported', param: 'generationConfig.topK' });
  });

  it('leaves out what only hints, and says so', () => {
    const body = {
      contents: [user({ text: 'hi', mediaResolution: { level: 'LOW' } })],
      safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
      labels: { team: 'a' },
      generationConfig: { mediaResolution: 'MEDIA_RESOLUTION_LOW', candidateCount: 1, presencePenalty: 0 },
      tools: [{ functionDeclarations: [{ name: 'f', behavior: 'BLOCKING' }] }],
      toolConfig: { functionCallingConfig: { mode: 'VALIDATED' } },
    };
    expect(translate('openai-chat', body).dropped.toSorted()).toEqual([
      ...['contents[0].parts[0].mediaResolution', 'generationConfig.mediaResolution', 'labels'],
      ...[
        'safetySettings',
        'toolConfig.functionCallingConfig.mode',
        'tools[0].functionDeclarations[0].behavior',
      ],
    ]);
  });

  it.each(['googleSearch', 'codeExecution', 'urlContext', 'google_search'])(
    'with the tool %s is refused by its name, or goes without it',
    (tool) => {
      const body = { contents: hi, tools: [{ [tool]: {} }, { functionDeclarations: [{ name: 'f' }] }] };
      const name = tool === 'google_search' ? 'googleSearch' : tool;
      expect(refusal(body)).toMatchObject({
        ...{
          code: 'unsupported',
          param: `tools[0].${name}`,
          message: expect.stringContaining(`the tool "${name}"`),
        },
      });
      const { sent, dropped } = translate('openai-chat', body, 'drop');
      expect([dropped, (sent['tools'] as unknown[]).length]).toEqual([[`tools[0].${name}`], 1]);
    },
  );

  it.each([
    [
      { contents: [{ role: 'system', parts: [] }] },
      'invalid_request',
      'contents[0].role',
      'systemInstruction',
    ],
    [{ contents: [user({})] }, 'invalid_request', 'contents[0].parts[0]', 'functionResponse'],
    [{ contents: ['hi'] }, 'invalid_request', 'contents[0]', 'an object'],
    [{ contents: [user({ text: 7 })] }, 'invalid_request', 'contents[0].parts[0].text', 'a string'],
    [
      { contents: [user(result('f', {}))] },
      'invalid_request',
      'contents[0].parts[0].functionResponse',
      '"f"',
    ],
    [{ contents: [model(call('f', [] as object))] }, 'invalid_request', 'contents[0].parts[0].functionCall.args', 'an object'], // prettier-ignore
    [
      { contents: hi, cachedContent: 'cachedContents/1' },
      'unsupported',
      'cachedContent',
      'whole conversation',
    ],
    [{ contents: [user({ fileData: { fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/1' } })] }, 'unsupported', 'contents[0].parts[0].fileData.fileUri', 'does not hold'], // prettier-ignore
    [{ contents: [user({ inlineData: { mimeType: 'video/mp4', data: 'AA==' } })] }, 'unsupported', 'contents[0].parts[0].inlineData', 'video'], // prettier-ignore
    [{ contents: hi, generationConfig: { responseModalities: ['IMAGE'] } }, 'unsupported', 'generationConfig.responseModalities', 'leave it out'], // prettier-ignore
    [{ contents: hi, generationConfig: { temperature: 'hot' } }, 'invalid_request', 'generationConfig.temperature', 'a number'], // prettier-ignore
    [{ contents: hi, generationConfig: [] }, 'invalid_request', 'generationConfig', 'an object'],
    [{ contents: hi, generationConfig: { thinkingConfig: { thinkingLevel: 'SOME' } } }, 'invalid_request', 'generationConfig.thinkingConfig.thinkingLevel', 'HIGH'], // prettier-ignore
    [{ contents: hi, tools: [{ functionDeclarations: [{ name: 'f' }] }], toolConfig: { functionCallingConfig: { mode: 'MUST' } } }, 'invalid_request', 'toolConfig.functionCallingConfig.mode', 'ANY'], // prettier-ignore
    [{ contents: hi, unheardOf: 1 }, 'unsupported', 'unheardOf', 'drop'],
  ])('that is %j is refused by its member (case %#)', (body, code, param, words) => {
    expect(refusal(body)).toEqual({ code, param, message: expect.stringContaining(words) });
  });

  it('with ids pairs by them, also where names repeat and an id has been used before', () => {
    const contents = [
      ...hi,
      model(call('f', { n: 1 }, { id: 'a' }), call('f', { n: 2 }, { id: 'b' })),
      user(result('f', { output: 'two' }, { id: 'b' }), result('f', { output: 'one' }, { id: 'a' })),
      model(call('f', { n: 3 }, { id: 'a' })),
      user(result('f', { error: 'no' }, { id: 'a' })),
    ];
    const messages = translate('openai-chat', { contents }).sent['messages'] as Json[];
    const results = messages.filter(({ role }) => role === 'tool');
    expect(results.map(({ tool_call_id: id, content }) => [id, content])).toEqual([
      ...[
        ['b', 'two'],
        ['a', 'one'],
      ],
      ['a-again-1', 'no'],
    ]);
    expect(JSON.stringify(translate('anthropic-messages', { contents }).sent)).toContain('"is_error":true');
  });
});

/** The value with another one in place of one of its own, chosen by the numbers. */
function replacedAt(value: unknown, choices: readonly number[], other: unknown): unknown {
  const [choice, ...rest] = choices;
  if (choice === undefined || typeof value !== 'object' || value === null) return other;
  const names = Object.keys(value);
  const name = names[choice % names.length];
  if (name === undefined) return other;
  const changed = replacedAt((value as Json)[name], rest, other);
  if (!Array.isArray(value)) return { ...value, [name]: changed };
  return value.map((item: unknown, index) => (String(index) === name ? changed : item));
}

it.each(wires)('a request with anything anywhere is taken by %s or refused by name', (wire) => {
  const choices = fc.array(fc.nat(50), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(choices, fc.jsonValue(), (places, other) => {
      const body = replacedAt(rich, places, other);
      try {
        translate(wire, body as object, 'drop');
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^(?:invalid_request|unsupported)$/) });
        expect((error as LoomError).param).toEqual(expect.any(String));
      }
    }),
    { numRuns: 400 },
  );
});

const message = (content: object[], stop_reason = 'end_turn') => ({
  ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', content, stop_reason },
  usage: { input_tokens: 5, output_tokens: 3, cache_read_input_tokens: 2 },
});
const answer = (wire: string, body: object) =>
  JSON.parse(
    pairWith(wire)
      .writeAnswer(Buffer.from(JSON.stringify(body)), context)
      .toString(),
  ) as {
    candidates: { content: { parts: Json[] }; finishReason: string }[];
  } & Json;

describe('an answer for a caller of the Gemini API', () => {
  it('has parts, a finish reason, usage and names', () => {
    expect(
      answer('anthropic-messages', message([{ type: 'text', text: 'Ahoj' }, { type: 'tool_use', id: 't1', name: 'f', input: { a: 1 } }], 'tool_use')), // prettier-ignore
    ).toEqual({
      candidates: [
        {
          content: {
            parts: [{ text: 'Ahoj' }, { functionCall: { id: 't1', name: 'f', args: { a: 1 } } }],
            role: 'model',
          },
          ...{ finishReason: 'STOP', index: 0 },
        },
      ],
      usageMetadata: {
        promptTokenCount: 7,
        cachedContentTokenCount: 2,
        candidatesTokenCount: 3,
        totalTokenCount: 10,
      },
      ...{ modelVersion: 'claude-x', responseId: 'msg_1' },
    });
  });

  it.each([
    ['max_tokens', 'MAX_TOKENS'],
    ['refusal', 'SAFETY'],
    ['stop_sequence', 'STOP'],
    ['model_context_window_exceeded', 'MAX_TOKENS'],
  ])('that ended by %s says %s', (reason, expected) => {
    const { candidates } = answer('anthropic-messages', message([{ type: 'text', text: 'x' }], reason));
    expect(candidates[0]?.finishReason).toBe(expected);
  });

  it('takes its thoughts round by the call, for callers that send back calls alone', () => {
    const { candidates } = answer('anthropic-messages', {
      ...message(
        [
          { type: 'thinking', thinking: 'Six times seven.', signature: 'sig' },
          { type: 'redacted_thinking', data: 'sealed' },
          { type: 'tool_use', id: 't1', name: 'f', input: {} },
        ],
        'tool_use',
      ),
    });
    const parts = candidates[0]?.content.parts ?? [];
    expect(parts[0]).toMatchObject({ text: 'Six times seven.', thought: true });
    const thinking = [
      { type: 'thinking', thinking: 'Six times seven.', signature: 'sig' },
      { type: 'redacted_thinking', data: 'sealed' },
    ];
    const sentBack = (...said: object[]) => {
      const contents = [...hi, model(...said), user(result('f', { output: 'x' }, { id: 't1' }))];
      const { sent, dropped } = translate('anthropic-messages', { contents }, 'refuse', 'claude-sonnet-4-5');
      return { content: (sent['messages'] as { content: Json[] }[])[1]?.content, dropped };
    };
    for (const said of [parts, parts.filter(({ thought }) => thought !== true)])
      expect(sentBack(...said)).toMatchObject({
        content: [...thinking, { type: 'tool_use', id: 't1' }],
        dropped: [],
      });
    // A client that has bytes encodes them again, in the other alphabet of base64.
    const last = parts.at(-1) ?? {};
    const again = Buffer.from(String(last['thoughtSignature']), 'base64').toString('base64url');
    expect(sentBack({ ...last, thoughtSignature: again }).content).toMatchObject([...thinking, {}]);
    // What Google signed says nothing to others.
    expect(sentBack({ ...last, thoughtSignature: 'CpQBAQ==' }).content).toMatchObject([{ type: 'tool_use' }]);
  });
});

describe('a stream for a caller of the Gemini API', () => {
  const chunk = (delta: object, finish: string | null = null) => ({
    ...{ id: 'c9', model: 'm' },
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  const read = (...chunks: object[]) => {
    const stream = pairWith('openai-chat').translateStream(context);
    const sse = chunks.map((one) => `data: ${JSON.stringify(one)}\n\n`).join('');
    const written = stream.push(Buffer.from(`${sse}data: [DONE]\n\n`)) + stream.end();
    return written
      .split('\r\n\r\n')
      .flatMap((event) => (event === '' ? [] : [JSON.parse(event.slice(6)) as Json]));
  };
  const partsOf = (events: readonly Json[]) =>
    events.flatMap(
      (event) => (event['candidates'] as { content: { parts: Json[] } }[])[0]?.content.parts ?? [],
    );

  it('has calls whole, thoughts with them, and the end in the last event', () => {
    const events = read(
      chunk({ role: 'assistant', reasoning_content: 'one ' }),
      chunk({ reasoning_content: 'two' }),
      chunk({
        tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{"x"' } }],
      }),
      chunk({
        tool_calls: [{ index: 1, id: 'b', type: 'function', function: { name: 'g', arguments: '' } }],
      }),
      chunk({ tool_calls: [{ index: 0, function: { arguments: ':"京都"}' } }] }),
      chunk({}, 'tool_calls'),
      { id: 'c9', choices: [], usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 } },
    );
    const [first, second, ...calls] = partsOf(events);
    expect([first, second]).toEqual([
      { text: 'one ', thought: true },
      { text: 'two', thought: true },
    ]);
    expect(calls).toMatchObject([
      { functionCall: { id: 'a', name: 'f', args: { x: '京都' } } },
      { functionCall: { id: 'b', name: 'g', args: {} } },
      { text: '' },
    ]);
    expect(openThought(String(calls[0]?.['thoughtSignature']))?.reasoning).toMatchObject([
      { text: 'one two' },
    ]);
    expect(calls[1]).not.toHaveProperty('thoughtSignature');
    expect(events.at(-1)).toMatchObject({
      candidates: [{ finishReason: 'STOP' }],
      ...{
        usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 4 },
        modelVersion: 'm',
        responseId: 'c9',
      },
    });
    expect(events.slice(0, -1).some((event) => JSON.stringify(event).includes('finishReason'))).toBe(false);
  });
});

it('has a pair with each API of a provider, but its own', () => {
  const named = pairNames.filter((name) => name.startsWith('gemini-generate-content-to-'));
  expect(named.map((name) => name.replace('gemini-generate-content-to-', '')).toSorted()).toEqual(
    wires.toSorted(),
  );
});
