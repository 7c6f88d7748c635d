import { describe, expect, it } from '@jest/globals';
import { contentKeysOf } from './keyrings.ts';

const secret = (id: string) => ({ reveal: () => `${id}:${Buffer.alloc(32, 1).toString('base64')}` });

describe('contentKeysOf', () => {
  it('takes the keys of content before the master keys', () => {
    const both = { LOOM_CONTENT_KEYS: secret('c1'), LOOM_MASTER_KEYS: secret('k1') };
    expect([...contentKeysOf(both).keys()]).toEqual(['c1']);
    expect([...contentKeysOf({ LOOM_MASTER_KEYS: secret('k1') }).keys()]).toEqual(['k1']);
  });

  it('names what is missing or damaged', () => {
    expect(() => contentKeysOf({})).toThrow('LOOM_CONTENT_KEYS is missing');
    const damaged = { LOOM_CONTENT_KEYS: { reveal: () => 'c1:abc' }, LOOM_MASTER_KEYS: secret('k1') };
    expect(() => contentKeysOf(damaged)).toThrow('LOOM_CONTENT_KEYS: key "c1" is not 32 bytes');
  });
});
