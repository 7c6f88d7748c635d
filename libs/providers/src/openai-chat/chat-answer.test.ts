import { describe, expect, it } from '@jest/globals';
import { recordedChatCases } from '@loom/testkit';
import { answerText, assembleAnswer, readAnswerFacts } from './chat-answer.ts';

const byName = new Map(recordedChatCases().map((found) => [found.name, found]));
const caseOf = (name: string) => {
  const found = byName.get(name);
  if (!found) throw new Error(`no recorded case ${name}`);
  return found;
};

// Checked by hand against the recorded bodies: input, cache read, output, reasoning.
const goldenUsage: Record<string, [number, number, number, number] | null> = {
  'azure/azure-deepseek-reasoning.1.chunks.txt': [19, 0, 1720, 0],
  'azure/azure-deepseek-reasoning.1.json': [19, 0, 1969, 0],
  'deepseek/deepseek-json.json': [495, 320, 144, 118],
  'deepseek/deepseek-reasoning.chunks.txt': [18, 0, 219, 205],
  'deepseek/deepseek-reasoning.json': [18, 0, 345, 315],
  'deepseek/deepseek-text.chunks.txt': [13, 0, 400, 0],
  'deepseek/deepseek-text.json': [13, 0, 300, 0],
  'deepseek/deepseek-tool-call.chunks.txt': [339, 320, 83, 39],
  'deepseek/deepseek-tool-call.json': [339, 320, 92, 48],
  'groq/groq-reasoning.chunks.txt': [17, 0, 1107, 963],
  'groq/groq-reasoning.json': [17, 0, 649, 570],
  'groq/groq-text.chunks.txt': [45, 0, 662, 0],
  'groq/groq-text.json': [45, 0, 607, 0],
  'mistral/mistral-incremental-tool-call.chunks.txt': [171, 128, 14, 0],
  'mistral/mistral-text.chunks.txt': [13, 0, 8, 0],
  'mistral/mistral-text.json': [13, 0, 434, 0],
  'openai-compatible/anthropic-fallback-tool-call.sse': null,
  'openai-compatible/xai-text.chunks.txt': [12, 11, 342, 340],
  'openai-compatible/xai-text.json': [12, 2, 322, 320],
  'openai/azure-model-router.1.chunks.txt': [15, 0, 78, 64],
  'openai/openai-text.chunks.txt': [16, 0, 300, 0],
  'openai/openai-text.json': [16, 0, 363, 0],
  'xai/xai-text.chunks.txt': [12, 11, 291, 290],
  'xai/xai-text.json': [12, 2, 229, 228],
  'xai/xai-tool-call.chunks.txt': [291, 290, 222, 196],
  'xai/xai-tool-call.json': [291, 244, 215, 189],
};

describe('readAnswerFacts', () => {
  it('knows every recorded case', () => {
    expect([...byName.keys()].sort()).toEqual(Object.keys(goldenUsage).sort());
  });

  it.each(Object.entries(goldenUsage))('reads the usage of %s as the provider reports it', (name, golden) => {
    const { bytes, stream } = caseOf(name);
    const facts = readAnswerFacts(bytes, stream);
    expect(facts.ended).toBe(true);
    expect(facts.error).toBeNull();
    expect(facts.finishReasons.length).toBeGreaterThan(0);
    expect(facts.responseModel).not.toBeNull();
    const { usage } = facts;
    expect(
      usage && [
        usage.inputTokens,
        usage.cacheReadInputTokens,
        usage.outputTokens,
        usage.reasoningOutputTokens,
      ],
    ).toEqual(golden);
  });

  it('takes the last usage when a stream repeats it', () => {
    const stream = [1, 2, 3].map(
      (tokens) =>
        `data: {"id":"a","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":${tokens}}}\n\n`,
    );
    expect(readAnswerFacts(Buffer.from(stream.join('')), true).usage?.outputTokens).toBe(3);
  });

  it('passes over malformed events, comments and CRLF and finds an error in mid-stream', () => {
    const stream = [
      ': ping\r\n\r\n',
      'event: message\r\ndata: {"id":"a","model":"m","choices":[]}\r\n\r\n',
      'data: {broken "usage": {\r\n\r\n',
      'data:\r\n\r\n',
      'data: {"error": {"message":"overloaded","type":"server_error","code":529}}\r\n\r\n',
    ];
    const facts = readAnswerFacts(Buffer.from(stream.join('')), true);
    expect(facts).toMatchObject({ responseId: 'a', responseModel: 'm', ended: false });
    expect(facts.error).toEqual({ type: 'server_error', message: 'overloaded', code: '529' });
  });

  it('does not take the words of a model for facts', () => {
    const content = JSON.stringify('say {"usage": {"prompt_tokens": 9}} and "error": {"x":1} and [DONE]');
    const stream = `data: {"id":"a","choices":[{"index":0,"delta":{"content":${content}},"finish_reason":null}]}\n\n`;
    expect(readAnswerFacts(Buffer.from(stream), true)).toMatchObject({
      usage: null,
      error: null,
      ended: false,
    });
  });
});

describe('assembleAnswer', () => {
  it('puts a streamed tool call together', () => {
    const { bytes, stream } = caseOf('deepseek/deepseek-tool-call.chunks.txt');
    const completion = assembleAnswer(bytes, stream) as {
      choices: { message: { tool_calls: { id: string; function: { name: string; arguments: string } }[] } }[];
      usage: { total_tokens: number };
    };
    const call = completion.choices[0]?.message.tool_calls[0];
    expect(call?.id).toMatch(/^call_/);
    expect(call?.function.name).toBe('weather');
    expect(JSON.parse(call?.function.arguments ?? '')).toHaveProperty('location');
    expect(completion.usage.total_tokens).toBe(422);
  });

  it('gives text for every recorded case, streamed or not', () => {
    for (const { bytes, stream } of byName.values())
      expect(answerText(bytes, stream).length).toBeGreaterThan(0);
  });

  it('gives nothing for bytes that are no answer', () => {
    expect(assembleAnswer(Buffer.from('<html>'), false)).toBeNull();
    expect(assembleAnswer(Buffer.from('<html>'), true)).toBeNull();
    expect(answerText(Buffer.from('data: 7\n\n'), true)).toBe('');
  });
});
