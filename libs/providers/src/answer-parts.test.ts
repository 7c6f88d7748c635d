import { describe, expect, it } from '@jest/globals';
import type { AnswerContext } from './neutral/halves.ts';
import { findPair } from './pairs.ts';
import { assembleAnswer } from './recorded-answer.ts';
import { answerTextOf } from './wires.ts';

const context: AnswerContext = {
  ...{ requestModel: 'asked', id: '0198', created: 1_700_000_000, includeUsage: true },
  bytes: Buffer.from('{"model":"asked"}'),
};
const pairOf = (dialect: string, wire: string) => {
  const pair = findPair(dialect, wire);
  if (!pair) throw new Error('no pair');
  return pair;
};
const whole = (dialect: string, wire: string, answer: object) =>
  JSON.parse(
    pairOf(dialect, wire)
      .writeAnswer(Buffer.from(JSON.stringify(answer)), context)
      .toString(),
  ) as object;
const streamed = (dialect: string, wire: string, ...chunks: object[]) => {
  const translation = pairOf(dialect, wire).translateStream(context);
  const sse = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('');
  return translation.push(Buffer.from(sse)) + translation.end();
};

const png = 'iVBORw0KGgo=';
const candidate = (parts: object[], finishReason?: string) => ({
  candidates: [{ content: { role: 'model', parts }, ...(finishReason ? { finishReason } : {}) }],
});
const image = { inlineData: { mimeType: 'image/png', data: png } };
const sound = { inlineData: { mimeType: 'audio/wav', data: 'UklGRg==' } };
const code = [
  { executableCode: { language: 'PYTHON', code: 'print(1+1)' } },
  { codeExecutionResult: { outcome: 'OUTCOME_OK', output: '2\n' } },
];
const ofGemini = candidate([{ text: 'Here: ' }, image, { text: 'done' }], 'STOP');
const ofChat = {
  ...{ id: 'c', model: 'm' },
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: 'Here',
        images: [{ type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }],
      },
      finish_reason: 'stop',
    },
  ],
};

