import { describe, expect, it } from '@jest/globals';
import { LoomError } from '@loom/errors';
import { checkEach } from './findings.ts';

const items = Array.from({ length: 100 }, (_, index) => index);
const tell = (part: readonly number[]) => `${part.join()} cannot be read`;

function checkOf(damaged: readonly number[], error: Error = new LoomError('internal', 'damage')) {
  return (part: readonly number[]) =>
    part.some((item) => damaged.includes(item))
      ? Promise.reject(error)
      : Promise.resolve(part.filter((item) => item % 50 === 7).map((item) => `${item} is another`));
}

describe('checkEach', () => {
  it('goes past damage, tells of each that is damaged, and checks all others', async () => {
    expect(await checkEach(items, checkOf([3, 4, 90]), tell)).toEqual([
      ...['3 cannot be read', '4 cannot be read', '7 is another', '57 is another', '90 cannot be read'],
    ]);
  });

  it('tells of all that is damaged, however much that is', async () => {
    const many = Array.from({ length: 3000 }, (_, index) => index);
    const found = await checkEach(many, checkOf(many), tell);
    expect(found.join().match(/\d+/g)).toEqual(many.map(String));
    expect(found.length).toBeLessThan(1100);
  });

  it('ends when the store is away or nobody waits', async () => {
    const away = new LoomError('unavailable', 'no answer');
    await expect(checkEach(items, checkOf([3], away), tell)).rejects.toBe(away);
    const closed = new LoomError('client_closed', 'gone');
    await expect(checkEach(items, checkOf([3], closed), tell)).rejects.toBe(closed);
    const aborted = new DOMException('gone', 'AbortError');
    await expect(checkEach(items, checkOf([3], aborted), tell)).rejects.toBe(aborted);
  });
});
