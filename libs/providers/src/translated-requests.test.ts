import { describe, expect, it } from '@jest/globals';
import type { LoomError } from '@loom/errors';
import { findPair } from './pairs.ts';

const translate = (dialect: string, wire: string, body: object, policy: 'refuse' | 'drop' = 'refuse') => {
  const pair = findPair(dialect, wire);
  if (!pair) throw new Error('no pair');
  const { body: bytes, dropped } = pair.writeRequest(Buffer.from(JSON.stringify(body)), 'served', policy);
  return { sent: JSON.parse(bytes.toString()) as Record<string, unknown>, dropped };
};
const refusal = (dialect: string, wire: string, body: object) => {
  try {
    translate(dialect, wire, body);
    return null;
  } catch (error) {
    const { code, param, message } = error as LoomError;
    return { code, param, message };
  }
};

const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] };
const png = 'data:image/png;base64,iVBORw0KGgo=';

/** A chat request that uses what most providers have: a history with parallel calls, an image, a system prompt. */
const rich = {
  model: 'asked',
  max_completion_tokens: 500,
  temperature: 0.5,
  top_p: 0.9,
  stop: ['END'],
  messages: [
    { role: 'system', content: 'Be brief.' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'What is this?' },
        { type: 'image_url', image_url: { url: png } },
      ],
    },
    {
      role: 'assistant',
      content: null,
      tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Köln"}' } },
        { id: 'call_2', type: 'function', function: { name: 'time', arguments: '' } },
      ],
    },
    { role: 'tool', tool_call_id: 'call_1', content: '{"degrees":21}' },
    { role: 'tool', tool_call_id: 'call_2', content: 'noon' },
    { role: 'user', content: 'And now?' },
  ],
  tools: [
    { type: 'function', function: { name: 'weather', description: 'Tells it', parameters } },
    { type: 'function', function: { name: 'time' } },
  ],
  tool_choice: 'required',
};

