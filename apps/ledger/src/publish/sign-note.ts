import { ed25519Type, keyIdOf, nodeCrypto, type NoteVerifier, utf8, writeNote } from '@loom/ledger';
import type { SigningKey } from '@loom/signer';

/** A text signed with each of the keys. */
export async function signNote(keys: readonly SigningKey[], text: string): Promise<string> {
  const signatures = await Promise.all(
    keys.map(async (key) => ({ ...verifierOf(key), signature: await key.sign(utf8(text)) })),
  );
  return writeNote(
    text,
    signatures.map(({ name, keyId, signature }) => ({ name, keyId, signature })),
  );
}

/** What checks the signatures of a key. */
export function verifierOf({ name, publicKey }: SigningKey): NoteVerifier {
  return { name, publicKey, type: ed25519Type, keyId: keyIdOf(nodeCrypto, name, ed25519Type, publicKey) };
}
