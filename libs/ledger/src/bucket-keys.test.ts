import { describe, expect, it } from '@jest/globals';
import { bucketOf, commitmentSalt, newBucketKey, openPayload, sealPayload } from './bucket-keys.ts';

const place = { projectId: 'p1', callId: 'c1', part: 'request' };

describe('bucket keys', () => {
  it('names the bucket of an end user, else of the day', () => {
    expect(bucketOf({ userId: 'ada', timeMs: 0 })).toBe('user/ada');
    expect(bucketOf({ userId: null, timeMs: Date.UTC(2026, 10, 26, 23, 59) })).toBe('day/2026-11-26');
    expect(bucketOf({ userId: '', timeMs: 0 })).toBe('day/1970-01-01');
  });

  it('derives one salt for each event and part, the same one each time', () => {
    const key = newBucketKey();
    const salts = [
      commitmentSalt(key, 'a', 'request'),
      commitmentSalt(key, 'a', 'response'),
      commitmentSalt(key, 'b', 'request'),
      commitmentSalt(newBucketKey(), 'a', 'request'),
    ].map((salt) => Buffer.from(salt).toString('hex'));
    expect(new Set(salts).size).toBe(4);
    expect(Buffer.from(commitmentSalt(key, 'a', 'request')).toString('hex')).toBe(salts[0]);
  });

  it('opens a payload where it belongs, and nowhere else', () => {
    const key = newBucketKey();
    const sealed = sealPayload(key, Buffer.from('a prompt'), place);
    expect(sealed.includes('a prompt')).toBe(false);
    expect(openPayload(key, sealed, place).toString()).toBe('a prompt');
    for (const other of [{ callId: 'c2' }, { part: 'response' }, { projectId: 'p2' }])
      expect(() => openPayload(key, sealed, { ...place, ...other })).toThrow('does not open');
    expect(() => openPayload(newBucketKey(), sealed, place)).toThrow('does not open');
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => openPayload(key, changed, place)).toThrow('does not open');
    }
    expect(() => openPayload(key, Buffer.alloc(20), place)).toThrow('does not open');
  });
});
