import { describe, expect, it } from '@jest/globals';
import { recordedCases } from '@loom/testkit';
import { assembleGemini, GeminiFacts, geminiAsStream, readGeminiFacts } from './gemini-answer.ts';

const recorded = recordedCases().filter(({ wire }) => wire === 'gemini-generate-content');
const sse = (...events: object[]) =>
  Buffer.from(events.map((event) => `data: ${JSON.stringify(event)}\r\n\r\n`).join(''));
const chunk = (parts: object[], more: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...more }],
  responseId: 'r',
});

describe('assembleGemini', () => {
  it('joins texts that follow each other, and keeps thoughts, signatures and calls apart', () => {
    const call = { functionCall: { name: 'f', args: { a: 1 } }, thoughtSignature: 'sig' };
    const bytes = sse(
      chunk([{ text: 'one ', thought: true }]),
      chunk([{ text: 'two', thought: true, thoughtSignature: 's' }]),
      chunk([{ text: 'A' }]),
      chunk([{ text: 'B' }, call]),
      { ...chunk([{ text: '' }], { finishReason: 'STOP' }), usageMetadata: { promptTokenCount: 1 } },
    );
    expect(assembleGemini(bytes, true)).toEqual({
      candidates: [
        {
          content: {
            role: 'model',
            parts: [
              { text: 'one two', thought: true, thoughtSignature: 's' },
              ...[{ text: 'AB' }, call, { text: '' }],
            ],
          },
          ...{ index: 0, finishReason: 'STOP' },
        },
      ],
      ...{ responseId: 'r', usageMetadata: { promptTokenCount: 1 } },
    });
  });

  it.each(recorded.filter(({ stream }) => stream).map((found) => [found.name, found] as const))(
    'puts %s together, with the facts of its stream',
    (_name, { bytes }) => {
      const whole = Buffer.from(JSON.stringify(assembleGemini(bytes, true)));
      const { usageIsPartial: _, ...facts } = readGeminiFacts(bytes, true);
      expect(readGeminiFacts(whole, false)).toMatchObject(facts);
    },
  );

  it.each(recorded.filter(({ stream }) => !stream).map((found) => [found.name, found] as const))(
    'gives %s back as it is, also from the stream that it would have been',
    (_name, { bytes }) => {
      const body = JSON.parse(bytes.toString()) as Record<string, unknown>;
      expect(assembleGemini(bytes, false)).toEqual(body);
      expect(readGeminiFacts(Buffer.from(geminiAsStream(body)), true)).toEqual(readGeminiFacts(bytes, false));
    },
  );

  it('has nothing for bytes without an event', () => {
    expect(assembleGemini(Buffer.from(': keep-alive\n\n'), true)).toBeNull();
  });
});

describe('GeminiFacts', () => {
  it('has errors of a stream, and usage that is not whole until it has ended', () => {
    const facts = new GeminiFacts();
    facts.push({
      name: '',
      data: JSON.stringify({ ...chunk([{ text: 'a' }]), usageMetadata: { promptTokenCount: 5 } }),
    });
    expect(facts.facts()).toMatchObject({ ended: false, usageIsPartial: true, usage: { inputTokens: 5 } });
    facts.push({ name: '', data: 'no JSON' });
    facts.push({
      name: '',
      data: JSON.stringify({ error: { code: 503, message: 'busy', status: 'UNAVAILABLE' } }),
    });
    expect(facts.facts()).toMatchObject({ ended: true, error: { type: 'UNAVAILABLE', message: 'busy' } });
  });
});
