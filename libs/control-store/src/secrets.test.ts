import { describe, expect, it } from '@jest/globals';
import { hashSecret, newApiKey, parseApiKey } from './api-keys.ts';
import { seal, unseal } from './sealing.ts';

describe('newApiKey', () => {
  it('makes keys that parse to their parts and never twice the same', () => {
    const keys = Array.from({ length: 200 }, newApiKey);
    for (const key of keys) expect(parseApiKey(key.text)).toEqual({ id: key.id, secret: key.secret });
    expect(new Set(keys.map((key) => key.text)).size).toBe(200);
  });

  it.each([
    '',
    'loom_live_',
    'sk-abc',
    `loom_live_${'a'.repeat(71)}`,
    `${newApiKey().text}x`,
    ` ${newApiKey().text}`,
  ])('does not parse %j', (text) => expect(parseApiKey(text)).toBeNull());

  it('notices one wrong character by the checksum alone', () => {
    const { text } = newApiKey();
    for (let at = 10; at < text.length; at += 1) {
      expect(parseApiKey(text.slice(0, at) + (text[at] === 'x' ? 'y' : 'x') + text.slice(at + 1))).toBeNull();
    }
  });

  it('hashes by pepper and secret', () => {
    expect(hashSecret('p', 's')).toMatch(/^[0-9a-f]{64}$/);
    expect(hashSecret('p', 's')).not.toBe(hashSecret('q', 's'));
  });
});

describe('seal', () => {
  const keys = new Map([
    ['k2', Buffer.alloc(32, 2)],
    ['k1', Buffer.alloc(32, 1)],
  ]);
  const context = { organizationId: 'o', recordId: 'r', field: 'credential' };

  it('opens only with its key, in its place and unchanged', () => {
    const sealed = seal(keys, 'sk-secret', context);
    expect(sealed).toMatch(/^lk1\.k2\./);
    expect(unseal(keys, sealed, context)).toBe('sk-secret');
    expect(() => unseal(new Map([['k1', Buffer.alloc(32, 1)]]), sealed, context)).toThrow(/master key "k2"/);
    for (const field of ['organizationId', 'recordId', 'field'] as const) {
      expect(() => unseal(keys, sealed, { ...context, [field]: 'other' })).toThrow(/does not open/);
    }
    const last = sealed.at(-1) === 'A' ? 'B' : 'A';
    expect(() => unseal(keys, sealed.slice(0, -2) + last + sealed.at(-1), context)).toThrow(/does not open/);
  });

  it('still opens what an older key has sealed', () => {
    const old = seal(new Map([['k1', Buffer.alloc(32, 1)]]), 'text', context);
    expect(unseal(keys, old, context)).toBe('text');
  });
});
