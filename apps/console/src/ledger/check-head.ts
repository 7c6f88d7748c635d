import { LoomError } from '@loom/errors';
import { parseCheckpoint, parseVerifierKey, verifyNote } from '@loom/ledger/verify';
import { browserCrypto } from './browser-crypto.ts';

/** Names of who signed a head of this log. Throws `invalid_request` when no trusted key has, or it is of another log. */
export function checkHead(note: string, origin: string, vkeys: readonly string[]): string[] {
  const keys = vkeys.map((vkey) => parseVerifierKey(browserCrypto, vkey));
  const { text, verified } = verifyNote(browserCrypto, note, keys);
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== origin)
    throw new LoomError('invalid_request', `it is the head of ${checkpoint.origin}`, {
      reason: 'wrong_origin',
    });
  return verified.map(({ verifier }) => verifier.name);
}
