import { createHash, createPrivateKey, createPublicKey, hash, sign, verify } from 'node:crypto';
import type { LedgerCrypto, Sha256Stream } from './ledger-crypto.ts';

const spkiPrefix = Buffer.from('302a300506032b6570032100', 'hex');
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');

/** By node:crypto. */
export const nodeCrypto: LedgerCrypto = {
  sha256: (bytes) => hash('sha256', bytes, 'buffer'),
  sha256Stream,
  verifyEd25519: (publicKey, message, signature) => {
    if (publicKey.length !== 32 || signature.length !== 64) return false;
    try {
      const der = Buffer.concat([spkiPrefix, publicKey]);
      return verify(null, message, createPublicKey({ key: der, format: 'der', type: 'spki' }), signature);
    } catch {
      return false;
    }
  },
};

/** Signs with the 32-byte seed of an Ed25519 key. Deterministic: the same message gives the same bytes. */
export function signEd25519(seed: Uint8Array, message: Uint8Array): Uint8Array {
  const der = Buffer.concat([pkcs8Prefix, seed]);
  return sign(null, message, createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }));
}

/** The 32 bytes of the public key of a seed. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const der = Buffer.concat([pkcs8Prefix, seed]);
  const spki = createPublicKey(createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })).export({
    ...{ format: 'der', type: 'spki' },
  });
  return spki.subarray(spkiPrefix.length);
}

/** A SHA-256 over many pieces, for what does not fit into memory. */
export function sha256Stream(): Sha256Stream {
  const running = createHash('sha256');
  return { update: (bytes) => void running.update(bytes), digest: () => running.digest() };
}
