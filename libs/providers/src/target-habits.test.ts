import { describe, expect, it } from '@jest/globals';
import type { AnswerContext } from './neutral/halves.ts';
import { findPair } from './pairs.ts';
import { endpointOf, profileOf, providerKinds } from './profiles.ts';

interface To {
  readonly kind: string;
  readonly model?: string;
  readonly dialect?: 'openai-chat' | 'openai-responses' | 'anthropic-messages';
}

/** The request that a kind of provider gets of a caller. */
function translate({ kind, model = 'm', dialect = 'anthropic-messages' }: To, body: object) {
  const pair = findPair(dialect, endpointOf(kind, dialect, model).wire);
  if (!pair) throw new Error('no pair');
  const bytes = Buffer.from(JSON.stringify({ max_tokens: 4000, ...body }));
  const written = pair.writeRequest(bytes, model, 'refuse', profileOf(kind));
  return { sent: JSON.parse(written.body.toString()) as Record<string, unknown>, dropped: written.dropped };
}

const hi = { messages: [{ role: 'user', content: 'hi' }] };
const chatKinds = providerKinds.filter(
  (kind) => typeof profileOf(kind)?.endpoints['anthropic-messages'] === 'object' &&
    endpointOf(kind, 'anthropic-messages', 'm').wire === 'openai-chat',
); // prettier-ignore

describe('the limit of an answer', () => {
  it.each(chatKinds)('has the name that %s knows', (kind) => {
    const { sent } = translate({ kind }, hi);
    const isNew = ['openai', 'azure-openai', 'groq', 'xai', 'openrouter'].includes(kind);
    expect([sent['max_completion_tokens'], sent['max_tokens']]).toEqual(isNew ? [4000, undefined] : [undefined, 4000]); // prettier-ignore
  });
});

describe('what a kind of provider refuses or ignores', () => {
  it('is left out and listed', () => {
    const { sent, dropped } = translate(
      { kind: 'mistral' },
      { ...hi, stream: true, metadata: { user_id: 'u' } },
    );
    expect(Object.keys(sent)).toEqual(['model', 'messages', 'stream', 'max_tokens']);
    expect(dropped).toEqual(['metadata.user_id']);
    expect(translate({ kind: 'openai' }, { ...hi, metadata: { user_id: 'u' } }).sent['user']).toBe('u');
  });

  it('is a schema of the answer for DeepSeek, whose model is told of it', () => {
    const schema = { type: 'object', properties: { title: { type: 'string' } } };
    const body = { ...hi, output_config: { format: { type: 'json_schema', schema } } };
    const { sent, dropped } = translate({ kind: 'deepseek' }, body);
    expect(sent['response_format']).toEqual({ type: 'json_object' });
    expect(JSON.stringify(sent['messages'])).toContain('follows this JSON Schema');
    expect(dropped).toEqual(['output_config.format']);
    expect(translate({ kind: 'vllm' }, body).dropped).toEqual([]);
  });

  it('is sampling for models that reason, and reasoning for those that do not', () => {
    const body = { ...hi, temperature: 0.5, top_p: 0.5, output_config: { effort: 'max' } };
    const reasoning = translate({ kind: 'openai', model: 'gpt-5.2' }, body);
    expect(reasoning.sent).toMatchObject({ reasoning_effort: 'xhigh' });
    expect(reasoning.sent).not.toHaveProperty('temperature');
    expect(reasoning.dropped).toEqual(['temperature', 'top_p']);
    const plain = translate({ kind: 'openai', model: 'gpt-4o' }, body);
    expect(plain.sent).toMatchObject({ temperature: 0.5, top_p: 0.5 });
    expect(plain.dropped).toEqual(['output_config.effort']);
    const tools = [{ name: 'f', input_schema: {} }];
    expect(translate({ kind: 'openai', model: 'gpt-5.6' }, { ...body, tools }).sent['reasoning_effort']).toBe('none'); // prettier-ignore
  });
});

