import { describe, expect, it } from '@jest/globals';
import { isPublicAddress, OutboundGuard } from './outbound-guard.ts';

/*
 * Every way that is known to write an address that is not public, against the guard alone: nothing is dialled, names are
 * looked up in the table below.
 */
const soak = process.env.LOOM_TEST_SOAK === '1';
const inside: readonly (readonly [name: string, v4: readonly [number, number, number, number]])[] = [
  ...([['loopback', [127, 0, 0, 1]], ['another loopback', [127, 8, 9, 10]], ['this host', [0, 0, 0, 0]]] as const),
  ...([['metadata', [169, 254, 169, 254]], ['ECS metadata', [169, 254, 170, 2]], ['Alibaba metadata', [100, 100, 100, 200]]] as const),
  ...([['Oracle metadata', [192, 0, 0, 192]], ['private A', [10, 0, 0, 1]], ['private B', [172, 16, 0, 1]]] as const),
  ...([['end of private B', [172, 31, 255, 255]], ['private C', [192, 168, 1, 1]], ['shared', [100, 64, 0, 1]]] as const),
  ...([['benchmark', [198, 18, 0, 1]], ['documentation', [203, 0, 113, 9]], ['multicast', [224, 0, 0, 1]], ['broadcast', [255, 255, 255, 255]]] as const),
]; // prettier-ignore

/** How one IPv4 address can be written in a URL: what the parser understands as it, and what it refuses. */
function spellingsOf([a, b, c, d]: readonly [number, number, number, number]): string[] {
  const whole = ((a * 256 + b) * 256 + c) * 256 + d;
  const dotted = `${a}.${b}.${c}.${d}`;
  const hex = (value: number) => `0x${value.toString(16)}`;
  const octal = (value: number) => `0${value.toString(8)}`;
  const wide = (text: string) =>
    text.replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)));
  const ringed = (text: string) =>
    text.replaceAll(/[1-9]/g, (digit) => String.fromCodePoint(0x245f + Number(digit)));
  const groups = `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  return [
    ...[
      dotted,
      `${dotted}.`,
      String(whole),
      hex(whole),
      octal(whole),
      `${hex(a)}.${hex(b)}.${hex(c)}.${hex(d)}`,
    ],
    ...[
      `${octal(a)}.${octal(b)}.${octal(c)}.${octal(d)}`,
      `${a}.${b}.${c * 256 + d}`,
      `${a}.${(b * 256 + c) * 256 + d}`,
    ],
    ...[
      `${hex(a)}.${b}.${octal(c)}.${d}`,
      `0${octal(a)}.${b}.${c}.${d}`,
      wide(dotted),
      ringed(dotted),
      dotted.replaceAll('.', '。'),
    ],
    ...[
      dotted.replaceAll('.', '．'),
      dotted.replaceAll('.', '%2e'),
      encodeURIComponent(wide(dotted)),
      `${a}.${b}.${c}.${d + 256}`,
    ],
    ...[
      `[::ffff:${dotted}]`,
      `[::ffff:${groups}]`,
      `[::${dotted}]`,
      `[64:ff9b::${dotted}]`,
      `[64:ff9b:1::${groups}]`,
    ],
    ...[
      `[2002:${groups}::1]`,
      `[2001:0:${groups}::1]`,
      `[fe80::5efe:${dotted}]`,
      `[::ffff:0:${dotted}]`,
      `[0:0:0:0:0:ffff:${groups}]`,
    ],
    ...[
      `user@${dotted}`,
      `example.com@${dotted}`,
      `${dotted}#@example.com`,
      `${dotted}?@example.com`,
      `${dotted}\\@example.com`,
    ],
    ...[
      `example.com:443@${dotted}`,
      `${dotted}:443`,
      `${dotted}:22`,
      `\t${dotted}`,
      `${dotted}%00.example.com`,
    ],
  ];
}

