import { describe, expect, it } from '@jest/globals';
import type { NeutralEvent } from '../neutral/neutral-answer.ts';
import { foldAnswer } from '../neutral/neutral-answer.ts';
import { bedrockProvider } from './converse-provider.ts';

const png = 'iVBORw0KGgo=';
const image = { type: 'image', source: { type: 'data', mediaType: 'image/png', data: png } };
const citation = {
  title: 'T',
  location: { web: { url: 'https://a.example' } },
  sourceContent: [{ text: 'q' }],
};
const cited = { url: 'https://a.example', title: 'T', quote: 'q' };
const whole = (...content: object[]) =>
  foldAnswer(
    bedrockProvider.readAnswer({ output: { message: { content } }, stopReason: 'end_turn', usage: {} }),
  ).content;
const streamed = (...events: [name: string, payload: object][]) => {
  const reader = bedrockProvider.streamReader();
  const read: NeutralEvent[] = events.flatMap(([name, payload]) =>
    reader.push({ name, data: JSON.stringify(payload) }),
  );
  return foldAnswer([...read, ...reader.end()]).content;
};

describe('blocks of an answer of Converse', () => {
  it('are images, whole and in pieces of a stream', () => {
    expect(whole({ image: { format: 'png', source: { bytes: png } } })).toEqual([image]);
    const at = { contentBlockIndex: 0 };
    const piece = (bytes: string) => ({ ...at, delta: { image: { source: { bytes } } } });
    expect(
      streamed(
        ['contentBlockStart', { ...at, start: { image: { format: 'png' } } }],
        ['contentBlockDelta', piece('iVBO')],
        ['contentBlockDelta', piece('Rw0KGgo=')],
        ['contentBlockStop', at],
        ['messageStop', { stopReason: 'end_turn' }],
      ),
    ).toEqual([image]);
  });

  it('are cited texts with their sources', () => {
    const content = [{ text: 'So ' }, { text: 'it is.' }];
    const expected = [{ type: 'text', text: 'So it is.', citations: [cited] }];
    expect(whole({ citationsContent: { content, citations: [citation] } })).toEqual(expected);
    const delta = (said: object): [string, object] => [
      'contentBlockDelta',
      { contentBlockIndex: 0, delta: said },
    ];
    expect(streamed(delta({ text: 'So it is.' }), delta({ citation }))).toEqual(expected);
  });

  it('are no empty texts where a block says nothing to callers', () => {
    expect(whole({ text: 'a' }, { guardContent: {} })).toEqual([{ type: 'text', text: 'a' }]);
  });

  it('are refused aloud where no caller has a form for them', () => {
    expect(() => whole({ video: { format: 'mp4' } })).toThrow(
      expect.objectContaining({ reason: 'unsupported_answer' }),
    );
  });
});
