import type { IncomingHttpHeaders } from 'node:http';
import { type BlockList, isIP, isIPv4 } from 'node:net';
import { isPublicAddress } from './outbound-guard.ts';

const hopsMax = 32;

/**
 * The address that a request comes from. The peer is a proxy of ours when it is not public (the console calls from the
 * own network, and puts its peer at the end of `x-forwarded-for`) or when it is in `trusted`; from there on the header
 * is read backwards, past every address in `trusted`. What stands before the first address that is not trusted was
 * written by its sender, and counts for nothing.
 */
export function clientAddress(headers: IncomingHttpHeaders, peer: string, trusted: BlockList): string {
  let address = bare(peer) ?? peer;
  if (isPublicAddress(address) && !isIn(trusted, address)) return address;
  const forwarded = headers['x-forwarded-for'];
  const hops = (Array.isArray(forwarded) ? forwarded.join(',') : (forwarded ?? '')).split(',');
  for (const hop of hops.slice(-hopsMax).reverse()) {
    const before = bare(hop.trim());
    if (before === null) return address;
    address = before;
    if (!isIn(trusted, address)) return address;
  }
  return address;
}

function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

/** Without port and brackets, an IPv4 address in IPv6 clothes as itself; null for what is no address. */
function bare(text: string): string | null {
  const withoutPort = /^\[(.+)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
  const mapped = /^::ffff:([\d.]+)$/i.exec(withoutPort)?.[1] ?? withoutPort;
  return isIP(mapped) === 0 ? null : mapped;
}