describe('ids of tool calls', () => {
  const history = (id: string) => ({
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: { name: 'f', arguments: '{}' } }] }, // prettier-ignore
      { role: 'tool', tool_call_id: id, content: 'done' },
    ],
  });
  const chatIds = (sent: Record<string, unknown>) =>
    (sent['messages'] as { tool_calls?: { id: string }[]; tool_call_id?: string }[]).flatMap(
      ({ tool_calls: calls = [], tool_call_id: id }) => [
        ...calls.map((call) => call.id),
        ...(id ? [id] : []),
      ],
    );

  it('are of the alphabet and length that the provider takes, the same for call and result', () => {
    const long = `functions.f:0/${'x'.repeat(60)}`;
    for (const id of [long, 'functions.f:0', 'call_ü']) {
      const { sent } = translate({ kind: 'anthropic', dialect: 'openai-chat' }, history(id));
      const ids = [...JSON.stringify(sent).matchAll(/"(?:tool_use_)?id":"([^"]+)"/g)].map(
        ([, found]) => found,
      );
      expect(ids).toEqual([expect.stringMatching(/^[a-zA-Z0-9_-]+$/), ids[0]]);
      const bedrock = translate({ kind: 'aws-bedrock', dialect: 'openai-chat' }, history(id)).sent;
      expect(JSON.stringify(bedrock)).not.toContain(id);
    }
  });

  it.each([
    ['mistral', /^[a-zA-Z0-9]{9}$/],
    ['openai', /^.{1,40}$/],
  ])('fit %s', (kind, pattern) => {
    const id = `toolu_${'x'.repeat(60)}`;
    const messages = [
      { role: 'assistant', content: [{ type: 'tool_use', id, name: 'f', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: 'done' }] },
    ];
    const ids = chatIds(translate({ kind }, { messages }).sent);
    expect(ids).toEqual([expect.stringMatching(pattern), ids[0]]);
  });

  it('that fit stay', () => {
    expect(JSON.stringify(translate({ kind: 'anthropic', dialect: 'openai-chat' }, history('call_1')).sent)).toContain('"call_1"'); // prettier-ignore
  });

  it('are in the alphabet of a caller of the Messages API, and come back as the provider gave them', () => {
    const pair = findPair('anthropic-messages', 'openai-chat');
    const calls = [{ id: 'functions.f:0', type: 'function', function: { name: 'f', arguments: '{}' } }];
    const answer = { id: 'c', choices: [{ message: { tool_calls: calls }, finish_reason: 'tool_calls' }] };
    const context: AnswerContext = {
      ...{ requestModel: 'm', id: '1', created: 1, includeUsage: false, bytes: Buffer.from('{}') },
    };
    const written = pair?.writeAnswer(Buffer.from(JSON.stringify(answer)), context).toString() ?? '';
    const { content } = JSON.parse(written) as { content: { id: string }[] };
    expect(content[0]?.id).toMatch(/^[a-zA-Z0-9_-]+$/);
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: content[0]?.id, content: 'x' }] },
    ];
    expect(chatIds(translate({ kind: 'openai-compatible' }, { messages }).sent)).toEqual([
      ...['functions.f:0', 'functions.f:0'],
    ]);
  });
});

describe('calls without an id', () => {
  it.each(['gemini-generate-content', 'openai-chat', 'cohere-chat'])(
    'of %s get one that no other answer has',
    (wire) => {
      const pair = findPair('anthropic-messages', wire);
      const answer = JSON.parse(answerCalling(wire, 'f').toString().replaceAll('"id":"c",', '')) as object;
      const ids = ['1', '2'].map((id) => {
        const context = {
          ...{ requestModel: 'm', id, created: 1, includeUsage: false },
          bytes: Buffer.from('{}'),
        };
        const written = pair?.writeAnswer(Buffer.from(JSON.stringify(answer)), context).toString() ?? '';
        return (JSON.parse(written) as { content: { id: string }[] }).content[0]?.id;
      });
      expect(ids).toEqual(['call_1_0', 'call_2_0']);
    },
  );
});

describe('names of tools', () => {
  it.each(['openai', 'anthropic', 'gemini', 'aws-bedrock', 'cohere'])(
    'that are too long or odd are short for %s, and the caller has its own back',
    (kind) => {
      const dialect = kind === 'openai' ? 'openai-responses' : 'openai-chat';
      const wire = kind === 'openai' ? 'openai-chat' : endpointOf(kind, dialect, 'm').wire;
      const pair = findPair(dialect, wire);
      const names = [
        `mcp__server__${'x'.repeat(80)}1`,
        `mcp__server__${'x'.repeat(80)}2`,
        'a.b/c',
        '1st',
        'plain',
      ];
      const tools = names.map((name) =>
        dialect === 'openai-chat' ? { type: 'function', function: { name } } : { type: 'function', name },
      );
      const bytes = Buffer.from(JSON.stringify({ ...hi, input: 'hi', tools }));
      const sent = pair?.writeRequest(bytes, 'm', 'drop').body.toString() ?? '';
      const wired = [...sent.matchAll(/"name":"([^"]+)"/g)].map(([, name = '']) => name);
      expect(wired).toHaveLength(names.length);
      expect(new Set(wired).size).toBe(names.length);
      for (const name of wired) expect(name).toMatch(/^[A-Za-z_][A-Za-z0-9_-]{0,63}$/);
      expect(wired.at(-1)).toBe('plain');
      const context = { ...{ requestModel: 'm', id: '1', created: 1, includeUsage: false, bytes } };
      const back = wired.map(
        (name) => pair?.writeAnswer(answerCalling(wire, name), context).toString() ?? '',
      );
      for (const [index, name] of names.entries())
        expect(back[index]).toContain(`"name":${JSON.stringify(name)}`);
    },
  );
});

