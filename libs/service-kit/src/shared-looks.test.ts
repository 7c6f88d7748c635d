import { describe, expect, it } from '@jest/globals';
import { SharedLooks } from './shared-looks.ts';

describe('SharedLooks', () => {
  it('answers all who ask for the same with one look, also when it fails', async () => {
    const looks = new SharedLooks<number>();
    let count = 0;
    const look = () => Promise.resolve((count += 1));
    expect(await Promise.all([looks.at('a', look), looks.at('b', look), looks.at('a', look)])).toEqual([
      1, 2, 1,
    ]);
    const failed = () => Promise.reject(new Error('no store'));
    const both = await Promise.allSettled([looks.at('c', failed), looks.at('c', look)]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
