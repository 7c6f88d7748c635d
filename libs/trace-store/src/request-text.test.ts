import { describe, expect, it } from '@jest/globals';
import { requestText } from './request-text.ts';

const read = (body: unknown) => requestText(Buffer.from(JSON.stringify(body)));

describe('requestText', () => {
  it('reads chat messages with texts and parts, and the last user message', () => {
    const messages = [
      { role: 'system', content: 'be brief' },
      { role: 'user', content: [{ type: 'text', text: 'first' }, { type: 'image_url', image_url: { url: 'x' } }] },
      { role: 'assistant', content: null, tool_calls: [] },
      { role: 'user', content: 'second' },
      { role: 'tool', content: 'result' },
    ]; // prettier-ignore
    expect(read({ messages })).toEqual({ text: 'be brief\nfirst\nsecond\nresult', lastUserText: 'second' });
  });

  it.each([
    [{ system: 'sys', messages: [{ role: 'user', content: 'hi' }] }, 'sys\nhi', 'hi'],
    [{ instructions: 'ins', input: 'hi' }, 'ins\nhi', 'hi'],
    [{ input: ['a', 'b'] }, 'a\nb', 'b'],
    [{ input: [{ role: 'user', content: [{ type: 'input_text', text: 'hi' }] }] }, 'hi', 'hi'],
    [
      {
        systemInstruction: { parts: [{ text: 'sys' }] },
        contents: [{ parts: [{ text: 'a' }] }, { role: 'model', parts: [{ text: 'b' }] }],
      },
      'sys\na\nb',
      'a',
    ],
    [{ system_instruction: { parts: { text: 'sys' } }, contents: { parts: { text: 'a' } } }, 'sys\na', 'a'],
    [{ generateContentRequest: { contents: [{ parts: [{ text: 'a' }, { inlineData: {} }] }] } }, 'a', 'a'],
    [{ content: { parts: [{ text: 'a' }] } }, 'a', 'a'],
    [{ requests: [{ content: { parts: [{ text: 'a' }] } }, null] }, 'a', 'a'],
    [{ messages: [null, 7, { role: 'user' }, { role: 'user', content: [null, { text: 5 }] }] }, '', ''],
    [[], '', ''],
    [null, '', ''],
  ])('reads %j', (body, text, lastUserText) => {
    expect(read(body)).toEqual({ text, lastUserText });
  });

  it('has nothing for bytes that are no JSON', () => {
    expect(requestText(Buffer.from('{"messages": [')).text).toBe('');
  });
});
