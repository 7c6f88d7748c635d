import { describe, expect, it } from '@jest/globals';
import { searchedWords, searchForm } from './search-words.ts';

const wordsOf = (text: string) => searchForm(text).match(/[a-z0-9\u{80}-\u{10ffff}]+/gu) ?? [];

describe('the form of a text that is indexed', () => {
  it.each([
    ['curly quotes', 'he said “Hello” and ‘bye’', ['he', 'said', 'hello', 'and', 'bye']],
    ['dashes', 'cost—benefit 10–20 non‑breaking', ['cost', 'benefit', '10', '20', 'non', 'breaking']],
    ['an ellipsis', 'wait…what', ['wait', 'what']],
    ['a no-break space', 'New\u00a0York\u202fCity', ['new', 'york', 'city']],
    ['guillemets', '«bonjour»', ['bonjour']],
    ['inverted marks', '¿qué? ¡sí!', ['qué', 'sí']],
    ['Arabic punctuation', 'مرحبا، كيف؟', ['مرحبا', 'كيف']],
    ['Devanagari danda', 'नमस्ते।दुनिया', ['नमस्ते', 'दुनिया']],
    ['CJK punctuation', '你好，世界。', ['你好', '世界']],
    ['Han by pairs', '今日は天気', ['今日', '日は', 'は天', '天気']],
    ['Hangul by pairs', '안녕하세요', ['안녕', '녕하', '하세', '세요']],
    ['a script in a sentence', 'see 東京 now', ['see', '東京', 'now']],
    ['full-width letters', 'ＡＢＣ１２３', ['abc123']],
    ['a decomposed letter', 'cafe\u0301', ['café']],
    ['an emoji', 'ok👍🏽done', ['ok', '👍', '🏽', 'done']],
    ['zero-width characters', 'zero\u200bwidth', ['zero', 'width']],
    ['half a character', 'a\ud800b', ['a\ufffdb'.split('\ufffd')[0], 'b'].flat()],
  ])('has the words beside %s', (_, text, expected) => {
    expect(wordsOf(text).filter((word) => word !== '\ufffd')).toEqual(expected);
  });

  it('is the text itself in lower case where it is ASCII', () => {
    expect(searchForm('Plain "ASCII", it\'s\tfine\n')).toBe('plain "ascii", it\'s\tfine\n');
  });

  it('has every query that is part of it', () => {
    const text = 'The “quick” brown—fox… 今日は天気がいい。 مرحبا، Ünïcode 10€';
    const indexed = new Set(wordsOf(text));
    for (const query of ['quick', '"QUICK" fox', '天気', '今日は', 'مرحبا', 'ünïcode', '€', 'brown—fox'])
      expect(searchedWords(query).whole.filter((word) => !indexed.has(word))).toEqual([]);
    expect(searchedWords('気')).toEqual({ whole: [], single: ['気'] });
  });
});