describe('a chat request', () => {
  it('becomes one of the Messages API', () => {
    expect(translate('openai-chat', 'anthropic-messages', rich).sent).toEqual({
      model: 'served',
      max_tokens: 500,
      system: [{ type: 'text', text: 'Be brief.' }],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Köln' } },
            { type: 'tool_use', id: 'call_2', name: 'time', input: {} },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'call_1',
              content: [{ type: 'text', text: '{"degrees":21}' }],
            },
            { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: 'noon' }] },
            { type: 'text', text: 'And now?' },
          ],
        },
      ],
      tools: [
        { name: 'weather', description: 'Tells it', input_schema: parameters },
        { name: 'time', input_schema: { type: 'object', properties: {} } },
      ],
      tool_choice: { type: 'any' },
      temperature: 0.5,
      top_p: 0.9,
      stop_sequences: ['END'],
    });
  });

  it('becomes one of the Gemini API, whose results find their call by its name', () => {
    expect(translate('openai-chat', 'gemini-generate-content', rich).sent).toEqual({
      contents: [
        {
          role: 'user',
          parts: [{ text: 'What is this?' }, { inlineData: { mimeType: 'image/png', data: 'iVBORw0KGgo=' } }],
        },
        {
          role: 'model',
          parts: [
            { functionCall: { name: 'weather', args: { city: 'Köln' } } },
            { functionCall: { name: 'time', args: {} } },
          ],
        },
        {
          role: 'user',
          parts: [
            { functionResponse: { name: 'weather', response: { degrees: 21 } } },
            { functionResponse: { name: 'time', response: { result: 'noon' } } },
            { text: 'And now?' },
          ],
        },
      ],
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      tools: [
        {
          functionDeclarations: [
            { name: 'weather', description: 'Tells it', parametersJsonSchema: parameters },
            { name: 'time' },
          ],
        },
      ],
      toolConfig: { functionCallingConfig: { mode: 'ANY' } },
      generationConfig: { temperature: 0.5, topP: 0.9, maxOutputTokens: 500, stopSequences: ['END'] },
    });
  });

  it('keeps strict tools strict for Gemini, whose calls follow their schema when they must be made', () => {
    const tools = [{ type: 'function', function: { name: 'time', parameters, strict: true } }];
    const ask = (tool_choice?: string) =>
      translate('openai-chat', 'gemini-generate-content', { messages: [], tools, tool_choice }).sent[
        'toolConfig'
      ];
    expect([ask(), ask('required')]).toEqual([
      { functionCallingConfig: { mode: 'VALIDATED' } },
      { functionCallingConfig: { mode: 'ANY' } },
    ]);
  });

  it('becomes one of the Converse API', () => {
    const { sent } = translate('openai-chat', 'bedrock-converse', rich);
    expect(sent).toMatchObject({
      system: [{ text: 'Be brief.' }],
      inferenceConfig: { maxTokens: 500, temperature: 0.5, topP: 0.9, stopSequences: ['END'] },
      toolConfig: {
        tools: [
          { toolSpec: { name: 'weather', description: 'Tells it', inputSchema: { json: parameters } } },
          { toolSpec: { name: 'time', inputSchema: { json: { type: 'object', properties: {} } } } },
        ],
        toolChoice: { any: {} },
      },
    });
    expect((sent['messages'] as { content: unknown }[])[0]?.content).toEqual([
      { text: 'What is this?' },
      { image: { format: 'png', source: { bytes: 'iVBORw0KGgo=' } } },
    ]);
    expect((sent['messages'] as { content: unknown }[])[2]?.content).toEqual([
      { toolResult: { toolUseId: 'call_1', content: [{ text: '{"degrees":21}' }] } },
      { toolResult: { toolUseId: 'call_2', content: [{ text: 'noon' }] } },
      { text: 'And now?' },
    ]);
  });

  it('becomes one of the Cohere API', () => {
    expect(translate('openai-chat', 'cohere-chat', rich).sent).toMatchObject({
      model: 'served',
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: png } },
          ],
        },
        {
          role: 'assistant',
          tool_calls: [{ id: 'call_1' }, { id: 'call_2', function: { arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: '{"degrees":21}' },
        { role: 'tool', tool_call_id: 'call_2', content: 'noon' },
        { role: 'user', content: [{ type: 'text', text: 'And now?' }] },
      ],
      tool_choice: 'REQUIRED',
      ...{ p: 0.9, max_tokens: 500, stop_sequences: ['END'] },
    });
  });

  it('keeps what is marked for the prompt cache (R9)', () => {
    const cached = { type: 'text', text: 'long', cache_control: { type: 'ephemeral', ttl: '1h' } };
    const body = {
      messages: [
        { role: 'system', content: [cached] },
        { role: 'user', content: 'hi' },
      ],
    };
    expect(translate('openai-chat', 'anthropic-messages', body).sent['system']).toEqual([cached]);
    expect(translate('openai-chat', 'bedrock-converse', body).sent['system']).toEqual([
      { text: 'long' },
      { cachePoint: { type: 'default' } },
    ]);
  });

  it('says the length of the answer where the provider wants it said, however long (R11)', () => {
    const body = { messages: [{ role: 'user', content: 'hi' }] };
    expect(translate('openai-chat', 'anthropic-messages', body).sent['max_tokens']).toBeGreaterThan(1000);
    const long = translate('openai-chat', 'anthropic-messages', { ...body, max_tokens: 64_000 });
    expect(long.sent['max_tokens']).toBe(64_000);
  });

  it('asks for reasoning in the words of each provider', () => {
    const body = { messages: [{ role: 'user', content: 'hi' }], reasoning_effort: 'low', max_tokens: 4000 };
    expect(translate('openai-chat', 'anthropic-messages', body).sent).toMatchObject({
      thinking: { type: 'enabled', budget_tokens: 2048 },
      max_tokens: 4000,
    });
    expect(translate('openai-chat', 'gemini-generate-content', body).sent['generationConfig']).toMatchObject({
      thinkingConfig: { includeThoughts: true, thinkingBudget: 1024 },
    });
    expect(refusal('openai-chat', 'anthropic-messages', { ...body, temperature: 0.2 })?.param).toBe(
      'temperature',
    );
    // An effort is a wish: a model that cannot reason is asked all the same.
    expect(translate('openai-chat', 'bedrock-converse', body).dropped).toEqual(['reasoning_effort']);
  });

  it("never thinks beyond the caller's own limit", () => {
    const body = { messages: [{ role: 'user', content: 'hi' }], reasoning_effort: 'high' };
    const anthropic = (more: object) =>
      translate('openai-chat', 'anthropic-messages', { ...body, ...more }).sent;
    expect(anthropic({ max_tokens: 5000 })).toMatchObject({
      ...{ max_tokens: 5000, thinking: { budget_tokens: 4488 } },
    });
    expect(anthropic({})).toMatchObject({ max_tokens: 32_000, thinking: { budget_tokens: 24_576 } });
    const refused = (more: object) =>
      refusal('openai-chat', 'anthropic-messages', { ...body, ...more })?.param;
    expect(refused({ max_tokens: 1000 })).toBe('reasoning_effort');
    const tools = [{ type: 'function', function: { name: 'time' } }];
    expect(refused({ tools, tool_choice: 'required' })).toBe('tool_choice');
    const bedrock = (maxTokens: number) => ({ ...body, max_tokens: maxTokens });
    const pair = findPair('openai-chat', 'bedrock-converse');
    const sent = pair?.writeRequest(
      Buffer.from(JSON.stringify(bedrock(5000))),
      'anthropic.claude-x',
      'refuse',
    );
    expect(JSON.parse(sent?.body.toString() ?? '{}')).toMatchObject({
      inferenceConfig: { maxTokens: 5000 },
      additionalModelRequestFields: { thinking: { budget_tokens: 4488 } },
    });
  });

  it('has the results of tools right behind the calls, and the rest of the turn after them', () => {
    const result = (id: string) => ({ type: 'tool_result', tool_use_id: id, content: 'noon' });
    const use = (id: string) => ({ type: 'tool_use', id, name: 'time', input: {} });
    const image = {
      type: 'image',
      source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
    };
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: [use('a'), use('b')] },
      {
        role: 'user',
        content: [{ ...result('a'), content: [image] }, { type: 'text', text: 'and' }, result('b')],
      },
    ];
    const { sent } = translate('anthropic-messages', 'openai-chat', { max_tokens: 9, messages });
    expect((sent['messages'] as { role: string }[]).map(({ role }) => role)).toEqual([
      ...['user', 'assistant', 'tool', 'tool', 'user'],
    ]);
  });

  it.each<[param: string, more: object]>([
    ['messages[0].name', { messages: [{ role: 'user', content: 'hi', name: 'eve' }] }],
    ['messages[0].audio', { messages: [{ role: 'assistant', content: 'hi', audio: { id: 'audio_1' } }] }],
    [
      'messages[0].function_call',
      { messages: [{ role: 'assistant', content: 'hi', function_call: { name: 'f', arguments: '{}' } }] },
    ],
    [
      'messages[0].content[0].prompt_hint',
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'hi', prompt_hint: 1 }] }] },
    ],
    ['tools[0].function.cases', { tools: [{ type: 'function', function: { name: 'f', cases: [1] } }] }],
    ['temperature', { temperature: 1.5 }],
  ])('is refused by the name of %s', (param, more) => {
    const body = { messages: [{ role: 'user', content: 'hi' }], ...more };
    expect(refusal('openai-chat', 'anthropic-messages', body)).toMatchObject({ code: 'unsupported', param });
  });

  it.each<[param: string, more: object]>([
    ['functions', { functions: [{ name: 'f' }] }],
    ['function_call', { function_call: 'auto' }],
    ['web_search_options', { web_search_options: {} }],
    ['audio', { audio: { voice: 'alloy', format: 'wav' } }],
  ])('is refused by the name of %s, also where parts may be dropped', (param, more) => {
    const body = { messages: [{ role: 'user', content: 'hi' }], ...more };
    for (const policy of ['refuse', 'drop'] as const)
      expect(() => translate('openai-chat', 'anthropic-messages', body, policy)).toThrow(
        expect.objectContaining({ code: 'unsupported', param }),
      );
  });

  it('asks for structured output where there is such a thing, and is refused by name elsewhere', () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false };
    const json_schema = { name: 'answer', schema, strict: true };
    const body = {
      messages: [{ role: 'user', content: 'hi' }],
      response_format: { type: 'json_schema', json_schema },
    };
    expect(translate('openai-chat', 'anthropic-messages', body).sent['output_config']).toEqual({
      format: { type: 'json_schema', schema },
    });
    expect(translate('openai-chat', 'gemini-generate-content', body).sent['generationConfig']).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: schema,
    });
    expect(refusal('openai-chat', 'bedrock-converse', body)).toMatchObject({
      code: 'unsupported',
      param: 'response_format',
    });
  });

  it('leaves nothing out in silence', () => {
    const known = { model: 'm', messages: [{ role: 'user', content: 'hi' }] };
    for (const [name, value] of Object.entries({
      seed: 1,
      n: 2,
      logit_bias: { 5: 1 },
      brand_new: 0,
    })) {
      const body = { ...known, [name]: value };
      expect(refusal('openai-chat', 'anthropic-messages', body)).toMatchObject({
        code: 'unsupported',
        param: name,
      });
      if (name !== 'n')
        expect(translate('openai-chat', 'anthropic-messages', body, 'drop').dropped).toEqual([name]);
    }
    expect(
      refusal('openai-chat', 'anthropic-messages', { ...known, n: 1, store: false, user: 'u' }),
    ).toBeNull();
  });

  it.each([
    [{ messages: [{ role: 'wizard', content: 'x' }] }, 'messages[0].role'],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content'],
    [{ messages: [{ role: 'user', content: [{ text: 'x' }] }] }, 'messages[0].content[0]'],
    [{ messages: [{ role: 'tool', content: 'x' }] }, 'messages[0].tool_call_id'],
    [{ messages: [], tools: [{ type: 'function' }] }, 'tools[0].function'],
    [{ messages: [], response_format: { type: 'json_schema' } }, 'response_format.json_schema'],
  ])('that is none is refused by the path of its fault: %j', (body, param) => {
    expect(refusal('openai-chat', 'anthropic-messages', body)).toMatchObject({
      code: 'invalid_request',
      param,
    });
  });
});

