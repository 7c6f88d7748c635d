import { describe, expect, it } from '@jest/globals';
import { findPair } from './pairs.ts';

const translate = (dialect: string, wire: string, body: object, policy: 'refuse' | 'drop' = 'refuse') => {
  const pair = findPair(dialect, wire);
  if (!pair) throw new Error('no pair');
  const written = pair.writeRequest(Buffer.from(JSON.stringify(body)), 'anthropic.claude-m', policy);
  return { sent: written.body.toString(), dropped: written.dropped };
};
const hi = { max_tokens: 99, messages: [{ role: 'user', content: 'hi' }] };
const tool = { name: 'f', input_schema: { type: 'object', properties: { a: { type: 'string' } } } };
const called = [
  { role: 'user', content: 'hi' },
  { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'f', input: {} }] },
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'done' }] },
];

describe('a system message between a call and its result', () => {
  it.each([
    ['gemini-generate-content', '"functionResponse"'],
    ['bedrock-converse', '"toolResult"'],
    ['openai-chat', '"role":"tool"'],
    ['cohere-chat', '"role":"tool"'],
  ])('comes behind the result, which has to follow the call: %s', (wire, result) => {
    const { sent } = translate('anthropic-messages', wire, {
      max_tokens: 99,
      messages: called,
      tools: [tool],
    });
    expect(sent.indexOf(result)).toBeGreaterThan(0);
    expect(sent.indexOf('Be brief.')).toBeGreaterThan(sent.indexOf(result));
  });

  it('comes behind the result of Anthropic too', () => {
    const input = [
      { role: 'user', content: 'hi' },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
      { role: 'developer', content: 'Be brief.' },
      { type: 'function_call_output', call_id: 'c', output: 'done' },
    ];
    const { sent } = translate('openai-responses', 'anthropic-messages', { input });
    expect(sent).toMatch(/"tool_result".*Be brief\./);
  });
});

describe('a conversation with calls', () => {
  const messages = called.filter(({ role }) => role !== 'system');

  it('has the tools that were called for Bedrock, which refuses it without', () => {
    const { sent, dropped } = translate('anthropic-messages', 'bedrock-converse', {
      max_tokens: 99,
      messages,
    });
    expect(JSON.parse(sent)).toMatchObject({
      toolConfig: { tools: [{ toolSpec: { name: 'f', inputSchema: { json: { type: 'object' } } } }] },
    });
    expect(dropped).toEqual([]);
  });

  it('keeps them where none may be called, which Bedrock cannot be told', () => {
    const choice = { tools: [tool], tool_choice: { type: 'none' } };
    const { sent, dropped } = translate('anthropic-messages', 'bedrock-converse', { max_tokens: 99, messages, ...choice }); // prettier-ignore
    expect(sent).toContain('"toolConfig"');
    expect(sent).not.toContain('"toolChoice"');
    expect(dropped).toEqual(['tool_choice']);
    expect(translate('anthropic-messages', 'bedrock-converse', { ...hi, ...choice }).sent).not.toContain('"toolConfig"'); // prettier-ignore
  });
});

describe('the choice of a tool', () => {
  const server = { type: 'web_search_20250305', name: 'web_search' };

  it.each(['openai-chat', 'gemini-generate-content', 'bedrock-converse'])(
    'is left out with a server tool that was left out: %s',
    (wire) => {
      const body = { ...hi, tools: [server, tool], tool_choice: { type: 'tool', name: 'web_search' } };
      const { sent, dropped } = translate('anthropic-messages', wire, body, 'drop');
      expect(sent).not.toContain('web_search');
      expect(dropped).toEqual(['tools[0]', 'tool_choice']);
    },
  );

  it('is left out where it names a kind of server tools', () => {
    const body = {
      input: 'hi',
      tools: [{ type: 'web_search' }, { type: 'function', name: 'f' }],
      tool_choice: { type: 'web_search' },
    };
    const { sent, dropped } = translate('openai-responses', 'anthropic-messages', body, 'drop');
    expect(sent).not.toContain('tool_choice');
    expect(dropped).toEqual(['tools[0]', 'tool_choice']);
    expect(() => translate('openai-responses', 'anthropic-messages', body)).toThrow(
      expect.objectContaining({ code: 'unsupported', param: 'tools[0]' }),
    );
  });

  it('finds a tool in a namespace that the caller did not write', () => {
    const tools = [{ type: 'namespace', name: 'mcp__x', tools: [{ type: 'function', name: 't' }] }];
    const input = [
      { role: 'user', content: 'hi' },
      { type: 'function_call', call_id: 'c', name: 't', arguments: '{}' },
      { type: 'function_call_output', call_id: 'c', output: '' },
    ];
    const body = { input, tools, tool_choice: { type: 'function', name: 't' } };
    const { sent } = translate('openai-responses', 'anthropic-messages', body);
    expect(JSON.parse(sent)).toMatchObject({ tool_choice: { type: 'tool', name: 'mcp__x__t' } });
    expect(sent).toContain('"type":"tool_use","id":"c","name":"mcp__x__t"');
  });
});

