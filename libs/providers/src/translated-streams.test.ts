import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { AnswerContext } from './neutral/halves.ts';
import { findPair } from './pairs.ts';

const context: AnswerContext = {
  ...{ requestModel: 'asked', id: '0198', created: 1_700_000_000, includeUsage: true },
  bytes: Buffer.from('{"model":"asked","input":"hi","tools":[]}'),
};
const sse = (...events: object[]) => events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');
const named = (...events: ({ type: string } & Record<string, unknown>)[]) =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('');

const translationOf = (dialect: string, wire: string) => {
  const pair = findPair(dialect, wire);
  if (!pair) throw new Error('no pair');
  return pair.translateStream(context);
};

function stream(dialect: string, wire: string, text: string) {
  const translation = translationOf(dialect, wire);
  const written = translation.push(Buffer.from(text)) + translation.end();
  const events = [...written.matchAll(/^data: (.+)$/gm)]
    .map(([, data = '']) => data)
    .filter((data) => data !== '[DONE]')
    .map((data) => JSON.parse(data) as Record<string, unknown>);
  return { written, events, translation };
}

const chunk = (delta: object, finish: string | null = null) => ({
  ...{ id: 'chatcmpl-9', model: 'm' },
  choices: [{ index: 0, delta, finish_reason: finish }],
});
const call = (index: number, more: object) => chunk({ tool_calls: [{ index, ...more }] });

/** Two calls whose pieces come in turns; later pieces have a null id, or none (R1). */
const parallelCalls = `${sse(
  chunk({ role: 'assistant', content: null }),
  call(0, { id: 'call_a', type: 'function', function: { name: 'weather', arguments: '' } }),
  call(0, { id: null, function: { arguments: '{"ci' } }),
  call(1, { id: 'call_b', type: 'function', function: { name: 'time', arguments: '{"at' } }),
  call(0, { function: { arguments: 'ty":"京都🎎"}' } }),
  call(1, { id: '', function: { name: null, arguments: '":1}' } }),
  chunk({}, 'tool_calls'),
  { id: 'chatcmpl-9', choices: [], usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 } },
)}data: [DONE]\n\n`;

describe('a chat stream', () => {
  it('becomes one of the Messages API with whole calls, one block after the other (R1, R4)', () => {
    const { events } = stream('anthropic-messages', 'openai-chat', parallelCalls);
    expect(events.map(({ type, index }) => [type, index])).toEqual([
      ['message_start', undefined],
      ...[0, 1].flatMap((index) => [
        ['content_block_start', index],
        ['content_block_delta', index],
        ['content_block_delta', index],
        ['content_block_stop', index],
      ]),
      ['message_delta', undefined],
      ['message_stop', undefined],
    ]);
    const json = (index: number) =>
      events
        .filter((event) => event['index'] === index && event['type'] === 'content_block_delta')
        .map((event) => (event['delta'] as { partial_json: string }).partial_json)
        .join('');
    expect([json(0), json(1)]).toEqual(['{"city":"京都🎎"}', '{"at":1}']);
    expect(events.at(-2)).toMatchObject({
      delta: { stop_reason: 'tool_use' },
      usage: { input_tokens: 9, output_tokens: 4 },
    });
  });

  it('becomes a Responses stream whose ids are the same in every event, numbered without a gap (R2, R5)', () => {
    const { events } = stream('openai-responses', 'openai-chat', parallelCalls);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, index) => index));
    const added = events.filter(({ type }) => type === 'response.output_item.added');
    // Only what the model said is opened: no message where there are only calls.
    expect(added.map(({ item }) => (item as { type: string }).type)).toEqual([
      'function_call',
      'function_call',
    ]);
    const opened = new Set(added.map(({ item }) => (item as { id: string }).id));
    for (const { item_id: id, item } of events) {
      if (id !== undefined) expect(opened).toContain(id);
      if (item !== undefined) expect(opened).toContain((item as { id: string }).id);
    }
    const ids = new Set(
      events.flatMap(({ response }) => (response as { id?: string } | undefined)?.id ?? []),
    );
    expect([...ids]).toEqual(['resp_0198']);
    expect(events.at(-1)).toMatchObject({
      type: 'response.completed',
      response: {
        status: 'completed',
        output: [
          { type: 'function_call', call_id: 'call_a', name: 'weather', arguments: '{"city":"京都🎎"}' },
          { type: 'function_call', call_id: 'call_b', name: 'time', arguments: '{"at":1}' },
        ],
        usage: { input_tokens: 9, output_tokens: 4, total_tokens: 13 },
      },
    });
  });

  it('tells its reasoning piece by piece, before what is said (R6)', () => {
    const text = `${sse(chunk({ reasoning_content: 'one ' }), chunk({ reasoning_content: 'two' }), chunk({ content: 'said' }), chunk({}, 'stop'))}data: [DONE]\n\n`;
    const { events } = stream('openai-responses', 'openai-chat', text);
    const deltas = events.filter(({ type }) => String(type).endsWith('.delta'));
    expect(deltas.map(({ type, delta }) => [type, delta])).toEqual([
      ['response.reasoning_summary_text.delta', 'one '],
      ['response.reasoning_summary_text.delta', 'two'],
      ['response.output_text.delta', 'said'],
    ]);
  });

  it('does not end cleanly when its provider did not', () => {
    const cut = sse(chunk({ content: 'half' }));
    for (const dialect of ['openai-responses', 'anthropic-messages']) {
      const { written, translation } = stream(dialect, 'openai-chat', cut);
      expect(translation.ended).toBe(false);
      expect(written).not.toMatch(/response\.completed|message_stop/);
    }
  });
});

