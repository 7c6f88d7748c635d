import { lookup as systemLookup } from 'node:dns/promises';
import { BlockList, isIP, isIPv4, type LookupFunction } from 'node:net';
import { LoomError } from '@loom/errors';

export interface OutboundGuardOptions {
  /** Hosts (`host` or `host:port`) that may be private and may be spoken to without TLS: the operator's word. */
  readonly allow: readonly string[];
  /** Ports that an entered URL may name; default: those of HTTP. */
  readonly ports?: readonly PortRange[];
  readonly lookup?: (host: string) => Promise<readonly { readonly address: string }[]>;
}

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** Of HTTP: no database, mail or other service of a foreign host is asked in the name of a provider. */
const usualPorts: readonly PortRange[] = [
  { from: 80, to: 80 },
  { from: 443, to: 443 },
  { from: 8000, to: 8999 },
];

const notPublicV4: readonly [string, number][] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
];
/** Of IPv6 only 2000::/3 is public, and in it these are not: documentation, and forms that carry an IPv4 address. */
const notPublicV6: readonly [string, number][] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const blocked = new BlockList();
for (const [network, prefix] of notPublicV4) blocked.addSubnet(network, prefix, 'ipv4');
for (const [network, prefix] of notPublicV6) blocked.addSubnet(network, prefix, 'ipv6');
const global6 = new BlockList();
global6.addSubnet('2000::', 3, 'ipv6');

/** True for an address of the public internet. Anything else, also what is no address, is not. */
export function isPublicAddress(address: string): boolean {
  if (isIPv4(address)) return !blocked.check(address, 'ipv4');
  if (isIP(address) !== 6 || address.includes('%')) return false;
  return global6.check(address, 'ipv6') && !blocked.check(address, 'ipv6');
}

/**
 * Checks addresses that people enter before anything is sent there: https, a usual port, no credentials in the URL, every
 * address of the host public. Whoever dials checks again by {@link OutboundGuard.connectLookup}: names change.
 */
export class OutboundGuard {
  readonly #allow: ReadonlySet<string>;
  readonly #ports: readonly PortRange[];
  readonly #lookup: NonNullable<OutboundGuardOptions['lookup']>;

  constructor({ allow, ports = usualPorts, lookup }: OutboundGuardOptions) {
    this.#ports = ports;
    this.#allow = new Set(allow.map((host) => host.trim().toLowerCase()).filter((host) => host !== ''));
    this.#lookup = lookup ?? ((host) => systemLookup(host, { all: true }));
  }

  /** The base URL as it is stored, without a trailing slash. Throws `invalid_request` that says what is wrong. */
  async checkBaseUrl(text: string): Promise<string> {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (!url) throw refusal(`"${text.slice(0, 80)}" is no URL`);
    if (url.username !== '' || url.password !== '')
      throw refusal('a base URL has no user and no password in it');
    if (url.search !== '' || url.hash !== '') throw refusal('a base URL has no query and no fragment');
    const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
    if (!this.#isAllowed(url, host)) {
      if (url.protocol !== 'https:') throw refusal(`${url.protocol}// is not allowed; use https`);
      this.#checkPort(Number(url.port || 443));
      await this.#checkHost(host);
    } else if (!['http:', 'https:'].includes(url.protocol))
      throw refusal(`${url.protocol}// is not allowed; use https`);
    return url.href.replace(/\/+$/, '');
  }

  /**
   * The `lookup` for a connection to an entered URL: hands out public addresses only, whatever the name says by then.
   * Undefined for hosts that the operator allows. Throws at once for an address that is not public.
   */
  connectLookup(url: URL): LookupFunction | undefined {
    const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
    if (this.#isAllowed(url, host)) return undefined;
    if (isIP(host) !== 0 && !isPublicAddress(host)) throw notPublic(host);
    return (name, options, callback) => {
      this.#lookup(name).then(
        (found) => {
          const addresses = found.map(({ address }) => ({ address, family: isIP(address) }));
          const [first] = addresses;
          if (!first || !addresses.every(({ address }) => isPublicAddress(address))) {
            callback(notPublic(name), []);
          } else if (options.all) callback(null, addresses);
          else callback(null, first.address, first.family);
        },
        (error: unknown) => callback(error as Error, []),
      );
    };
  }

  #isAllowed(url: URL, host: string): boolean {
    return this.#allow.has(host) || this.#allow.has(url.host);
  }

  #checkPort(port: number): void {
    if (this.#ports.some(({ from, to }) => port >= from && port <= to)) return;
    throw refusal(`port ${port} is not allowed; the operator can allow it by LOOM_OUTBOUND_PORTS`);
  }

  async #checkHost(host: string): Promise<void> {
    const addresses = isIP(host) ? [{ address: host }] : await this.#lookup(host).catch(() => []);
    if (addresses.length === 0) throw refusal(`the host ${host} has no address`);
    if (addresses.every(({ address }) => isPublicAddress(address))) return;
    throw notPublic(host);
  }
}

function notPublic(host: string): LoomError {
  return refusal(`the host ${host} is not public; the operator can allow it by LOOM_OUTBOUND_ALLOW=${host}`);
}

function refusal(problem: string): LoomError {
  return new LoomError('invalid_request', `base url: ${problem}`, { param: 'baseUrl' });
}
