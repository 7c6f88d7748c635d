import { describe, expect, it } from '@jest/globals';
import type { CounterStore } from '@loom/counter-store';
import { answerJson, answerPieces, type UpstreamPlayer } from '@loom/testkit';
import type { Call, CallEnd } from './call.ts';
import { StoredItems } from './stored-items.ts';
import { useGateway } from './testing/gateway-suite.ts';

const user = (text: string) => ({ role: 'user', content: [{ type: 'input_text', text }] });
const weather = { type: 'function', name: 'weather', parameters: { type: 'object', properties: {} } };
const saidByClaude = {
  ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'claude-x', stop_reason: 'tool_use' },
  content: [
    { type: 'thinking', thinking: 'Hm.', signature: 'c2lnbmVk' },
    { type: 'text', text: 'Let me look.' },
    { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Praha' } },
  ],
  usage: { input_tokens: 5, output_tokens: 7 },
};
const streamedByClaude = [
  { type: 'message_start', message: { ...saidByClaude, content: [], stop_reason: null } },
  ...saidByClaude.content.flatMap((block, index) => [
    { type: 'content_block_start', index, content_block: { ...block, ...emptied(block.type) } },
    ...deltasOf(block).map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]),
  { type: 'message_delta', delta: { stop_reason: 'tool_use' }, usage: { output_tokens: 7 } },
  { type: 'message_stop' },
].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);

function emptied(type: string): object {
  if (type === 'thinking') return { thinking: '', signature: '' };
  return type === 'text' ? { text: '' } : { input: {} };
}

function deltasOf(block: (typeof saidByClaude.content)[number]): object[] {
  if (block.type === 'thinking')
    return [
      { type: 'thinking_delta', thinking: block.thinking },
      { type: 'signature_delta', signature: block.signature },
    ];
  if (block.type === 'text') return [{ type: 'text_delta', text: block.text }];
  return [{ type: 'input_json_delta', partial_json: JSON.stringify(block.input) }];
}

const saidByGpt = {
  ...{ id: 'resp_1', object: 'response', status: 'completed', model: 'gpt-x' },
  output: [
    { id: 'rs_1', type: 'reasoning', summary: [] },
    { id: 'msg_gpt', type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Aye.' }] },
  ],
  usage: { input_tokens: 5, output_tokens: 3, total_tokens: 8 },
};

interface Answer {
  readonly output: readonly { readonly id: string; readonly type: string }[];
}

describe('items that a request only names', () => {
  const suite = useGateway();
  const create = (model: string, input: unknown, more: object = {}) =>
    suite.post('/v1/responses', { model, input, tools: [weather], ...more });
  const bodyAt = ({ seen }: UpstreamPlayer) =>
    JSON.parse(String(seen.at(-1)?.body)) as Record<string, unknown>;
  const references = ({ output }: Answer) => output.map(({ id }) => ({ type: 'item_reference', id }));
  const outputOf = { type: 'function_call_output', call_id: 'toolu_1', output: '21' };
  const answerOf = async (response: Response): Promise<Answer> => {
    const text = await response.text();
    if (!text.startsWith('event:')) return JSON.parse(text) as Answer;
    const last = /event: response\.completed\ndata: (.+)/.exec(text)?.[1] ?? '';
    return (JSON.parse(last) as { response: Answer }).response;
  };

  it.each([
    ['whole', false],
    ['streamed', true],
  ])('reach a provider of another API as they were said (%s)', async (_, stream) => {
    suite.first.play = stream ? answerPieces(streamedByClaude) : answerJson(saidByClaude);
    const first = await answerOf(await create('claude-x', [user('hi')], { stream }));
    expect(first.output.map(({ type }) => type)).toEqual(['reasoning', 'message', 'function_call']);
    suite.first.play = answerJson(saidByClaude);
    const response = await create('claude-x', [user('hi'), ...references(first), outputOf]);
    expect(response.status).toBe(200);
    expect(bodyAt(suite.first).messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: saidByClaude.content },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1' }] },
    ]);
  });

  it("go back to a provider that holds them as their names, in the caller's bytes", async () => {
    suite.second.play = answerJson(saidByGpt);
    const first = await answerOf(await create('two/gpt-x', [user('hi')]));
    await suite.gateway.route('both', { fallbacks: [{ provider: 'two', model: 'gpt-x' }] });
    const body = { model: 'both', input: [user('hi'), ...references(first), { id: 'msg_gpt' }] };
    expect((await suite.post('/v1/responses', body)).status).toBe(200);
    expect(bodyAt(suite.second)).toEqual({ ...body, model: 'gpt-x' });
    expect(suite.first.seen).toHaveLength(0);
  });

  it('of OpenAI reach another provider, and those of another provider reach OpenAI', async () => {
    suite.first.play = answerJson(saidByGpt);
    const byGpt = await answerOf(await create('gpt-x', [user('hi')]));
    suite.first.play = answerJson(saidByClaude);
    const byClaude = await answerOf(
      await create('claude-x', [user('hi'), ...references(byGpt), user('go on')]),
    );
    expect(bodyAt(suite.first).messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [{ type: 'text', text: 'Aye.' }] },
      { role: 'user' },
    ]);
    suite.second.play = answerJson(saidByGpt);
    await create('two/gpt-x', [user('hi'), ...references(byClaude), outputOf]);
    expect(bodyAt(suite.second).input).toMatchObject([
      { role: 'user' },
      { type: 'message', content: [{ text: 'Let me look.' }] },
      { type: 'function_call', call_id: 'toolu_1', name: 'weather' },
      { type: 'function_call_output' },
    ]);
    expect(String(suite.second.seen.at(-1)?.body)).not.toMatch(/"id"|item_reference/);
  });

  it('that nobody knows, or that were not to be stored, are refused by their place', async () => {
    suite.first.play = answerJson(saidByClaude);
    const unstored = await answerOf(await create('claude-x', [user('hi')], { store: false }));
    for (const named of [references(unstored)[1], { type: 'item_reference', id: 'msg_unknown' }]) {
      const response = await create('claude-x', [user('hi'), named]);
      expect([response.status, await response.json()]).toMatchObject([422, { error: { param: 'input[1]' } }]);
    }
    suite.first.play = answerJson(saidByGpt);
    const passed = await create('gpt-x', [user('hi'), { type: 'item_reference', id: 'msg_unknown' }]);
    expect(passed.status).toBe(200);
    expect(bodyAt(suite.first).input).toMatchObject([{ role: 'user' }, { id: 'msg_unknown' }]);
  });

  it('that cannot be read harm no call: its answer was sent', () => {
    const failures: unknown[] = [];
    const items = new StoredItems({} as CounterStore, (error) => failures.push(error));
    const unreadable = { answer: () => { throw new RangeError('too deep'); } }; // prettier-ignore
    const call = { project: { id: 'p1' }, dialectOrThrow: { name: 'openai-responses' }, stored: null, modelRequest: { parameters: {} }, tap: unreadable }; // prettier-ignore
    items.keep(call as unknown as Call, { outcome: 'completed', status: 200 } as CallEnd, 'id');
    expect(failures).toEqual([new RangeError('too deep')]);
  });
});
