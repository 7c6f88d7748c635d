import { describe, expect, it } from '@jest/globals';
import { hashSecret, newApiKey, parseApiKey } from './api-keys.ts';

describe('newApiKey', () => {
  it('makes keys of the documented shape that parse back', () => {
    const key = newApiKey();
    expect(key.text).toMatch(/^loom_live_[0-9A-Za-z]{22}_[0-9A-Za-z]{49}$/);
    expect(parseApiKey(key.text)).toEqual({ id: key.id, secret: key.secret });
  });
});

describe('parseApiKey', () => {
  it('refuses a key with any one character changed', () => {
    const { text: token } = newApiKey();
    for (let at = 0; at < token.length; at += 1) {
      const other = token[at] === 'a' ? 'b' : 'a';
      expect(parseApiKey(token.slice(0, at) + other + token.slice(at + 1))).toBeNull();
    }
  });

  it.each(['', 'sk-123', `${newApiKey().text} `, newApiKey().text.slice(0, -1)])('refuses %j', (token) => {
    expect(parseApiKey(token)).toBeNull();
  });
});

describe('hashSecret', () => {
  it('depends on the pepper and the secret', () => {
    // RFC 4231, test case 2
    expect(hashSecret('Jefe', 'what do ya want for nothing?')).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  });
});