describe('a request of the Messages API', () => {
  const body = {
    model: 'asked',
    max_tokens: 100,
    system: [{ type: 'text', text: 'Be brief.' }],
    messages: [
      { role: 'user', content: 'hi' },
      {
        role: 'assistant',
        content: [
          { type: 'thinking', thinking: 'hm', signature: 'sig' },
          { type: 'tool_use', id: 'toolu_1', name: 'time', input: {} },
        ],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'noon', is_error: true }],
      },
    ],
    tools: [{ name: 'time', input_schema: parameters }],
    tool_choice: { type: 'tool', name: 'time', disable_parallel_tool_use: true },
    thinking: { type: 'enabled', budget_tokens: 3000 },
  };

  it('becomes a chat request', () => {
    const { sent, dropped } = translate('anthropic-messages', 'openai-chat', body);
    expect(sent).toEqual({
      model: 'served',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'text', text: 'hi' }] },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'time', arguments: '{}' } }],
        },
        { role: 'tool', tool_call_id: 'toolu_1', content: 'noon' },
      ],
      tools: [{ type: 'function', function: { name: 'time', parameters } }],
      tool_choice: { type: 'function', function: { name: 'time' } },
      parallel_tool_calls: false,
      reasoning_effort: 'medium',
      max_completion_tokens: 100,
    });
    // What another model has thought says nothing to this one, and it has no word for a tool that failed.
    expect(dropped).toEqual(['messages[1].content[0]', 'tool_result.is_error']);
  });

  it('names what the provider cannot be told', () => {
    const search = { ...body, tools: [{ type: 'web_search_20250305', name: 'web_search' }] };
    expect(refusal('anthropic-messages', 'openai-chat', search)?.param).toBe('tools[0]');
    const source = { type: 'text', media_type: 'text/plain', data: 'long' };
    const cited = { type: 'document', source, citations: { enabled: true } };
    const messages = [{ role: 'user', content: [cited] }];
    expect(refusal('anthropic-messages', 'gemini-generate-content', { max_tokens: 9, messages })?.param).toBe(
      'messages[0].content[0].citations',
    );
    expect(refusal('anthropic-messages', 'openai-chat', { ...body, top_k: 5 })?.param).toBe('top_k');
    expect(refusal('anthropic-messages', 'openai-chat', { ...body, mcp_servers: [{}] })?.param).toBe(
      'mcp_servers',
    );
  });
});

