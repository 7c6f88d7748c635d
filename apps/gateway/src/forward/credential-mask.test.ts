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
