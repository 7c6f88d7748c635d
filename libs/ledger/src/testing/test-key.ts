import { utf8 } from '../bytes.ts';
import { nodeCrypto, publicKeyOf, signEd25519 } from '../node-crypto.ts';
import {
  cosignatureBytes,
  cosignatureType,
  cosignedMessage,
  ed25519Type,
  keyIdOf,
  type NoteSignature,
  type NoteVerifier,
  writeNote,
  writeVerifierKey,
} from '../signed-note.ts';

/** A real Ed25519 key, the same one for the same name and label. */
export class TestKey {
  readonly verifier: NoteVerifier;
  readonly vkey: string;
  readonly #seed: Uint8Array;

  constructor(name: string, label = '', type: NoteVerifier['type'] = ed25519Type) {
    this.#seed = nodeCrypto.sha256(utf8(`a key of a test ${name} ${label}`));
    const publicKey = publicKeyOf(this.#seed);
    this.verifier = { name, publicKey, type, keyId: keyIdOf(nodeCrypto, name, type, publicKey) };
    this.vkey = writeVerifierKey(this.verifier);
  }

  signature(text: string, timeSeconds = 1_790_000_000): NoteSignature {
    const { name, keyId, type } = this.verifier;
    const signature =
      type === cosignatureType
        ? cosignatureBytes(timeSeconds, signEd25519(this.#seed, cosignedMessage(timeSeconds, text)))
        : signEd25519(this.#seed, utf8(text));
    return { name, keyId, signature };
  }

  /** A note of a text that this key has signed, and these. */
  note(text: string, ...others: readonly TestKey[]): string {
    return writeNote(
      text,
      [this, ...others].map((key) => key.signature(text)),
    );
  }
}

/** Numbers from 0 to 1, the same ones for the same seed. */
export function randomOf(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}
