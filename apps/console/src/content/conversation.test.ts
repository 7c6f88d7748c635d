import { describe, expect, it } from '@jest/globals';
import { type Part, toConversation } from './conversation.ts';

const answer = (message: object) => ({ choices: [{ index: 0, message, finish_reason: 'stop' }] });

const read = (request: unknown, response: unknown, dialect = '') =>
  toConversation({ dialect, request, response });

const turn = (role: string, ...parts: Part[]) => ({ role, parts, isAnswer: false });

describe('toConversation', () => {
  it('reads a chat with its answer', () => {
    const request = { messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Hello' }] }; // prettier-ignore
    expect(read(request, answer({ role: 'assistant', content: 'Hi', refusal: null }))).toEqual([
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
    const turns = read(request, answer({ role: 'assistant', content: 'Warm.' }));
    expect(turns?.map(({ role }) => role)).toEqual(['user', 'assistant', 'assistant']);
    expect(turns?.[1]?.parts).toEqual([
      { kind: 'toolCall', id: 'c1', name: 'weather', input: { city: 'Rome' }, result: '21 degrees' },
    ]);
  });

  it('reads contents of Gemini, whose results find calls without ids by name and order', () => {
    const call = (city: string) => ({ functionCall: { name: 'weather', args: { city } } });
    const result = (output: string) => ({ functionResponse: { name: 'weather', response: { output } } });
    const request = {
      systemInstruction: { parts: [{ text: 'Be brief.' }] },
      contents: [
        { parts: [{ text: 'Weather?' }, { inlineData: { mimeType: 'image/png', data: 'AA==' } }] },
        { role: 'model', parts: [call('Rome'), call('Brno')] },
        { role: 'user', parts: [result('21'), result('19')] },
      ],
    };
    const parts = [{ text: 'one ', thought: true }, { text: 'two', thought: true }, { text: 'Warm.' }];
    const response = { candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP' }] };
    const calls = [
      { kind: 'toolCall', id: 'call 1', name: 'weather', input: { city: 'Rome' }, result: '21' },
      { kind: 'toolCall', id: 'call 2', name: 'weather', input: { city: 'Brno' }, result: '19' },
    ];
    const expected = [
      turn('system', { kind: 'text', text: 'Be brief.' }),
      turn('user', { kind: 'text', text: 'Weather?' }, { kind: 'image', url: 'data:image/png;base64,AA==' }),
      { role: 'assistant', parts: calls, isAnswer: false },
      {
        ...{ role: 'assistant', isAnswer: true },
        parts: [
          { kind: 'reasoning', text: 'one two' },
          { kind: 'text', text: 'Warm.' },
        ],
      },
    ];
    expect(read(request, response, 'gemini-generate-content')).toEqual(expected);
    expect(read(request, response)).toEqual(expected);
    expect(
      read({ generateContentRequest: request }, { totalTokens: 7 }, 'gemini-count-tokens')?.at(-1),
    ).toEqual({
      ...{ role: 'count', isAnswer: true, parts: [{ kind: 'other', label: 'totalTokens', value: 7 }] },
    });
    const requests = [{ content: { parts: [{ text: 'one' }] } }];
    expect(read({ requests }, { embeddings: [{ values: [1, 2] }] }, 'gemini-embeddings')).toMatchObject([
      { parts: [{ kind: 'text', text: 'one' }] },
      { parts: [{ kind: 'vectors', count: 1, dimensions: 2 }] },
    ]);
  });

  it('keeps a result whose call is not there, and arguments that are no JSON', () => {
    const request = { messages: [{ role: 'tool', tool_call_id: 'gone', content: 'x' }] };
    const call = { id: 'c', function: { name: 'f', arguments: '{"a":' } };
    const turns = read(request, answer({ role: 'assistant', content: null, tool_calls: [call] }));
    expect(turns?.[0]?.parts).toEqual([{ kind: 'toolResult', id: 'gone', text: 'x' }]);
    expect(turns?.[1]?.parts).toEqual([
      { kind: 'toolCall', id: 'c', name: 'f', input: '{"a":', result: null },
    ]);
  });

  it('reads images, reasoning, refusals and citations', () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
    const citation = { type: 'url_citation', url_citation: { url: 'https://example.com', title: 'Source' } };
    const turns = read(
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
    const turns = read(request, response);
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
    expect(read(request, response)?.flatMap(({ parts }) => parts)).toEqual([
      { kind: 'text', text: 'I' },
      { kind: 'text', text: 'Q' },
      { kind: 'reasoning', text: 'T' },
      { kind: 'text', text: 'A' },
    ]);
  });

  it('reads an agent’s Responses call with its tools, and keeps the turns of one speaker together', () => {
    const request = {
      previous_response_id: 'resp_1',
      instructions: 'I',
      input: [
        { role: 'user', content: 'Q' },
        { type: 'reasoning', summary: [] },
        { type: 'function_call', call_id: 'c', name: 'f', arguments: '{"a":1}' },
        {
          type: 'function_call_output',
          call_id: 'c',
          output: [
            { type: 'input_text', text: 'R' },
            { type: 'input_image', image_url: 'data:image/png;base64,AA==' },
          ],
        },
        { type: 'item_reference', id: 'msg_1' },
        {
          type: 'message',
          role: 'user',
          content: [{ type: 'input_file', filename: 'a.pdf', file_data: 'data:application/pdf;base64,AA==' }],
        },
      ],
    };
    const response = { output: [{ type: 'message', role: 'assistant', content: [{ type: 'refusal', refusal: 'No' }] }] }; // prettier-ignore
    expect(read(request, response, 'openai-responses')).toEqual([
      turn('before', { kind: 'other', label: 'previous_response_id', value: 'resp_1' }),
      turn('system', { kind: 'text', text: 'I' }),
      turn('user', { kind: 'text', text: 'Q' }),
      turn(
        'assistant',
        { kind: 'reasoning', text: '' },
        { kind: 'toolCall', id: 'c', name: 'f', input: { a: 1 }, result: 'R' },
      ),
      turn('tool', { kind: 'image', url: 'data:image/png;base64,AA==' }),
      turn('assistant', {
        kind: 'other',
        label: 'item_reference',
        value: { type: 'item_reference', id: 'msg_1' },
      }),
      turn('user', { kind: 'file', name: 'a.pdf', note: 'application/pdf', words: '' }),
      { ...turn('assistant', { kind: 'refusal', text: 'No' }), isAnswer: true },
    ]);
  });

  it('reads the input items of a stored response, oldest first', () => {
    const data = ['second', 'first'].map((text) => ({ type: 'message', role: 'user', content: [{ type: 'input_text', text }] })); // prettier-ignore
    const turns = read(null, { object: 'list', data }, 'openai-responses');
    expect(turns?.flatMap(({ parts }) => parts)).toEqual([
      { kind: 'text', text: 'first' },
      { kind: 'text', text: 'second' },
    ]);
  });

  it('reads blocks of Anthropic: documents, images, redacted thinking, failed tools, citations', () => {
    const request = {
      system: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }],
      messages: [
        {
          role: 'user',
          content: [
            { type: 'document', title: 'Terms', source: { type: 'text', media_type: 'text/plain', data: 'D' } }, // prettier-ignore
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'AA==' } },
          ],
        },
        { role: 'assistant', content: [{ type: 'tool_use', id: 't', name: 'f', input: {} }] },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'broken', is_error: true }] }, // prettier-ignore
      ],
    };
    const response = {
      ...{ type: 'message', role: 'assistant' },
      content: [
        { type: 'redacted_thinking', data: 'xyz' },
        { type: 'text', text: 'A', citations: [{ type: 'char_location', document_title: 'Terms', cited_text: 'D' }] }, // prettier-ignore
      ],
    };
    expect(read(request, response, 'anthropic-messages')?.flatMap(({ parts }) => parts)).toEqual([
      { kind: 'text', text: 'S' },
      { kind: 'file', name: 'Terms', note: 'text/plain', words: 'D' },
      { kind: 'image', url: 'data:image/png;base64,AA==' },
      { kind: 'toolCall', id: 't', name: 'f', input: {}, result: 'broken', isError: true },
      { kind: 'reasoning', text: '' },
      { kind: 'text', text: 'A' },
      { kind: 'citation', title: 'Terms', url: '', quote: 'D' },
    ]);
    expect(read({ messages: [] }, { input_tokens: 14 }, 'anthropic-count-tokens')?.[0]?.parts).toEqual([
      { kind: 'other', label: 'input_tokens', value: 14 },
    ]);
  });

  it('says of embeddings how many and how long they are', () => {
    const vector = Array.from({ length: 1536 }, (_, index) => index / 1536);
    const response = { object: 'list', data: [{ embedding: vector }, { embedding: vector }] };
    const turns = read({ input: ['a', 'b'] }, response, 'openai-embeddings');
    expect(turns?.[1]?.parts).toEqual([
      { kind: 'vectors', count: 2, dimensions: 1536, first: vector.slice(0, 8) },
    ]);
    const base64 = Buffer.alloc(1536 * 4).toString('base64');
    const encoded = read({ input: 'a' }, { data: [{ embedding: base64 }] }, 'openai-embeddings');
    expect(encoded?.[1]?.parts).toEqual([{ kind: 'vectors', count: 1, dimensions: 1536, first: [] }]);
    const many = read({ input: Array.from({ length: 50 }, String) }, null, 'openai-embeddings');
    expect(many?.[0]?.parts).toHaveLength(21);
  });

  it('shows what it does not know', () => {
    const turns = read({ messages: [{ role: 'user', content: [{ type: 'hologram', size: 3 }, 7] }, 'odd'] }, null); // prettier-ignore
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
    expect(read(request, response)).toBeNull();
  });
});
