import { describe, expect, it } from '@jest/globals';
import { findPair } from './pairs.ts';

const send = (wire: string, messages: object[], dialect = 'openai-chat') => {
  const pair = findPair(dialect, wire);
  if (!pair) throw new Error('no pair');
  const bytes = Buffer.from(JSON.stringify({ max_tokens: 9, messages }));
  const { body, dropped } = pair.writeRequest(bytes, 'anthropic.claude-m', 'refuse');
  return { sent: JSON.parse(body.toString()) as Record<string, unknown>, dropped };
};
const user = (content: unknown) => ({ role: 'user', content });
const assistant = (content: string | null, more: object = {}) => ({ role: 'assistant', content, ...more });
const call = { tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }] };

interface Turn {
  readonly role: string;
  readonly content?: object[];
  readonly parts?: object[];
}
const turnsOf = ({ messages, contents }: Record<string, unknown>) => (messages ?? contents) as Turn[];
const wires = ['anthropic-messages', 'bedrock-converse', 'gemini-generate-content'];

describe('a turn that says nothing', () => {
  it.each(wires)('is left out, and its neighbours are one turn: %s', (wire) => {
    const { sent, dropped } = send(wire, [
      user('u'),
      assistant(null, { reasoning_content: 'hm' }),
      user('v'),
    ]);
    expect(turnsOf(sent).map(({ role }) => role)).toEqual(['user']);
    expect(JSON.stringify(sent)).toMatch(/"u".*"v"/);
    expect(dropped).toEqual(['messages[1].reasoning_content']);
  });

  it.each(['anthropic-messages', 'bedrock-converse'])('may be blanks, which %s refuses', (wire) => {
    const { sent } = send(wire, [
      { role: 'system', content: ' ' },
      ...[user('u'), assistant('\n'), user('v'), assistant('\n\n', call)],
      { role: 'tool', tool_call_id: 'c', content: ' ' },
    ]);
    expect(JSON.stringify(sent)).not.toMatch(/"text":"\s*"/);
    expect(sent).not.toHaveProperty('system');
    expect(turnsOf(sent).map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
  });

  it('keeps the blanks of texts that say something', () => {
    const { sent } = send('anthropic-messages', [user(' a '), assistant('b\n'), user('c')]);
    expect(turnsOf(sent).map(({ content }) => content)).toEqual(
      [' a ', 'b\n', 'c'].map((text) => [{ type: 'text', text }]),
    );
  });
});

describe('an answer that the model goes on with', () => {
  it.each(['anthropic-messages', 'bedrock-converse'])('ends without blanks, which %s refuses', (wire) => {
    const { sent } = send(wire, [user('u'), assistant('Sure: \n')]);
    expect(turnsOf(sent).at(-1)?.content).toEqual([expect.objectContaining({ text: 'Sure:' })]);
  });
});

describe('documents for Bedrock', () => {
  const file = (filename?: string) => ({
    type: 'file',
    file: {
      ...(filename === undefined ? {} : { filename }),
      file_data: 'data:application/pdf;base64,JVBERi0=',
    },
  });
  const namesOf = (sent: Record<string, unknown>) =>
    [...JSON.stringify(sent).matchAll(/"name":"([^"]*)"/g)].map(([, name]) => name);

  it('have names of their own, in all turns', () => {
    const { sent } = send('bedrock-converse', [
      user([file('a.pdf'), file('A.pdf'), file(), { type: 'text', text: 'u' }]),
      assistant('b'),
      user([file('a.pdf'), file(), file('x   y.pdf'), { type: 'text', text: 'v' }]),
    ]);
    expect(namesOf(sent)).toEqual(['a-pdf', 'A-pdf 2', 'document', 'a-pdf 3', 'document 2', 'x y-pdf']);
  });

  it('come with a text, without which they are refused', () => {
    const { sent } = send('bedrock-converse', [user([file('a.pdf')])]);
    expect(turnsOf(sent)[0]?.content).toEqual([
      expect.objectContaining({ document: expect.anything() as unknown }),
      { text: expect.stringMatching(/\S/) as unknown },
    ]);
  });
});

describe('a conversation that the model begins', () => {
  it.each(['bedrock-converse', 'gemini-generate-content'])('has a turn before it at %s', (wire) => {
    const { sent, dropped } = send(wire, [user(' '), assistant('Ask me.'), user('u')]);
    const [opening, ...others] = turnsOf(sent);
    expect(opening?.role).toBe('user');
    expect(JSON.stringify(opening)).toContain('"."');
    expect(others.map(({ role }) => role)).toEqual([expect.stringMatching(/assistant|model/), 'user']);
    expect(dropped).toEqual([]);
  });

  it('stays as it is where that is taken', () => {
    const { sent } = send('anthropic-messages', [assistant('Ask me.'), user('u')]);
    expect(turnsOf(sent).map(({ role }) => role)).toEqual(['assistant', 'user']);
  });
});
