import { describe, expect, it } from '@jest/globals';
import { freeTextTool, ToolNaming } from './tool-naming.ts';
import { ToolRestorer } from './tool-restorer.ts';

/** What a free text tool is given where its provider writes these arguments in pieces of some length. */
function given(json: string, length: number): string {
  const restorer = new ToolRestorer('answer', () => new ToolNaming([freeTextTool('patch', null, null)]));
  const pieces = json.match(new RegExp(`[^]{1,${length}}`, 'g')) ?? [];
  const events = [
    ...restorer.push({ type: 'block-start', index: 0, block: { type: 'tool-call', id: 'c', name: 'patch' } }),
    ...pieces.flatMap((text) => restorer.push({ type: 'block-delta', index: 0, text })),
    ...restorer.push({ type: 'block-end', index: 0 }),
  ];
  return events.map((event) => (event.type === 'block-delta' ? event.text : '')).join('');
}

const escapedAscii = (json: string) =>
  json.replaceAll(/[^ -~]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

describe('the text of a free text tool', () => {
  const texts = [
    '',
    'plain',
    'a"b\\c\n\t\r',
    '😀👩‍👩‍👧 é 漢',
    '\u2028\0\u001f',
    '{"input":"nested"}',
    'ends with \\',
  ];

  it.each(texts)('is what the model wrote, however it is split: %j', (text) => {
    const json = JSON.stringify({ input: text });
    for (const length of [1, 2, 3, 5, 7, 999]) {
      expect(given(json, length)).toBe(text);
      expect(given(escapedAscii(json), length)).toBe(text);
    }
  });

  it.each<[json: string, text: string]>([
    [String.raw`{"input":"\d+\q"}`, String.raw`\d+\q`],
    [String.raw`{"input":"\u12 \u00zz"}`, String.raw`\u12 \u00zz`],
    ['{"input":"a\nb\u0001c"}', 'a\nb\u0001c'],
    ['{ "input" : "x" } and more', 'x'],
    ['{"reason":"r","input":"x"}', 'x'],
    ['{"input":"breaks off', 'breaks off'],
    [String.raw`{"input":"breaks off\u00`, 'breaks off'],
    ['no JSON', 'no JSON'],
    ['{"input":["x"]}', '{"input":["x"]}'],
    ['{"patch":"x"}', '{"patch":"x"}'],
  ])('loses nothing where the model wrote no proper JSON: %j', (json, text) => {
    for (const length of [1, 2, 3, 5, 7, 999]) expect(given(json, length)).toBe(text);
  });
});
