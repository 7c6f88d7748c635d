import { describe, expect, it } from '@jest/globals';
import { visibleText } from './foreign-text.ts';

describe('visibleText', () => {
  it.each([
    ['a\u202eb', 'a⟦U+202E⟧b'],
    ['a\u2066b\u2069', 'a⟦U+2066⟧b⟦U+2069⟧'],
    ['zero\u200bwidth\ufeff', 'zero⟦U+200B⟧width⟦U+FEFF⟧'],
    ['tag\u{e0041}', 'tag⟦U+E0041⟧'],
    ['bell\u0007', 'bell␇'],
    ['esc\u001b[31m', 'esc␛[31m'],
    ['nul\u0000', 'nul␀'],
    ['del\u007f', 'del␡'],
    ['c1\u0085', 'c1⟦U+0085⟧'],
    ['a\r\nb\rc', 'a\nb\nc'],
    ['tab\tand\nline', 'tab\tand\nline'],
    ['日本 👩‍👩‍👧 é <b>', '日本 👩‍👩‍👧 é <b>'],
  ])('shows %j as %j', (text, shown) => {
    expect(visibleText(text)).toBe(shown);
  });
});
