/** A SHA-256 over many pieces, for what does not fit into memory. */
export interface Sha256Stream {
  update(bytes: Uint8Array): void;
  digest(): Uint8Array;
}

/**
 * The primitives of the ledger. Services take those of node:crypto (`nodeCrypto`); a browser brings its own, so that the
 * verifier runs there too.
 */
export interface LedgerCrypto {
  sha256(bytes: Uint8Array): Uint8Array;
  sha256Stream(): Sha256Stream;
  /** Ed25519 (RFC 8032). False, never an error, for keys and signatures that are none. */
  verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}