const names: Readonly<Record<string, string[]>> = {
  'rebinds.example.com': ['93.184.216.34', '10.0.0.1'],
  'aliased.example.com': ['169.254.169.254'],
  'mapped.example.com': ['::ffff:127.0.0.1'],
  'zoned.example.com': ['fe80::1%eth0'],
  'translated.example.com': ['64:ff9b::7f00:1'],
  'unknown.example.com': [],
  ...Object.fromEntries(['localhost', 'metadata.google.internal', 'metadata', 'instance-data', 'kubernetes.default.svc', 'host.docker.internal', '127.0.0.1.nip.io', 'localtest.me', 'ip6-localhost'].map((name) => [name, ['127.0.0.1']])), // prettier-ignore
};
const written = [
  ...inside.flatMap(([, address]) => spellingsOf(address)).map((host) => `https://${host}/v1`),
  ...Object.keys(names).flatMap((name) => [`https://${name}/v1`, `https://${name.toUpperCase()}./v1`]),
  ...['[::1]', '[::]', '[fe80::1]', '[fc00::1]', '[fd00:ec2::254]', '[ff02::1]', '[fec0::1]', '[100::1]', '[2001:db8::1]', '[3fff::1]', '[::1%25lo]'].map((host) => `https://${host}/v1`), // prettier-ignore
  ...['http', 'ftp', 'file', 'gopher', 'dict', 'ldap', 'jar', 'ws', 'data', 'javascript', 'unix'].map((scheme) => `${scheme}://api.example.com/v1`), // prettier-ignore
  ...[1, 21, 22, 25, 53, 110, 143, 389, 445, 2375, 3306, 5432, 6379, 7999, 9000, 9092, 11211, 27017, 65535].map((port) => `https://api.example.com:${port}/v1`), // prettier-ignore
  ...['', ' ', 'https://', 'https:///v1', '//api.example.com', 'api.example.com', 'https:api', 'https://api.example.com:99999', 'https://a b', 'https://[::1', 'https://%'], // prettier-ignore
];
const lookup = (host: string) => {
  const known =
    names[host] ?? (host === 'api.example.com' || host === 'example.com' ? ['93.184.216.34'] : []);
  return Promise.resolve(known.map((address) => ({ address })));
};
const guard = new OutboundGuard({ allow: [], lookup });

describe('addresses that are not public', () => {
  it('are more than 364 forms, and none of them is let through', async () => {
    const forms = [...new Set(written)];
    expect(forms.length).toBeGreaterThan(364);
    const letThrough: string[] = [];
    for (const form of forms) {
      const refusal: unknown = await guard.checkBaseUrl(form).then(
        (url) => letThrough.push(`${form} as ${url}`),
        (error: unknown) => error,
      );
      if (typeof refusal !== 'number')
        expect(refusal).toMatchObject({ code: 'invalid_request', param: 'baseUrl' });
    }
    expect(letThrough).toEqual([]);
  });

  it('are refused again when they are dialled, whatever the name has become', async () => {
    for (const [name, addresses] of Object.entries(names)) {
      const look = guard.connectLookup(new URL(`https://${name}/v1`));
      const found = await new Promise((resolve) =>
        look?.(name, { all: true }, (error, all) => resolve(error ?? all)),
      );
      expect([name, addresses, found]).toEqual([
        name,
        addresses,
        expect.objectContaining({ code: 'invalid_request' }),
      ]);
    }
  });

  it('are none of the public ones, and all of the others (at random)', () => {
    const blocks: readonly (readonly [number, number])[] = [[0, 8], [10, 8], [127, 8], [224, 3]]; // prettier-ignore
    for (let count = 0; count < (soak ? 200_000 : 5_000); count += 1) {
      const [first, bits] = blocks[count % blocks.length] ?? [0, 8];
      const low = Math.floor(Math.random() * 2 ** (32 - bits));
      const whole = first * 2 ** 24 + low;
      const address = [24, 16, 8, 0].map((shift) => Math.floor(whole / 2 ** shift) % 256).join('.');
      expect([address, isPublicAddress(address)]).toEqual([address, false]);
    }
  });
});

it('lets public hosts through on the ports of HTTP, and on those that the operator adds', async () => {
  for (const url of [
    'https://api.example.com/v1',
    'https://api.example.com:8443/v1',
    'https://api.example.com:80',
  ])
    expect(await guard.checkBaseUrl(url)).toBe(url);
  await expect(guard.checkBaseUrl('https://api.example.com:9443')).rejects.toThrow(
    'port 9443 is not allowed; the operator can allow it by LOOM_OUTBOUND_PORTS',
  );
  const wider = new OutboundGuard({ allow: [], lookup, ports: [{ from: 9443, to: 9443 }] });
  expect(await wider.checkBaseUrl('https://api.example.com:9443')).toBe('https://api.example.com:9443');
  await expect(wider.checkBaseUrl('https://api.example.com')).rejects.toThrow('port 443 is not allowed');
});
