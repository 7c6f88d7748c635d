import { describe, expect, it } from '@jest/globals';
import type { AnswerContext } from '../neutral/halves.ts';
import { findPair, pairNames } from '../pairs.ts';

const wires = pairNames.flatMap((name) => {
  const [dialect = '', wire = ''] = name.split('-to-');
  return dialect === 'openai-responses' ? [wire] : [];
});
const pairOf = (wire: string) => {
  const pair = findPair('openai-responses', wire);
  if (!pair) throw new Error('no pair');
  return pair;
};
const send = (wire: string, body: object) =>
  pairOf(wire)
    .writeRequest(Buffer.from(JSON.stringify(body)), 'm', 'refuse')
    .body.toString();

/** What Codex sends to have a conversation compacted. */
const request = {
  input: [
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'write a file' }] },
    { type: 'function_call', call_id: 'call_1', name: 'exec', arguments: '{}' },
    { type: 'function_call_output', call_id: 'call_1', output: 'done' },
    { type: 'compaction_trigger' },
  ],
  tools: [{ type: 'function', name: 'exec', parameters: { type: 'object' } }],
  tool_choice: 'auto',
};
const context: AnswerContext = {
  ...{ requestModel: 'asked', id: '0198', created: 1_700_000_000, includeUsage: true },
  bytes: Buffer.from(JSON.stringify(request)),
};
const answer = (...content: object[]) =>
  Buffer.from(
    JSON.stringify({
      ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content, stop_reason: 'end_turn' },
      usage: { input_tokens: 9, output_tokens: 3 },
    }),
  );
const summary = answer(
  { type: 'thinking', thinking: 'hm', signature: 's' },
  { type: 'text', text: 'A file.' },
);

interface Item {
  readonly type: string;
  readonly id: string;
  readonly encrypted_content?: string;
}
const written = () =>
  JSON.parse(pairOf('anthropic-messages').writeAnswer(summary, context).toString()) as { output: Item[] };

describe('compaction', () => {
  it.each(wires)('asks the model for a summary, without calls: %s', (wire) => {
    const sent = send(wire, request);
    expect(sent).toContain('Summarize the conversation');
    expect(sent).not.toContain('compaction_trigger');
    if (wire !== 'bedrock-converse') expect(sent).toMatch(/"none"|"NONE"/);
  });

  it('is answered by one item, whole and as a stream', () => {
    const { output } = written();
    expect(output).toEqual([
      { type: 'compaction', id: 'cmp_0198', encrypted_content: expect.stringMatching(/^loom\.1\./) },
    ]);
    const stream = pairOf('anthropic-messages').writeAnswerAsStream(summary, context);
    const events = [...stream.matchAll(/^data: (.+)$/gm)].map(
      ([, data = '']) => JSON.parse(data) as { type: string; item?: Item; response?: { output: Item[] } },
    );
    expect(events.map(({ type }) => type)).toEqual([
      ...['response.created', 'response.in_progress', 'response.output_item.added'],
      ...['response.output_item.done', 'response.completed'],
    ]);
    expect(events.at(-2)?.item).toEqual(output[0]);
    expect(events.at(-1)?.response?.output).toEqual(output);
  });

  it.each(wires)('is what the model is told in later requests: %s', (wire) => {
    const { output } = written();
    const input = [...output, { role: 'user', content: 'go on' }];
    expect(send(wire, { input })).toContain('A file.');
  });

  it('fails where the model wrote nothing, so that the conversation is not lost', () => {
    expect(() => pairOf('anthropic-messages').writeAnswer(answer(), context)).toThrow(
      expect.objectContaining({ code: 'upstream_failed', reason: 'malformed_answer' }),
    );
  });

  it('by another provider is refused by name: nobody else can read it', () => {
    const input = [
      { type: 'compaction', encrypted_content: 'gAAAA' },
      { role: 'user', content: 'go on' },
    ];
    expect(() => send('openai-chat', { input })).toThrow(
      expect.objectContaining({ code: 'unsupported', param: 'input[0]' }),
    );
  });
});
