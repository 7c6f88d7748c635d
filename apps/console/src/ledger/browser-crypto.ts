import { hashes, verify } from '@noble/ed25519';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import type { LedgerCrypto } from '@loom/ledger/verify';

hashes.sha512 = sha512;

/** For the verifier in a browser, whose own WebCrypto can neither hash at once nor piece by piece. */
export const browserCrypto: LedgerCrypto = {
  sha256,
  sha256Stream: () => {
    const running = sha256.create();
    return { update: (bytes) => void running.update(bytes), digest: () => running.digest() };
  },
  verifyEd25519: (publicKey, message, signature) => {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    try {
      return verify(signature, message, publicKey, { zip215: false }); // RFC 8032, not the laxer rule of ZIP 215
    } catch {
      return false;
    }
  },
};
