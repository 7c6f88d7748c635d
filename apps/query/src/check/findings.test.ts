import { describe, expect, it } from '@jest/globals';
import { LoomError } from '@loom/errors';
import { checkEach } from './findings.ts';

const items = Array.from({ length: 100 }, (_, index) => index);
const tell = (item: number) => `${item} cannot be read`;

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

  it('ends when the store is away or nobody waits, and when everything is damaged', async () => {
    const away = new LoomError('unavailable', 'no answer');
    await expect(checkEach(items, checkOf([3], away), tell)).rejects.toBe(away);
    const aborted = new DOMException('gone', 'AbortError');
    await expect(checkEach(items, checkOf([3], aborted), tell)).rejects.toBe(aborted);
    await expect(checkEach(items, checkOf(items), tell)).rejects.toThrow('damage');
  });
});
