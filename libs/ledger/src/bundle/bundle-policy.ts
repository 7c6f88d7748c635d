import { LoomError } from '@loom/errors';
import type { LedgerCrypto } from '../ledger-crypto.ts';
import { cosignatureType, type NoteVerifier, parseVerifierKey } from '../signed-note.ts';
import { at, refusal } from './bundle-refusal.ts';

/** Whose cosignatures the newest checkpoint of a bundle must carry, and how many of them. */
export interface BundlePolicy {
  readonly witnesses: readonly NoteVerifier[];
  readonly quorum: number;
}

const place = { member: 'policy' };
const witnessesMax = 100;

/** Reads `{"witnesses":["<vkey>", …],"quorum":n}`. Throws `malformed_policy` for anything else. */
export function parsePolicy(crypto: LedgerCrypto, text: string): BundlePolicy {
  const refuse = (why: string) => refusal('malformed_policy', place, why);
  const value = at(place, 'malformed_policy', () => parseJson(text));
  const { witnesses: vkeys, quorum, ...rest } = value as { witnesses?: unknown; quorum?: unknown };
  if (Object.keys(rest).length > 0 || !Array.isArray(vkeys) || vkeys.length > witnessesMax)
    throw refuse('write {"witnesses":["<verifier key>"],"quorum":1}');
  const witnesses = vkeys.map((vkey) =>
    at(place, 'malformed_policy', () => parseVerifierKey(crypto, String(vkey))),
  );
  if (witnesses.some(({ type }) => type !== cosignatureType)) throw refuse('a key is none of a witness');
  const keys = new Set(witnesses.map(({ publicKey }) => String(publicKey)));
  if (keys.size !== witnesses.length) throw refuse('a witness stands in it twice');
  if (!Number.isSafeInteger(quorum) || Number(quorum) < 1 || Number(quorum) > witnesses.length)
    throw refuse('its quorum is none of its witnesses');
  return { witnesses, quorum: Number(quorum) };
}

function parseJson(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  } catch {
    // said below
  }
  throw new LoomError('invalid_request', 'it is no JSON object');
}
