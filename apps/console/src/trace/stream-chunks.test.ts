import { describe, expect, it } from '@jest/globals';
import { toSteps } from './stream-chunks.ts';

const chunk = (text: string | null, atMs = 0) => ({ index: 0, atMs, bytes: text?.length ?? 0, text });
const said = (...texts: (string | null)[]) =>
  toSteps(texts.map((text) => chunk(text))).map(({ said }) => said);
const delta = (content: string) => `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;

describe('toSteps', () => {
  it('reads what each chunk says', () => {
    expect(said(delta('Hel'), delta('lo') + delta('!'), 'data: [DONE]\n\n')).toEqual(['Hel', 'lo!', '']);
  });

  it('gives an event that is cut to the chunk that ends it', () => {
    const whole = delta('one');
    expect(said(whole.slice(0, 12), whole.slice(12) + delta('two'))).toEqual(['', 'onetwo']);
  });

  it('reads reasoning, tool calls, and the other dialects', () => {
    const call = { choices: [{ delta: { tool_calls: [{ function: { name: 'f', arguments: '{' } }] } }] };
    expect(
      said(
        `data: ${JSON.stringify({ choices: [{ delta: { reasoning_content: 'hm', content: 'a' } }] })}\n\n`,
        `data: ${JSON.stringify(call)}\n\n`,
        `event: response.output_text.delta\r\ndata: {"type":"response.output_text.delta","delta":"R"}\r\n\r\n`,
        `data: {"type":"content_block_delta","delta":{"type":"text_delta","text":"A"}}\n\n`,
        `data: {"object":"text_completion","choices":[{"text":"C"}]}\n\n`,
      ),
    ).toEqual(['hma', 'f{', 'R', 'A', 'C']);
  });

  it('goes on over chunks without text and events that are no JSON', () => {
    expect(said(null, ': ping\n\n', 'data: {"cut\n\n', 'data: null\n\n', delta('x'))).toEqual([
      '',
      '',
      '',
      '',
      'x',
    ]);
  });
});
