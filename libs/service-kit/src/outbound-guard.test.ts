import { describe, expect, it } from '@jest/globals';
import { isPublicAddress, OutboundGuard } from './outbound-guard.ts';

const names: Readonly<Record<string, string[]>> = {
  'api.example.com': ['93.184.216.34', '2606:2800:220:1::1'],
  'internal.example.com': ['10.0.0.7'],
  'both.example.com': ['93.184.216.34', '127.0.0.1'],
  'metadata.google.internal': ['169.254.169.254'],
  localhost: ['127.0.0.1', '::1'],
};
const lookup = (host: string) => Promise.resolve((names[host] ?? []).map((address) => ({ address })));
const guard = new OutboundGuard({ allow: ['ollama.local:11434', '10.1.2.3'], lookup });

describe('OutboundGuard', () => {
  it('lets public https hosts through', async () => {
    expect(await guard.checkBaseUrl('https://api.example.com/v1/')).toBe('https://api.example.com/v1');
    expect(await guard.checkBaseUrl('https://93.184.216.34:8443/v1')).toBe('https://93.184.216.34:8443/v1');
  });

  it('lets private hosts through that the operator allows, on their port alone', async () => {
    expect(await guard.checkBaseUrl('http://ollama.local:11434/v1')).toBe('http://ollama.local:11434/v1');
    expect(await guard.checkBaseUrl('https://10.1.2.3/v1')).toBe('https://10.1.2.3/v1');
    await expect(guard.checkBaseUrl('http://ollama.local:22/')).rejects.toThrow('use https');
  });

  it.each([
    'http://api.example.com/v1',
    'https://user:password@api.example.com/',
    'https://api.example.com/?key=1',
    'https://internal.example.com',
    'https://both.example.com',
    'https://metadata.google.internal/',
    'https://localhost',
    'https://localhost.',
    'https://LOCALHOST',
    'https://nobody.example.com',
    'https://127.0.0.1',
    'https://127.1',
    'https://2130706433',
    'https://0x7f000001',
    'https://0177.0.0.1',
    'https://0',
    'https://[::1]',
    'https://[::]',
    'https://[::ffff:127.0.0.1]',
    'https://[::ffff:7f00:1]',
    'https://[64:ff9b::7f00:1]',
    'https://[2002:7f00:1::]',
    'https://[2001:0:7f00:1::]',
    'https://[fe80::1]',
    'https://[fd00::1]',
    'https://169.254.169.254/latest',
    'https://①②⑦.⓪.⓪.①',
    'file:///etc/passwd',
    'gopher://api.example.com',
    'https://',
    'api.example.com',
    '',
  ])('refuses %s', async (url) => {
    await expect(guard.checkBaseUrl(url)).rejects.toMatchObject({
      code: 'invalid_request',
      param: 'baseUrl',
    });
  });
});

describe('isPublicAddress', () => {
  it.each(['1.1.1.1', '93.184.216.34', '2606:4700::1111', '2a00:1450:4001::1'])('takes %s', (address) => {
    expect(isPublicAddress(address)).toBe(true);
  });
  it.each([
    '100.64.0.1',
    '192.168.1.1',
    '224.0.0.1',
    '255.255.255.255',
    '::ffff:1.1.1.1',
    'fe80::1%eth0',
    '2001:db8::1',
    'x',
  ])('does not take %s', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });
});

describe('connectLookup', () => {
  const guardFor = (...addresses: string[]) =>
    new OutboundGuard({
      allow: ['inside.example:8080'],
      lookup: () => Promise.resolve(addresses.map((address) => ({ address }))),
    });
  const resolve = (guard: OutboundGuard, url: string) =>
    new Promise((done) => {
      guard.connectLookup(new URL(url))?.('host', { all: true }, (error, found) =>
        done(error?.message ?? found),
      );
    });

  it('hands out public addresses, and none when one of them is not: a name may change after it was checked', async () => {
    expect(await resolve(guardFor('93.184.216.34'), 'https://a.example')).toEqual([
      { address: '93.184.216.34', family: 4 },
    ]);
    expect(await resolve(guardFor('93.184.216.34', '127.0.0.1'), 'https://a.example')).toMatch(/not public/);
    expect(await resolve(guardFor(), 'https://a.example')).toMatch(/not public/);
  });

  it('refuses a literal address at once and leaves what the operator allows alone', () => {
    expect(() => guardFor().connectLookup(new URL('https://169.254.169.254/'))).toThrow(/not public/);
    expect(guardFor().connectLookup(new URL('http://inside.example:8080/v1'))).toBeUndefined();
  });
});
