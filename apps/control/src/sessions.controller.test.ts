import { describe, expect, it } from '@jest/globals';
import { addressOf } from './sessions.controller.ts';

describe('addressOf', () => {
  const headers = { 'x-forwarded-for': '198.51.100.7, 203.0.113.9' };

  it('believes the console, and not whoever comes from outside', () => {
    expect(addressOf(headers, '127.0.0.1')).toBe('203.0.113.9');
    expect(addressOf(headers, '10.1.2.3')).toBe('203.0.113.9');
    expect(addressOf(headers, '93.184.215.14')).toBe('93.184.215.14');
    expect(addressOf({}, '10.1.2.3')).toBe('10.1.2.3');
  });
});
