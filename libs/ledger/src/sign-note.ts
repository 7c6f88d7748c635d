import { utf8 } from './bytes.ts';
import { nodeCrypto } from './node-crypto.ts';
import { ed25519Type, keyIdOf, type NoteVerifier, writeNote } from './signed-note.ts';

/** A key that signs for a deployment, wherever it is held. */
export interface NoteSigner {
  readonly name: string;
  /** 32 bytes of Ed25519. */
  readonly publicKey: Uint8Array;
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** A text signed with each of the keys. */
export async function signNote(keys: readonly NoteSigner[], text: string): Promise<string> {
  const signatures = await Promise.all(
    keys.map(async (key) => ({ ...verifierOf(key), signature: await key.sign(utf8(text)) })),
  );
  return writeNote(
    text,
    signatures.map(({ name, keyId, signature }) => ({ name, keyId, signature })),
  );
}

/** What checks the signatures of a key. */
export function verifierOf({ name, publicKey }: Omit<NoteSigner, 'sign'>): NoteVerifier {
  return { name, publicKey, type: ed25519Type, keyId: keyIdOf(nodeCrypto, name, ed25519Type, publicKey) };
}
