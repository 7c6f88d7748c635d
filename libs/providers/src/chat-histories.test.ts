import { describe, expect, it } from '@jest/globals';
import { adaptChatBody } from './openai-chat/adapt-chat-body.ts';
import { findPair } from './pairs.ts';

const send = (dialect: string, wire: string, body: object) => {
  const pair = findPair(dialect, wire);
  if (!pair) throw new Error('no pair');
  const written = pair.writeRequest(Buffer.from(JSON.stringify(body)), 'anthropic.claude-m', 'refuse');
  return { sent: written.body.toString(), dropped: written.dropped };
};
const toolCall = (id: string, name = 'f') => ({ id, type: 'function', function: { name, arguments: '{}' } });
const result = (id: string, content: string) => ({ role: 'tool', tool_call_id: id, content });

interface Block {
  readonly type: string;
  readonly id?: string;
  readonly tool_use_id?: string;
}
const blocksOf = (sent: string) =>
  (JSON.parse(sent) as { messages: { content: Block[] }[] }).messages.flatMap(({ content }) => content);

describe('ids of calls that repeat', () => {
  it.each<[string, object[]]>([
    [
      'in later turns',
      [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: null, tool_calls: [toolCall('call_0')] },
        result('call_0', '1'),
        { role: 'assistant', content: null, tool_calls: [toolCall('call_0')] },
        result('call_0', '2'),
      ],
    ],
    [
      'in one turn',
      [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: null, tool_calls: [toolCall('call_0'), toolCall('call_0', 'g')] },
        result('call_0', '1'),
        result('call_0', '2'),
      ],
    ],
    [
      'because they are empty',
      [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: null, tool_calls: [toolCall(''), toolCall('')] },
        result('', '1'),
        result('', '2'),
      ],
    ],
  ])('are unique for the provider, call and result together: %s', (_case, messages) => {
    const blocks = blocksOf(send('openai-chat', 'anthropic-messages', { messages }).sent);
    const ids = blocks.flatMap(({ id }) => id ?? []);
    expect(new Set(ids).size).toBe(2);
    expect(blocks.flatMap(({ tool_use_id: id }) => id ?? [])).toEqual(ids);
    for (const id of ids) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
  });

  it('find the name of their own call, which Gemini goes by', () => {
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, tool_calls: [toolCall('c', 'f'), toolCall('c', 'g')] },
      result('c', '1'),
      result('c', '2'),
    ];
    expect(send('openai-chat', 'gemini-generate-content', { messages }).sent).toMatch(
      /"functionResponse":\{"name":"f".*"functionResponse":\{"name":"g"/,
    );
  });
});

describe('tools that repeat', () => {
  it.each(['anthropic-messages', 'gemini-generate-content', 'bedrock-converse', 'cohere-chat'])(
    'are sent once to %s, which refuses two of one name',
    (wire) => {
      const tool = { type: 'function', function: { name: 'only_once' } };
      const body = { messages: [{ role: 'user', content: 'hi' }], tools: [tool, tool] };
      expect(send('openai-chat', wire, body).sent.match(/only_once/g)).toHaveLength(1);
    },
  );
});

describe('a conversation of nothing but a system message', () => {
  it.each(['anthropic-messages', 'gemini-generate-content', 'bedrock-converse'])(
    'is said by the user to %s, which refuses it else',
    (wire) => {
      const { sent } = send('openai-chat', wire, { messages: [{ role: 'system', content: 'Say hi.' }] });
      expect(sent).toMatch(/"role":"user".*Say hi\./);
      expect(sent).not.toMatch(/"system/);
    },
  );
});

describe('members of the chat API of others', () => {
  const ask = (more: object) =>
    send('openai-chat', 'anthropic-messages', { messages: [{ role: 'user', content: 'hi' }], ...more });

  it('that only hint at how OpenRouter routes and counts are left out and listed', () => {
    const more = {
      usage: { include: true },
      provider: { order: ['x'] },
      transforms: ['middle-out'],
      models: ['m'],
    };
    expect(ask(more).dropped).toEqual(['usage', 'provider', 'transforms', 'models']);
  });

  it('say how much the model reasons', () => {
    expect(ask({ reasoning: { max_tokens: 3000 }, max_tokens: 9000 }).sent).toContain('"budget_tokens":3000');
    expect(ask({ reasoning: { effort: 'low' } }).sent).toContain('"budget_tokens":2048');
    expect(ask({ reasoning: { enabled: false } }).sent).not.toContain('thinking');
  });

  it('hold images that a tool gave', () => {
    const messages = [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: null, tool_calls: [toolCall('c')] },
      {
        ...{ role: 'tool', tool_call_id: 'c' },
        content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }],
      },
    ];
    expect(send('openai-chat', 'anthropic-messages', { messages }).sent).toMatch(
      /"tool_result".*"type":"image"/,
    );
  });
});

describe('a chat request for a provider that is like OpenAI and no more is known of', () => {
  it.each(['openai-compatible', 'sim'])('passes as it is: %s', (kind) => {
    const body = { max_completion_tokens: 9, user: 'u', metadata: { a: 'b' }, messages: [] };
    const bytes = Buffer.from(JSON.stringify(body));
    expect(adaptChatBody(bytes, new Set(Object.keys(body)), kind)).toBeNull();
  });
});