describe('notes of clients', () => {
  it('on items and for the service refuse nothing, and are listed', () => {
    const note = { internal_chat_message_metadata_passthrough: { turn_id: 't' } };
    const input = [
      { type: 'message', role: 'user', content: 'hi', ...note },
      { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}', ...note },
      { type: 'function_call_output', call_id: 'c', output: '', ...note },
    ];
    const body = { input, context_management: [{ type: 'compaction', compact_threshold: 9 }] };
    for (const wire of ['openai-chat', 'anthropic-messages', 'gemini-generate-content'])
      expect(translate('openai-responses', wire, body).dropped).toEqual([
        'context_management',
        ...[0, 1, 2].map((index) => `input[${index}].internal_chat_message_metadata_passthrough`),
      ]);
  });
});

describe('what clients write oddly', () => {
  const chat = (wire: string, ...content: object[]) =>
    translate('openai-chat', wire, { messages: [{ role: 'user', content }] }).sent;
  const image = (url: string) => ({ type: 'image_url', image_url: { url } });

  it('is an image under the name of another format: the bytes decide', () => {
    const png = 'iVBORw0KGgo=';
    expect(chat('anthropic-messages', image(`data:image/jpeg;base64,${png}`))).toContain('"image/png"');
    const source = { type: 'base64', media_type: 'image/webp', data: png };
    const messages = [{ role: 'user', content: [{ type: 'image', source }] }];
    expect(translate('anthropic-messages', 'gemini-generate-content', { max_tokens: 9, messages }).sent).toContain('"image/png"'); // prettier-ignore
  });

  it('is a file of any type', () => {
    const file = (file_data: string, filename: string) => ({ type: 'file', file: { file_data, filename } });
    const general = 'data:application/octet-stream;base64,';
    expect(chat('bedrock-converse', file(`${general}JVBERi0xLjc=`, 'a'))).toContain('"format":"pdf"');
    expect(chat('gemini-generate-content', file(`${general}aGk=`, 'a.csv'))).toContain('"text/csv"');
  });

  it.each(['anthropic-messages', 'bedrock-converse', 'cohere-chat'])(
    'are schemas with null for nothing: %s',
    (wire) => {
      for (const parameters of [null, { type: null }, { type: 'object', properties: null }]) {
        const tools = [{ type: 'function', function: { name: 'f', parameters } }];
        const { sent } = translate('openai-chat', wire, {
          messages: [{ role: 'user', content: 'hi' }],
          tools,
        });
        expect(sent).toContain('{"type":"object","properties":{}}');
      }
    },
  );
});

describe('documents of Anthropic callers', () => {
  const document = (more: object) => ({
    ...{ max_tokens: 9 },
    messages: [{ role: 'user', content: [{ type: 'document', ...more }] }],
  });

  it('come with what the caller says of them, and as the blocks that they are made of', () => {
    const source = { type: 'text', media_type: 'text/plain', data: 'x' };
    const withContext = translate('anthropic-messages', 'gemini-generate-content', document({ source, context: 'A letter.' })); // prettier-ignore
    expect(withContext.sent).toMatch(/A letter\..*inlineData/);
    const blocks = { type: 'content', content: [{ type: 'text', text: 'Dear all' }] };
    expect(translate('anthropic-messages', 'openai-chat', document({ source: blocks })).sent).toContain(
      '{"type":"text","text":"Dear all"}',
    );
  });
});