describe('a request of the Responses API', () => {
  const body = {
    model: 'asked',
    instructions: 'Be brief.',
    input: [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: 'hi' },
          { type: 'input_image', image_url: png },
        ],
      },
      { type: 'reasoning', summary: [{ type: 'summary_text', text: 'hm' }], encrypted_content: 'gAAAA' },
      { type: 'function_call', call_id: 'call_1', name: 'time', arguments: '{}' },
      { type: 'function_call_output', call_id: 'call_1', output: 'noon' },
    ],
    tools: [{ type: 'function', name: 'time', parameters, strict: true }],
    max_output_tokens: 50,
    text: { format: { type: 'text' } },
  };

  it('becomes one of the Messages API, without the reasoning that another provider sealed (R7)', () => {
    const { sent, dropped } = translate('openai-responses', 'anthropic-messages', body);
    expect(sent).toMatchObject({
      max_tokens: 50,
      system: [{ type: 'text', text: 'Be brief.' }],
      messages: [
        { role: 'user', content: [{ type: 'text' }, { type: 'image' }] },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'call_1' }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1' }] },
      ],
      tools: [{ name: 'time', strict: true }],
    });
    expect(dropped).toEqual(['input[1]']);
  });

  it.each([
    ['background', { background: true }],
    ['tools[0]', { tools: [{ type: 'web_search' }] }],
  ])('is refused by the name of %s', (param, more) => {
    expect(refusal('openai-responses', 'anthropic-messages', { ...body, ...more })).toMatchObject({
      code: 'unsupported',
      param,
    });
  });
});