function answerCalling(wire: string, name: string): Buffer {
  const call = { id: 'c', type: 'function', function: { name, arguments: '{}' } };
  const bodies: Record<string, object> = {
    'openai-chat': { choices: [{ message: { tool_calls: [call] }, finish_reason: 'tool_calls' }] },
    'anthropic-messages': { content: [{ type: 'tool_use', id: 'c', name, input: {} }] },
    'gemini-generate-content': { candidates: [{ content: { parts: [{ functionCall: { name } }] }, finishReason: 'STOP' }] }, // prettier-ignore
    'bedrock-converse': { output: { message: { content: [{ toolUse: { toolUseId: 'c', name, input: {} } }] } }, stopReason: 'tool_use' }, // prettier-ignore
    'cohere-chat': { message: { tool_calls: [call] }, finish_reason: 'TOOL_CALL' },
  };
  return Buffer.from(JSON.stringify(bodies[wire]));
}

describe('thinking', () => {
  const ask = (kind: string, model: string, body: object) =>
    translate({ kind, model, dialect: 'openai-chat' }, { ...hi, ...body });

  it.each([
    ['claude-sonnet-4-5', { thinking: { type: 'enabled', budget_tokens: 2048 } }],
    ['claude-opus-4-6', { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } }],
    ['claude-opus-4-7', { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } }],
    ['claude-sonnet-5', { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } }],
    ['claude-3-7-sonnet-20250219', { thinking: { type: 'enabled', budget_tokens: 2048 } }],
  ])('is asked for as %s takes it, wherever it is served', (model, expected) => {
    expect(ask('anthropic', model, { reasoning_effort: 'low' }).sent).toMatchObject(expected);
    const bedrock = ask('aws-bedrock', `us.anthropic.${model}-v1:0`, { reasoning_effort: 'low' }).sent;
    expect(bedrock['additionalModelRequestFields']).toMatchObject(expected);
    expect(ask('vertex-ai', model, { reasoning_effort: 'low' }).sent).toMatchObject(expected);
  });

  it('has no sampling from Claude Opus 4.7 on, and one of two from 4.5 on', () => {
    const sampling = { temperature: 0.2, top_p: 0.9 };
    const opus = ask('anthropic', 'claude-opus-4-7', sampling);
    expect(opus.sent).not.toHaveProperty('temperature');
    expect(opus.sent).not.toHaveProperty('top_p');
    expect(opus.dropped).toEqual(['temperature', 'top_p']);
    const sonnet = ask('anthropic', 'claude-sonnet-4-5-20250929', sampling);
    expect(sonnet.sent).toMatchObject({ temperature: 0.2 });
    expect(sonnet.dropped).toEqual(['top_p']);
    expect(ask('anthropic', 'claude-3-5-sonnet-20241022', sampling).dropped).toEqual([]);
    expect(ask('aws-bedrock', 'anthropic.claude-opus-4-7', sampling).sent).not.toHaveProperty('inferenceConfig.temperature'); // prettier-ignore
  });

  it('waits for the next turn where another model made the calls that are answered', () => {
    const calls = [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }];
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, tool_calls: calls },
      { role: 'tool', tool_call_id: 'c', content: 'done' },
    ];
    const found = ask('anthropic', 'claude-sonnet-4-5', { messages, reasoning_effort: 'low' });
    expect(found.sent).not.toHaveProperty('thinking');
    expect(found.dropped).toEqual(['reasoning_effort']);
    const adaptive = ask('anthropic', 'claude-opus-4-7', { messages, reasoning_effort: 'low' });
    expect(adaptive.sent).toMatchObject({ thinking: { type: 'adaptive' } });
  });

  it.each<[kind: string, model: string, sent: object, listed: boolean]>([
    ['deepseek', 'deepseek-chat', { thinking: { type: 'disabled' } }, false],
    ['openai', 'gpt-5.2', { reasoning_effort: 'none' }, false],
    ['openai', 'o3', {}, true],
    ['openai', 'gpt-4o', {}, true],
    ['mistral', 'mistral-large', {}, true],
    ['vllm', 'qwen', {}, true],
    ['gemini', 'gemini-2.5-flash', { generationConfig: { thinkingConfig: { thinkingBudget: 0 } } }, false],
    ['gemini', 'gemini-2.5-pro', { generationConfig: { thinkingConfig: { thinkingBudget: 128 } } }, true],
    ['gemini', 'gemini-3-pro', { generationConfig: { thinkingConfig: { thinkingLevel: 'low' } } }, true],
    ['cohere', 'command-a-reasoning', { thinking: { type: 'disabled' } }, false],
  ])('that is disabled has an effect or is listed: %s %s', (kind, model, sent, listed) => {
    const found = translate({ kind, model }, { ...hi, thinking: { type: 'disabled' } });
    expect(found.sent).toMatchObject(sent);
    expect(found.dropped).toEqual(listed ? ['thinking'] : []);
  });
});

