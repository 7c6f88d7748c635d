import { describe, expect, it } from '@jest/globals';
import { toConversation } from './conversation.ts';

const answer = (message: object) => ({ choices: [{ index: 0, message, finish_reason: 'stop' }] });

describe('toConversation', () => {
  it('reads a chat with its answer', () => {
    const request = { messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Hello' }] }; // prettier-ignore
    expect(toConversation(request, answer({ role: 'assistant', content: 'Hi', refusal: null }))).toEqual([
      { role: 'system', parts: [{ kind: 'text', text: 'Be brief.' }], isAnswer: false },
      { role: 'user', parts: [{ kind: 'text', text: 'Hello' }], isAnswer: false },
      { role: 'assistant', parts: [{ kind: 'text', text: 'Hi' }], isAnswer: true },
    ]);
  });

  it('puts the result of a tool into its call, and leaves no empty turn behind', () => {
    const call = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Rome"}' } };
    const request = {
      messages: [
        { role: 'user', content: 'Weather?' },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c1', content: '21 degrees' },
      ],
    };
    const turns = toConversation(request, answer({ role: 'assistant', content: 'Warm.' }));
    expect(turns?.map(({ role }) => role)).toEqual(['user', 'assistant', 'assistant']);
    expect(turns?.[1]?.parts).toEqual([
      { kind: 'toolCall', id: 'c1', name: 'weather', input: { city: 'Rome' }, result: '21 degrees' },
    ]);
  });

  it('keeps a result whose call is not there, and arguments that are no JSON', () => {
    const request = { messages: [{ role: 'tool', tool_call_id: 'gone', content: 'x' }] };
    const call = { id: 'c', function: { name: 'f', arguments: '{"a":' } };
    const turns = toConversation(request, answer({ role: 'assistant', content: null, tool_calls: [call] }));
    expect(turns?.[0]?.parts).toEqual([{ kind: 'toolResult', id: 'gone', text: 'x' }]);
    expect(turns?.[1]?.parts).toEqual([
      { kind: 'toolCall', id: 'c', name: 'f', input: '{"a":', result: null },
    ]);
  });

  it('reads images, reasoning, refusals and citations', () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
    const citation = { type: 'url_citation', url_citation: { url: 'https://example.com', title: 'Source' } };
    const turns = toConversation(
      { messages: [{ role: 'user', content: [{ type: 'text', text: 'See' }, image] }] },
      answer({ role: 'assistant', content: 'Seen', reasoning_content: 'hm', refusal: 'no', annotations: [citation] }), // prettier-ignore
    );
    expect(turns?.[0]?.parts).toEqual([
      { kind: 'text', text: 'See' },
      { kind: 'image', url: 'https://example.com/a.png' },
    ]);
    expect(turns?.[1]?.parts).toEqual([
      { kind: 'reasoning', text: 'hm' },
      { kind: 'text', text: 'Seen' },
      { kind: 'refusal', text: 'no' },
      { kind: 'citation', title: 'Source', url: 'https://example.com' },
    ]);
  });

  it('reads Anthropic messages', () => {
    const request = {
      system: 'S',
      messages: [
        { role: 'user', content: 'Q' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'f', input: { a: 1 } }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: [{ type: 'text', text: 'R' }] }] }, // prettier-ignore
      ],
    };
    const response = { role: 'assistant', content: [{ type: 'thinking', thinking: 'T' }, { type: 'text', text: 'A' }] }; // prettier-ignore
    const turns = toConversation(request, response);
    expect(turns?.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'assistant']);
    expect(turns?.[2]?.parts).toEqual([
      { kind: 'toolCall', id: 't', name: 'f', input: { a: 1 }, result: 'R' },
    ]);
    expect(turns?.[3]?.parts).toEqual([
      { kind: 'reasoning', text: 'T' },
      { kind: 'text', text: 'A' },
    ]);
  });

  it('reads responses', () => {
    const request = {
      instructions: 'I',
      input: [{ role: 'user', content: [{ type: 'input_text', text: 'Q' }] }],
    };
    const response = {
      output: [
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'T' }] },
        {
          type: 'message',
          role: 'assistant',
          content: [{ type: 'output_text', text: 'A', annotations: [] }],
        },
      ],
    };
    expect(toConversation(request, response)?.flatMap(({ parts }) => parts)).toEqual([
      { kind: 'text', text: 'I' },
      { kind: 'text', text: 'Q' },
      { kind: 'reasoning', text: 'T' },
      { kind: 'text', text: 'A' },
    ]);
  });

  it('shows what it does not know', () => {
    const turns = toConversation({ messages: [{ role: 'user', content: [{ type: 'hologram', size: 3 }, 7] }, 'odd'] }, null); // prettier-ignore
    expect(turns?.[0]?.parts).toEqual([
      { kind: 'other', label: 'hologram', value: { type: 'hologram', size: 3 } },
      { kind: 'other', label: 'content', value: 7 },
    ]);
    expect(turns?.[1]?.parts).toEqual([{ kind: 'other', label: 'item', value: 'odd' }]);
  });

  it.each([
    [null, null],
    ['text', 'text'],
    [{}, {}],
    [[], []],
  ])('is null for %j', (request, response) => {
    expect(toConversation(request, response)).toBeNull();
  });
});
