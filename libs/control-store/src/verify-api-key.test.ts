import { describe, expect, it } from '@jest/globals';
import type { ApiKeyRecord } from '@loom/trace-schema';
import { hashSecret, newApiKey } from './api-keys.ts';
import { parseMasterKeys, parsePeppers } from './keyrings.ts';
import { verifyApiKey } from './verify-api-key.ts';

const key = newApiKey();
const record: ApiKeyRecord = {
  id: key.id,
  organizationId: 'o',
  projectId: 'p',
  name: 'n',
  scopes: ['call'],
  secretHash: hashSecret('pepper', key.secret),
  pepperVersion: 1,
  expiresAtMs: null,
  revokedAtMs: null,
  createdAtMs: 0,
};
const verify = (token: string, change: Partial<ApiKeyRecord> = {}, peppers = new Map([[1, 'pepper']])) =>
  verifyApiKey(token, {
    findKey: (id) => (id === key.id ? { ...record, ...change } : null),
    peppers,
    nowMs: 1000,
  }).fault;

describe('verifyApiKey', () => {
  it('accepts the key that was handed out, and says why another is not', () => {
    expect(verify(key.text)).toBeNull();
    expect(verify(newApiKey().text)).toBe('unknown');
    expect(verify('')).toBe('unknown');
    expect(verify(key.text, { secretHash: hashSecret('pepper', 'other') })).toBe('unknown');
    expect(verify(key.text, { revokedAtMs: 1 })).toBe('revoked');
    expect(verify(key.text, { expiresAtMs: 1000 })).toBe('expired');
    expect(verify(key.text, { expiresAtMs: 1001 })).toBeNull();
  });

  it('accepts nothing when the pepper of a key is missing', () => {
    expect(verify(key.text, { secretHash: hashSecret('', key.secret) }, new Map())).toBe('unknown');
  });
});

describe('parseMasterKeys', () => {
  it('reads a keyring and names what is wrong with it', () => {
    expect([...parseMasterKeys(`a:${Buffer.alloc(32).toString('base64')}`).keys()]).toEqual(['a']);
    expect(() => parseMasterKeys('a:short')).toThrow(/key "a" is not 32 bytes/);
    expect(() => parsePeppers('x')).toThrow(/LOOM_KEY_PEPPERS/);
    expect(parsePeppers('1:a,2:b').get(2)).toBe('b');
  });
});
