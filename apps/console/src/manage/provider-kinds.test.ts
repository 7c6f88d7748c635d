import { describe, expect, it } from '@jest/globals';
import { countKeys, nextBaseUrl, providerKindOf, providerKinds } from './provider-kinds.ts';

describe('kinds of provider', () => {
  it('begin with an address or show what one looks like', () => {
    for (const { kind, baseUrl, address } of providerKinds)
      expect([kind, URL.canParse(baseUrl || (address ?? ''))]).toEqual([kind, true]);
  });

  it('asks of a kind that is not known what all have', () => {
    expect(providerKindOf('constructor')).toMatchObject({ label: 'constructor', baseUrl: '' });
  });

  it('takes the address that goes with a choice, but not in place of a typed one', () => {
    expect(nextBaseUrl('', '', 'https://a')).toBe('https://a');
    expect(nextBaseUrl('https://a', 'https://a', 'https://b')).toBe('https://b');
    expect(nextBaseUrl('https://own', 'https://a', 'https://b')).toBe('https://own');
    const [region] = providerKindOf('aws-bedrock').options ?? [];
    expect(region?.baseUrlOf?.('eu-west-1')).toBe('https://bedrock-runtime.eu-west-1.amazonaws.com');
  });

  it('counts keys by lines, and a JSON key as one', () => {
    expect(countKeys('')).toBe(0);
    expect(countKeys('a\n\n b \n')).toBe(2);
    expect(countKeys('{\n"type": "service_account"\n}')).toBe(1);
  });
});
