import { describe, expect, it } from '@jest/globals';
import { CredentialMask } from './credential-mask.ts';

const credential = 'sk-canary/12345678';
const stars = '*'.repeat(credential.length);

/** What comes of a body that arrives in pieces of a size. */
function masked(text: string, size = text.length, of = credential): string {
  const mask = CredentialMask.of(of);
  if (!mask) return text;
  const bytes = Buffer.from(text);
  const out: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) out.push(mask.push(bytes.subarray(at, at + size)));
  return Buffer.concat([...out, mask.flush()]).toString();
}

describe('CredentialMask', () => {
  it.each([
    [`{"text":"it is ${credential}."}`, `{"text":"it is ${stars}."}`],
    [`{"text":"${credential}"}`, `{"text":"${stars}"}`],
    [`{"text":"${credential}" , "next":1}`, `{"text":"${stars}" , "next":1}`],
    [`{"text":"${credential.replace('/', '\\/')}"}`, `{"text":"${stars}*"}`],
    [`${credential}${credential}`, stars + stars],
    [`data: ${credential}\n\n`, `data: ${stars}\n\n`],
    [`?key=${encodeURIComponent(credential)}&x`, `?key=${stars}**&x`],
    [`{"a":"{\\"b\\":\\"${credential}\\"}"}`, `{"a":"{\\"b\\":\\"${stars}\\"}"}`],
    [`["${credential}"`, `["${stars}"`],
    [`"${credential}"`, `"${stars}"`],
    [
      `sk-canary sk-canary/1234567 ${credential.slice(0, -1)}`,
      `sk-canary sk-canary/1234567 ${credential.slice(0, -1)}`,
    ],
    ['', ''],
  ])('masks %s, however it is cut', (text, expected) => {
    for (let size = 1; size <= text.length; size += 1)
      expect([size, masked(text, size)]).toEqual([size, expected]);
    expect(masked(text)).toBe(expected);
  });

  const escaped = (text: string, which: (index: number) => boolean, upper = false) =>
    Array.from(text, (character, index) => {
      const hex = character.charCodeAt(0).toString(16).padStart(4, '0');
      return which(index) ? `\\u${upper ? hex.toUpperCase() : hex}` : character;
    }).join('');

  it.each([
    ['its first character', escaped(credential, (index) => index === 0)],
    ['its last character', escaped(credential, (index) => index === credential.length - 1)],
    ['every character', escaped(credential, () => true)],
    ['every character in capitals', escaped(credential, () => true, true)],
    ['every other character', escaped(credential, (index) => index % 2 === 1)],
    ['a slash and a number', escaped(credential, (index) => index === 4).replace('/', '\\/')],
    ['JSON in JSON', escaped(credential, (index) => index < 3).replaceAll('\\', '\\\\')],
  ])('finds what JSON escapes by number: %s', (_, spelled) => {
    const text = `{"é":"caf\\u00e9 \\u0073k","a":"${spelled}","b":1}`;
    const whole = text.replace(spelled, '*'.repeat(spelled.length));
    for (const size of [1, 2, 3, 5, 7, 11, 64, text.length]) {
      const found = masked(text, size);
      expect(found).toBe(whole);
      expect(() => void JSON.parse(found)).not.toThrow();
    }
  });

  it('leaves names of members as they are, however they are cut', () => {
    const text =
      '{"completion_tokens_details":[], "other" : "completion_tokens_details", "completion_tokens_details" \n : {"completion_tokens_details":"completion_tokens_details"}}';
    const expected = text.replaceAll('"completion_tokens_details"', (found, at: number) =>
      /^"completion_tokens_details"\s*:/.test(text.slice(at)) ? found : `"${'*'.repeat(25)}"`,
    );
    for (let size = 1; size <= text.length; size += 1)
      expect([size, masked(text, size, 'completion_tokens_details')]).toEqual([size, expected]);
  });

  it('holds back nothing that cannot be the beginning of the credential', () => {
    const mask = CredentialMask.of(credential);
    for (const text of ['data: {"text":"sky"}\n\n', 'x', '"', 'sk-canary/999'])
      expect(mask?.push(Buffer.from(text)).toString()).toBe(text);
  });

  it('alters no bytes that it was given', () => {
    const bytes = Buffer.from(`the key ${credential}`);
    CredentialMask.of(credential)?.push(bytes);
    expect(bytes.toString()).toBe(`the key ${credential}`);
  });

  it('takes words for no credential, and the secret parts of a signing one for several', () => {
    for (const word of [null, '', 'EMPTY', 'ollama', 'no-key-is-needed'.slice(1)])
      expect(CredentialMask.of(word)).toBeNull();
    const signing = 'AKIAEXAMPLE:wJalrXUtnFEMIK7MDENG:session-token-of-role';
    expect(masked('AKIAEXAMPLE wJalrXUtnFEMIK7MDENG session-token-of-role', 5, signing)).toBe(
      `AKIAEXAMPLE ${'*'.repeat(20)} ${'*'.repeat(21)}`,
    );
  });

  it('masks headers', () => {
    const headers = { 'x-request-id': `id-${credential}`, 'openai-model': 'm', 'set-cookie': [credential] };
    expect(CredentialMask.of(credential)?.headers(headers)).toEqual({
      ...{ 'x-request-id': `id-${stars}`, 'openai-model': 'm', 'set-cookie': [stars] },
    });
  });
});