describe('a request that names a conversation which only its own API holds', () => {
  const responses = { model: 'm', input: 'And then?' };
  const messages = { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'And then?' }] };
  it.each<[dialect: string, param: string, body: object]>([
    ['openai-responses', 'previous_response_id', { ...responses, previous_response_id: 'resp_1' }],
    ['openai-responses', 'conversation', { ...responses, conversation: 'conv_1' }],
    ['openai-responses', 'prompt', { ...responses, prompt: { id: 'pmpt_1' } }],
    ['openai-responses', 'input[0]', { ...responses, input: [{ type: 'item_reference', id: 'msg_1' }] }],
    [
      'anthropic-messages',
      'thread',
      { ...messages, thread: { type: 'continue', previous_message_id: 'msg_1' } },
    ],
  ])('is refused by %s.%s, also where parts may be dropped', (dialect, param, body) => {
    for (const policy of ['refuse', 'drop'] as const)
      expect(() => translate(dialect, 'gemini-generate-content', body, policy)).toThrow(
        expect.objectContaining({ code: 'unsupported', param }),
      );
  });
});

describe('calls of the past for a Gemini model', () => {
  const call = (id: string, signature?: string) => ({
    ...{ id, type: 'function', function: { name: 'time', arguments: '{}' } },
    ...(signature === undefined ? {} : { extra_content: { google: { thought_signature: signature } } }),
  });
  const signatures = (model: string, toolCalls: readonly object[]) => {
    const messages = [
      { role: 'user', content: 'When?' },
      { role: 'assistant', content: null, tool_calls: toolCalls },
    ];
    const bytes = Buffer.from(JSON.stringify({ model, messages }));
    const { body } =
      findPair('openai-chat', 'gemini-generate-content')?.writeRequest(bytes, model, 'refuse') ?? {};
    const { contents } = JSON.parse(String(body)) as {
      contents: { parts: { thoughtSignature?: string }[] }[];
    };
    return contents[1]?.parts.map(({ thoughtSignature }) => thoughtSignature ?? null);
  };

  it('keep their signature, and those made at once need only that of the first', () => {
    expect(signatures('gemini-3-pro', [call('a', 'sealed'), call('b')])).toEqual(['sealed', null]);
  });

  it('say that they have none where a client has lost it, from Gemini 3 on', () => {
    const lost = ['skip_thought_signature_validator', null];
    expect(signatures('gemini-3-pro', [call('a'), call('b')])).toEqual(lost);
    expect(signatures('gemini-4-argon', [call('a'), call('b')])).toEqual(lost);
    expect(signatures('gemini-2.5-flash', [call('a'), call('b')])).toEqual([null, null]);
  });
});
