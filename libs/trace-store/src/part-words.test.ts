import { describe, expect, it } from '@jest/globals';
import { answerWords, cutMark, requestWords } from './part-words.ts';

const inline = (text: string) => ({
  codec: 'identity' as const,
  keyId: null,
  data: Buffer.from(text).toString('base64'),
});
const ask = (content: string) => inline(JSON.stringify({ messages: [{ role: 'user', content }] }));

describe('the words of a part', () => {
  it('are all of it up to two million characters, and a mark for more', () => {
    const words = `${'word '.repeat(399_999)}last`;
    expect(requestWords(ask(words)).text).toBe(words);
    const cut = requestWords(ask(`${words} beyond`)).text;
    expect(cut.endsWith(` ${cutMark}`)).toBe(true);
    expect(cut).not.toContain('beyond');
  });

  it('are a mark alone for what travelled in parts, and nothing for what is encrypted', () => {
    expect(requestWords({ codec: 'zstd', keyId: null, data: null }).text).toBe(cutMark);
    expect(requestWords({ codec: 'zstd', keyId: 'k', data: null }).text).toBe('');
    expect(answerWords(null, { wire: '', dialect: 'openai-chat', stream: false }, () => 'never').text).toBe(
      '',
    );
  });

  it('have the form that earlier versions stored beside them', () => {
    expect(requestWords(ask('“Quoted” TEXT')).formerText).toBe('“quoted” text');
    expect(requestWords(ask('x'.repeat(300_000))).formerText).toHaveLength(200_000);
  });
});
