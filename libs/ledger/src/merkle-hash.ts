import { concat } from './bytes.ts';
import type { LedgerCrypto } from './ledger-crypto.ts';

/*
 * RFC 6962, section 2.1: MTH({}) = SHA-256(), MTH({d}) = SHA-256(0x00 || d),
 * MTH(D[n]) = SHA-256(0x01 || MTH(D[0:k]) || MTH(D[k:n])), k the largest power of two smaller than n.
 */

type Sha256 = Pick<LedgerCrypto, 'sha256'>;

export const hashBytes = 32;
const leafPrefix = Uint8Array.of(0);
const nodePrefix = Uint8Array.of(1);

export function leafHash({ sha256 }: Sha256, entry: Uint8Array): Uint8Array {
  return sha256(concat(leafPrefix, entry));
}

export function nodeHash({ sha256 }: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  return sha256(concat(nodePrefix, left, right));
}

export function emptyRoot({ sha256 }: Sha256): Uint8Array {
  return sha256(new Uint8Array());
}

/** The largest power of two smaller than `size`, for sizes from 2. */
export function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}