describe('a part that Loom does not know', () => {
  it.each(['openai-chat', 'openai-responses', 'anthropic-messages'])('reaches callers of %s', (dialect) => {
    const unknown = {
      toolCall: { toolType: 'GOOGLE_MAPS', args: { query: 'cafés' } },
      thoughtSignature: 'c2ln',
    };
    const answer = candidate([{ text: 'a' }, unknown, { thought: true, thoughtSignature: 'c2ln' }], 'STOP');
    for (const said of [
      JSON.stringify(whole(dialect, 'gemini-generate-content', answer)),
      streamed(dialect, 'gemini-generate-content', answer),
    ]) {
      expect(said).toContain(JSON.stringify(JSON.stringify({ toolCall: unknown.toolCall })).slice(1, -1));
      expect(said.match(/```json/g)?.length).toBeGreaterThanOrEqual(1);
    }
  });
});

describe('an image in an answer', () => {
  it('is an image of the chat API as its clients know it', () => {
    const images = [{ type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } }];
    expect(whole('openai-chat', 'gemini-generate-content', ofGemini)).toMatchObject({
      choices: [{ message: { content: 'Here: done', images } }],
    });
    expect(streamed('openai-chat', 'gemini-generate-content', ofGemini)).toContain(
      `"delta":{"images":[{"index":0,${JSON.stringify(images[0]).slice(1)}]}`,
    );
  });

  it.each([
    ['gemini-generate-content', ofGemini],
    ['openai-chat', ofChat],
  ])('of %s is an item of the Responses API and a block of the Messages API', (wire, answer) => {
    expect(whole('openai-responses', wire, answer)).toMatchObject({
      output: expect.arrayContaining([
        expect.objectContaining({ type: 'image_generation_call', status: 'completed', result: png }),
      ]) as unknown,
    });
    const source = { type: 'base64', media_type: 'image/png', data: png };
    expect(whole('anthropic-messages', wire, answer)).toMatchObject({
      content: expect.arrayContaining([{ type: 'image', source }]) as unknown,
    });
    const stream =
      wire === 'openai-chat'
        ? { ...ofChat, choices: [{ ...ofChat.choices[0], delta: ofChat.choices[0]?.message }] }
        : answer;
    expect(streamed('anthropic-messages', wire, stream)).toContain(
      `"content_block":${JSON.stringify({ type: 'image', source })}`,
    );
    const responses = streamed('openai-responses', wire, stream);
    expect(responses).toContain(`"status":"completed","result":"${png}"`);
    expect(responses).toContain('response.completed');
  });

  it('goes back to Gemini in the next turn', () => {
    const { content } = whole('anthropic-messages', 'gemini-generate-content', ofGemini) as {
      content: object[];
    };
    const messages = [{ role: 'user', content: 'draw' }, { role: 'assistant', content }, { role: 'user', content: 'again' }]; // prettier-ignore
    const bytes = Buffer.from(JSON.stringify({ max_tokens: 9, messages }));
    const sent = pairOf('anthropic-messages', 'gemini-generate-content').writeRequest(bytes, 'm', 'refuse');
    expect(sent.body.toString()).toContain(JSON.stringify(image));
    const other = pairOf('anthropic-messages', 'openai-chat').writeRequest(bytes, 'm', 'refuse');
    expect(other.dropped).toHaveLength(1);
  });

  it('goes back to Gemini from a caller of the Responses API too', () => {
    const { output } = whole('openai-responses', 'gemini-generate-content', ofGemini) as { output: object[] };
    const input = [{ role: 'user', content: 'draw' }, ...output, { role: 'user', content: 'again' }];
    const pair = pairOf('openai-responses', 'gemini-generate-content');
    const sent = pair.writeRequest(Buffer.from(JSON.stringify({ input })), 'm', 'refuse');
    expect(sent.body.toString()).toContain(JSON.stringify(image));
  });

  it('is on the record', () => {
    const call = { dialect: 'anthropic-messages', wire: 'gemini-generate-content', requestModel: 'm' };
    const bytes = Buffer.from(JSON.stringify(ofGemini));
    expect(JSON.stringify(assembleAnswer(call, bytes, false))).toContain(png);
    expect(answerTextOf('gemini-generate-content', bytes, false)).toContain('[image]');
  });
});

describe('sound in an answer', () => {
  const answer = candidate([sound], 'STOP');

  it('is audio of the chat API', () => {
    expect(whole('openai-chat', 'gemini-generate-content', answer)).toMatchObject({
      choices: [{ message: { audio: { data: 'UklGRg==' } } }],
    });
    expect(streamed('openai-chat', 'gemini-generate-content', answer)).toContain('"audio":{"id":');
  });

  it.each(['openai-responses', 'anthropic-messages'])('is refused aloud for callers of %s', (dialect) => {
    const refusal = expect.objectContaining({ code: 'upstream_failed', reason: 'unsupported_answer' });
    expect(() => whole(dialect, 'gemini-generate-content', answer)).toThrow(refusal);
    expect(() => streamed(dialect, 'gemini-generate-content', answer)).toThrow(refusal);
    const call = { dialect, wire: 'gemini-generate-content', requestModel: 'm' };
    expect(assembleAnswer(call, Buffer.from(JSON.stringify(answer)), false)).toMatchObject(answer);
  });
});

describe('code that Gemini ran', () => {
  it.each(['openai-chat', 'openai-responses', 'anthropic-messages'])(
    'is text for callers of %s',
    (dialect) => {
      const answer = candidate([{ text: 'So:' }, ...code], 'STOP');
      for (const written of [
        JSON.stringify(whole(dialect, 'gemini-generate-content', answer)),
        streamed(dialect, 'gemini-generate-content', answer),
      ]) {
        expect(written).toContain('```python\\nprint(1+1)\\n```');
        expect(written).toContain('```\\n2\\n');
      }
    },
  );
});

describe('usage of embeddings of Gemini', () => {
  const answer = { embeddings: [{ values: [1, 2] }], usageMetadata: { promptTokenCount: 7 } };

  it('reaches the caller', () => {
    expect(whole('openai-embeddings', 'gemini-embeddings', answer)).toMatchObject({
      usage: { prompt_tokens: 7, total_tokens: 7 },
    });
  });
});
