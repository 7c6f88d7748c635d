import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventSkeleton } from './event-skeleton.ts';

function skeletonOf(text: string, step = 7): string {
  const skeleton = new EventSkeleton();
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += step) skeleton.push(bytes.subarray(at, at + step));
  return skeleton.toString();
}

describe('EventSkeleton', () => {
  it('leaves what is short as it is, wherever the bytes are split', () => {
    const value = { a: ['"{[\\', 'é🙂', -1.5e3, true, null, {}], b: { c: [[]] } };
    for (let step = 1; step < 30; step += 1)
      expect(JSON.parse(skeletonOf(`event: x\r\ndata: ${JSON.stringify(value, null, 1).replaceAll('\n', '\ndata: ')}\n\n`, step))).toEqual(value); // prettier-ignore
  });

  it('keeps what stands near the root of a text of any size, and cuts long texts between characters', () => {
    const long = '\\ "\n'.repeat(100_000);
    const usage = { input_tokens: 1, output_tokens: 2 };
    const items = Array.from({ length: 20_000 }, () => ({ type: 'message', content: [{ text: 'word' }] }));
    const response = { instructions: long, output: items, usage, error: { code: 'x', message: long } };
    const read = JSON.parse(skeletonOf(`data: ${JSON.stringify({ type: 'end', response })}\n\n`, 1186)) as {
      type: string;
      response: typeof response;
    };
    expect(read).toMatchObject({ type: 'end', response: { output: [], usage, error: { code: 'x' } } });
    expect(long.startsWith(read.response.error.message)).toBe(true);
  });

  it('stays small and readable, whatever comes', () => {
    for (const text of [
      '['.repeat(3_000_000),
      '{"a":'.repeat(600_000),
      `{"a":[${'{"b":1},'.repeat(400_000)}1]}`,
    ])
      expect(skeletonOf(`data: {"x":${text}`, 4096).length).toBeLessThan(1024 * 1024);
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 1, max: 9 }), (value, step) => {
        expect(JSON.parse(skeletonOf(`data: ${JSON.stringify({ value })}`, step))).toEqual(
          JSON.parse(JSON.stringify({ value })),
        );
      }),
    );
  });
});
