import { describe, expect, it } from '@jest/globals';
import { refuseWeakPassword } from './weak-passwords.ts';

const words = ['ann.smith@example.com', 'Ann Smith'];
const judged = (password: string) => () => refuseWeakPassword(password, { param: 'password', words });

describe('refuseWeakPassword', () => {
  it.each([
    ...['password1234', 'Password123!', 'P@ssw0rd1234!', 'passwordpassword', 'qwertyuiop12', '1q2w3e4r5t6y'],
    ...['123456789012', 'abcdefghijkl', 'aaaaaaaaaaaa', 'abcabcabcabc', 'x'.repeat(128), 'letmeinletmein'],
    ...['iloveyou1234', 'changeme1234', 'superman1234', 'ann.smith@example.com', 'loomloomloom'],
    ...['annsmithexamplecom1', 'AnnSmith2026'],
  ])('refuses %s', (password) => {
    expect(judged(password)).toThrow('common or easy to guess');
  });

  it.each([
    ...[
      'correct horse battery',
      'quite another horse',
      'kUt8#qLp2vXz',
      'Tr0ub4dour&3xyz',
      'větrný mlýn a koza',
    ],
    ...['žluťoučký kůň 7', '雨が降っても歩きます', `${'ab'.repeat(20)} kUt8#qLp2vXz and more of it`],
  ])('takes %s', (password) => {
    expect(judged(password)).not.toThrow();
  });

  it('says nothing of the password', () => {
    expect(judged('password1234')).toThrow(/^(?!.*password1234)/);
  });
});
