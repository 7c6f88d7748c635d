import { describe, expect, it } from '@jest/globals';
import { assertStorable } from './storable-text.ts';

describe('assertStorable', () => {
  it.each([
    ['a text', 'a\0b', ''],
    ['a member', { name: 'a\ud800b' }, 'name'],
    ['an item of a list', { tags: ['a', { b: '\udc00' }] }, 'tags.1.b'],
    ['the name of a member', { labels: { 'a\0': 1 } }, 'labels'],
  ])('refuses %s by its name', (_, value, param) => {
    expect(() => assertStorable(value)).toThrow(expect.objectContaining({ code: 'invalid_request', param }));
  });

  it.each([['', null, 1, true, { a: ['\u{1f600}', '\u0001', '\n'] }]])(
    'takes what stores keep (%j)',
    (value) => {
      expect(() => assertStorable(value)).not.toThrow();
    },
  );
});
