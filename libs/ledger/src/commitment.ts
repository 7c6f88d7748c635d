import { concat, utf8 } from './bytes.ts';
import type { LedgerCrypto } from './ledger-crypto.ts';

export const saltBytes = 32;
const zero = Uint8Array.of(0);

/**
 * What a leaf says of a payload: SHA-256("loom/commit/v1" || 0x00 || part || 0x00 || salt || payload). Without the salt
 * nobody can guess a short text from it; with the salt gone it says nothing of anybody.
 */
export function payloadCommitment(
  crypto: LedgerCrypto,
  { part, salt, payload }: { readonly part: string; readonly salt: Uint8Array; readonly payload: Uint8Array },
): Uint8Array {
  return crypto.sha256(concat(utf8('loom/commit/v1'), zero, utf8(part), zero, salt, payload));
}