const thinking = named(
  { type: 'message_start', message: { id: 'msg_1', model: 'claude', usage: { input_tokens: 5, cache_read_input_tokens: 3, output_tokens: 1 } } }, // prettier-ignore
  { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm 考' } },
  { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'sig==' } },
  { type: 'content_block_stop', index: 0 },
  { type: 'ping' },
  {
    type: 'content_block_start',
    index: 1,
    content_block: { type: 'tool_use', id: 'toolu_1', name: 'now', input: {} },
  },
  { type: 'content_block_stop', index: 1 },
  {
    type: 'message_delta',
    delta: { stop_reason: 'tool_use', stop_sequence: null },
    usage: { output_tokens: 20 },
  },
  { type: 'message_stop' },
);

describe('a stream of the Messages API', () => {
  it('becomes a chat stream: one id, an argument text for a call without any, its usage whole (R8, R12)', () => {
    const { events, written } = stream('openai-chat', 'anthropic-messages', thinking);
    expect(new Set(events.map(({ id }) => id))).toEqual(new Set(['msg_1']));
    const calls = events.flatMap(({ choices }) => {
      const [choice] = choices as { delta: { tool_calls?: { id?: string; index: number; function?: { arguments: string } }[] } }[]; // prettier-ignore
      return choice?.delta.tool_calls ?? [];
    });
    expect(calls).toEqual([
      { index: 0, id: 'toolu_1', type: 'function', function: { name: 'now', arguments: '' } },
      { index: 0, function: { arguments: '{}' } },
    ]);
    expect(events.at(-1)?.['usage']).toMatchObject({
      prompt_tokens: 8,
      completion_tokens: 20,
      total_tokens: 28,
    });
    expect(written.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  it('gives its reasoning back as it was: what a Responses caller returns is what Anthropic signed', () => {
    const { events } = stream('openai-responses', 'anthropic-messages', thinking);
    const { output } = events.at(-1)?.['response'] as { output: object[] };
    const pair = findPair('openai-responses', 'anthropic-messages');
    const next = {
      model: 'm',
      input: [...output, { type: 'function_call_output', call_id: 'toolu_1', output: '12' }],
    };
    const { body } = pair?.writeRequest(Buffer.from(JSON.stringify(next)), 'm', 'refuse') ?? {};
    expect(JSON.parse(body?.toString() ?? '')).toMatchObject({
      messages: [
        {
          role: 'assistant',
          content: [
            { type: 'thinking', thinking: 'hm 考', signature: 'sig==' },
            { type: 'tool_use', id: 'toolu_1' },
          ],
        },
        { role: 'user' },
      ],
    });
  });

  it('is the same wherever its bytes are split, also inside a character (S11)', () => {
    const bytes = Buffer.from(thinking);
    const expected = stream('openai-chat', 'anthropic-messages', thinking).written;
    for (let at = 0; at <= bytes.length; at += 1) {
      const translation = translationOf('openai-chat', 'anthropic-messages');
      const parts = [bytes.subarray(0, at), bytes.subarray(at)].map((part) => translation.push(part));
      expect(parts.join('') + translation.end()).toBe(expected);
    }
    const singly = translationOf('openai-chat', 'anthropic-messages');
    expect([...bytes].map((byte) => singly.push(Buffer.from([byte]))).join('') + singly.end()).toBe(expected);
  });

  it('reads comments, CRLF and split lines (S9)', () => {
    const crlf = `: keepalive\r\n\r\n${thinking.replaceAll('\n', '\r\n')}`;
    expect(stream('openai-chat', 'anthropic-messages', crlf).written).toBe(
      stream('openai-chat', 'anthropic-messages', thinking).written,
    );
  });

  it('hands signed reasoning through chat with the text that its signature proves', () => {
    const { events } = stream(
      'openai-chat',
      'anthropic-messages',
      named(
        { type: 'message_start', message: { id: 'msg_1', model: 'm', usage: { input_tokens: 1 } } },
        { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'hm, ' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'thinking_delta', thinking: 'yes' } },
        { type: 'content_block_delta', index: 0, delta: { type: 'signature_delta', signature: 'sig' } },
        { type: 'content_block_stop', index: 0 },
        { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 3 } },
        { type: 'message_stop' },
      ),
    );
    const deltas = events.flatMap(({ choices }) => choices as { delta: { reasoning_details?: unknown } }[]);
    expect(deltas.flatMap(({ delta }) => delta.reasoning_details ?? [])).toEqual([
      { type: 'reasoning.text', text: 'hm, yes', signature: 'sig' },
    ]);
  });

  it('survives any bytes that are none of it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (noise, text) => {
        const translation = translationOf('openai-chat', 'anthropic-messages');
        let written = '';
        try {
          written += translation.push(Buffer.from(noise));
          written += translation.push(
            Buffer.from(`data: ${text}\n\ndata: {"type":${JSON.stringify(text)}}\n\n`),
          );
          written += translation.end();
        } catch (error) {
          expect(error).toMatchObject({ code: 'upstream_failed', reason: 'malformed_answer' });
        }
        expect(written).not.toContain('[DONE]');
      }),
    );
  });

  it.each(['openai-chat', 'anthropic-messages', 'gemini-generate-content', 'cohere-chat'])(
    'breaks at an event of %s that cannot be read, and not before',
    (wire) => {
      const translation = translationOf(wire === 'openai-chat' ? 'anthropic-messages' : 'openai-chat', wire);
      translation.push(Buffer.from('data: {"type":"ping"}\n\ndata:\n\n'));
      expect(() => translation.push(Buffer.from('data: {"type":"content_blo\n\n'))).toThrow(
        expect.objectContaining({ code: 'upstream_failed', reason: 'malformed_answer' }),
      );
    },
  );
});
