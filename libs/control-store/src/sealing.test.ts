import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { seal, unseal } from './sealing.ts';

const keys = new Map([['k1', randomBytes(32)]]);
const context = { organizationId: 'org', recordId: 'provider-1', field: 'credential' };

describe('seal', () => {
  it('opens again under the same context', () => {
    const sealed = seal(keys, 'sk-ünïcode', context);
    expect(sealed).toMatch(/^lk1\.k1\.[\w-]{16}\.[\w-]+$/);
    expect(sealed).not.toContain('sk-');
    expect(unseal(keys, sealed, context)).toBe('sk-ünïcode');
  });

  it('never gives the same text twice', () => {
    expect(seal(keys, 'x', context)).not.toBe(seal(keys, 'x', context));
  });

  it.each([
    ['another organization', { ...context, organizationId: 'other' }],
    ['another record', { ...context, recordId: 'provider-2' }],
    ['another field', { ...context, field: 'next' }],
    ['shifted parts', { organizationId: 'or', recordId: 'gprovider-1', field: 'credential' }],
  ])('does not open for %s', (_, other) => {
    expect(() => unseal(keys, seal(keys, 'x', context), other)).toThrow(/does not open/);
  });

  it('does not open when any byte was changed', () => {
    const sealed = seal(keys, 'secret', context);
    const [head, body = ''] = [sealed.slice(0, sealed.lastIndexOf('.') + 1), sealed.split('.')[3]];
    const bytes = Buffer.from(body, 'base64url');
    for (let at = 0; at < bytes.length; at += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => unseal(keys, head + changed.toString('base64url'), context)).toThrow(/does not open/);
    }
  });

  it('names the key that is missing, and refuses what is no sealed text', () => {
    const sealed = seal(new Map([['old', randomBytes(32)]]), 'x', context);
    expect(() => unseal(keys, sealed, context)).toThrow(/sealed with master key "old"; known: k1/);
    for (const text of [
      '',
      'sk-plain',
      'lk1.k1',
      'lk1.k1.AAAA.AAAA',
      'lk2.k1.AAAAAAAAAAAAAAAA.AAAAAAAAAAAAAAAAAAAAAAAA',
    ]) {
      expect(() => unseal(keys, text, context)).toThrow(/not a sealed text/);
    }
  });
});