describe('reasoning of turns with calls', () => {
  const thought = { type: 'thinking', thinking: 'hm', signature: '' };
  const use = { type: 'tool_use', id: 'call_1', name: 'f', input: {} };
  const messages = (content: object[]) => [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'call_1', content: 'done' }] },
  ];
  const assistant = (kind: string, content: object[]) => {
    const { sent, dropped } = translate({ kind }, { messages: messages(content) });
    return { message: (sent['messages'] as object[])[1], dropped };
  };

  it('goes back to DeepSeek, which refuses such turns without', () => {
    expect(assistant('deepseek', [thought, use]).message).toMatchObject({ reasoning_content: 'hm' });
    expect(assistant('deepseek', [use]).message).toMatchObject({ reasoning_content: '' });
  });

  it('goes nowhere that refuses it, and is listed', () => {
    const { message, dropped } = assistant('openai', [thought, use]);
    expect(message).not.toHaveProperty('reasoning_content');
    expect(dropped).toEqual(['messages[1].content[0]']);
  });
});

describe('what clients write oddly', () => {
  const chat = (kind: string, body: object) => translate({ kind, dialect: 'openai-chat' }, body).sent;
  const user = (...content: object[]) => ({ messages: [{ role: 'user', content }] });
  const base64 = Buffer.from('%PDF-1.7 x').toString('base64');

  it('is a file as bare base64, an image of type image/jpg, and text that is not base64', () => {
    const file = (file_data: string, filename?: string) =>
      JSON.stringify(chat('gemini', user({ type: 'file', file: { file_data, filename } })));
    expect(file(base64)).toContain(JSON.stringify({ mimeType: 'application/pdf', data: base64 }));
    expect(file('aGVsbG8=', 'a.txt')).toContain('{"mimeType":"text/plain","data":"aGVsbG8="}');
    expect(file('data:text/plain,hello')).toContain('{"mimeType":"text/plain","data":"aGVsbG8="}');
    const image = user({ type: 'image_url', image_url: { url: 'data:image/jpg;base64,/9j/4AAQ' } });
    expect(JSON.stringify(chat('anthropic', image))).toContain('"media_type":"image/jpeg"');
    expect(JSON.stringify(chat('aws-bedrock', image))).toContain('"format":"jpeg"');
    const source = { type: 'base64', media_type: 'image/jpg', data: '/9j/4AAQ' };
    expect(JSON.stringify(translate({ kind: 'openai' }, user({ type: 'image', source })).sent)).toContain('data:image/jpeg;base64,'); // prettier-ignore
  });

  it.each(['openai', 'anthropic', 'gemini', 'aws-bedrock', 'cohere', 'mistral'])(
    'are tools without a schema, for %s',
    (kind) => {
      for (const schema of [{}, { type: 'object' }, { type: 'object', properties: {} }]) {
        const tools =
          kind === 'openai' || kind === 'mistral'
            ? [{ name: 'f', input_schema: schema }]
            : [{ type: 'function', function: { name: 'f', parameters: schema } }];
        const dialect = kind === 'openai' || kind === 'mistral' ? 'anthropic-messages' : 'openai-chat';
        const { sent: body } = translate({ kind, dialect }, { ...hi, tools });
        const sent = JSON.stringify(body['tools'] ?? body['toolConfig']);
        if (kind === 'gemini') expect(sent).toBe('[{"functionDeclarations":[{"name":"f"}]}]');
        else expect(sent).toContain('{"type":"object","properties":{}}');
      }
    },
  );

  it.each(['anthropic', 'gemini', 'aws-bedrock', 'cohere', 'mistral'])(
    'are arguments that are no JSON object, which are not lost: %s',
    (kind) => {
      for (const json of ['{"a":', 'plain words', '[1]']) {
        const input = [
          { type: 'function_call', call_id: 'c', name: 'f', arguments: json },
          { type: 'function_call_output', call_id: 'c', output: 'no' },
        ];
        const pair = findPair('openai-responses', endpointOf(kind, 'openai-responses', 'm').wire);
        const bytes = Buffer.from(JSON.stringify({ input }));
        const sent = pair?.writeRequest(bytes, 'm', 'refuse', profileOf(kind)).body.toString() ?? '';
        const wrapped = JSON.stringify({ arguments: json });
        const isText = kind === 'cohere' || kind === 'mistral';
        expect(sent).toContain(isText ? JSON.stringify(wrapped) : wrapped);
      }
    },
  );
});
