/**
 * The signer port: keys that sign for this deployment, held in a file or by a key management service. All are Ed25519
 * (RFC 8032), which is deterministic: the same message gives the same signature, so that signing again after a crash
 * changes nothing.
 */
export interface Signer {
  /**
   * The keys in use, the newest first; while a rotation lasts also the one before, so that verifiers that know only that
   * one go on. All bear one name. Read anew at each call: a key may be added or end while the process runs.
   */
  keys(): Promise<readonly SigningKey[]>;
  close(): Promise<void>;
}

export interface SigningKey {
  /** The deployment's name: that of the verifier key, and the beginning of each log's origin. */
  readonly name: string;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes. `unavailable` when who holds the key cannot be reached. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}
