import { LoomError } from '@loom/errors';
import { type Checkpoint, parseCheckpoint } from '../checkpoint.ts';
import type { LedgerCrypto } from '../ledger-crypto.ts';
import {
  cosignatureType,
  ed25519Type,
  type NoteVerifier,
  type VerifiedSignature,
  verifyNote,
} from '../signed-note.ts';
import { at, type BundlePlace, refusal } from './bundle-refusal.ts';

/** A checkpoint of a log of Loom: signed by its deployment, with the time of that. */
export interface SealedCheckpoint extends Checkpoint {
  /** Unix milliseconds. */
  readonly sealedAt: number;
  readonly cosignatures: readonly VerifiedSignature[];
}

/** Whose signatures count: keys of the deployment sign, those of witnesses can only be added. */
export interface BundleKeys {
  readonly log: readonly NoteVerifier[];
  readonly witnesses: readonly NoteVerifier[];
}

/** Of all the keys that are trusted, those of the deployment whose log this is, and the witnesses. */
export function keysOf(
  { origin, project }: { readonly origin: string; readonly project: string },
  keys: readonly NoteVerifier[],
): BundleKeys {
  return {
    log: keys.filter(({ name, type }) => type === ed25519Type && `${name}/ledger/${project}` === origin),
    witnesses: keys.filter(({ type }) => type === cosignatureType),
  };
}

/** The text of a note that the deployment has signed. Refuses `unknown_key`, `bad_signature`, `malformed_note`. */
export function openNote(
  crypto: LedgerCrypto,
  note: string,
  { log, witnesses }: BundleKeys,
  place: BundlePlace,
): { readonly text: string; readonly signatures: readonly VerifiedSignature[] } {
  const { text, verified } = at(place, 'malformed_note', () =>
    verifyNote(crypto, note, [...log, ...witnesses]),
  );
  if (!verified.some(({ verifier }) => verifier.type === ed25519Type))
    throw refusal('unknown_key', place, 'it is not signed by a known key of this deployment');
  return { text, signatures: verified };
}

/** Reads a checkpoint of this log. Refuses what {@link openNote} does, and `malformed_checkpoint`, `wrong_origin`. */
export function openCheckpoint(
  crypto: LedgerCrypto,
  note: string,
  {
    origin,
    keys,
    place,
  }: { readonly origin: string; readonly keys: BundleKeys; readonly place: BundlePlace },
): SealedCheckpoint {
  const { text, signatures } = openNote(crypto, note, keys, place);
  const checkpoint = at(place, 'malformed_checkpoint', () => parseCheckpoint(text));
  if (checkpoint.origin !== origin)
    throw refusal('wrong_origin', place, `it is of the log ${checkpoint.origin}`);
  const sealedAt = at(place, 'malformed_checkpoint', () => sealedAtOf(checkpoint));
  const cosignatures = signatures.filter(({ verifier }) => verifier.type === cosignatureType);
  return { ...checkpoint, sealedAt, cosignatures };
}

const sealedSyntax = /^sealed (\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z)$/;

function sealedAtOf({ extensions }: Checkpoint): number {
  const times = extensions.flatMap((line) => sealedSyntax.exec(line)?.[1] ?? []);
  const [time] = times;
  const ms = time === undefined ? Number.NaN : Date.parse(time);
  if (times.length !== 1 || Number.isNaN(ms) || new Date(ms).toISOString() !== time)
    throw new LoomError('invalid_request', 'it does not say when it was sealed');
  return ms;
}
