import { LoomError } from '@loom/errors';
import { fromBase64, fromDecimal, toBase64 } from './bytes.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import type { LedgerCrypto } from './ledger-crypto.ts';
import { hashBytes, leafHash } from './merkle-hash.ts';
import { verifyInclusion } from './merkle-proof.ts';
import { type NoteVerifier, type VerifiedSignature, verifyNote } from './signed-note.ts';

/*
 * C2SP tlog-proof, version 1:
 *
 *   "c2sp.org/tlog-proof@v1" "\n"
 *   [ "extra " base64 "\n" ]           not authenticated
 *   "index " decimal "\n"
 *   ( base64(hash) "\n" )*             from the leaf's sibling up
 *   "\n" checkpoint                    the whole signed note
 */

const header = 'c2sp.org/tlog-proof@v1';

export interface TlogProof {
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
  /** The signed note, verbatim. */
  readonly checkpoint: string;
  /** For who reads it; nothing vouches for it. */
  readonly extra: Uint8Array | null;
}

const refuse = (why: string) =>
  new LoomError('invalid_request', `malformed proof: ${why}`, { reason: 'malformed_proof' });
/** More would be of a tree that cannot be. */
const hashesMax = 63;

export function writeTlogProof({ index, hashes, checkpoint, extra }: TlogProof): string {
  const lines = [
    header,
    ...(extra === null ? [] : [`extra ${toBase64(extra)}`]),
    `index ${index}`,
    ...hashes.map(toBase64),
  ];
  return `${lines.join('\n')}\n\n${checkpoint}`;
}

/** Takes a proof file apart. Throws `invalid_request` for what is none; says nothing of whether it proves anything. */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf('\n\n');
  if (split < 0) throw refuse('no empty line stands before its checkpoint');
  const [first, ...lines] = text.slice(0, split).split('\n');
  if (first !== header) throw refuse(`it does not begin with ${header}`);
  const extraLine = lines[0]?.startsWith('extra ') ? lines.shift() : undefined;
  const extra = extraLine === undefined ? null : fromBase64(extraLine.slice('extra '.length));
  if (extraLine !== undefined && !extra) throw refuse('its extra data is no base64');
  const indexLine = lines.shift() ?? '';
  const index = indexLine.startsWith('index ') ? fromDecimal(indexLine.slice('index '.length)) : null;
  if (index === null) throw refuse('it has no index');
  if (lines.length > hashesMax) throw refuse(`it has more than ${hashesMax} hashes`);
  const hashes = lines.map((line) => {
    const hash = fromBase64(line);
    if (hash?.length !== hashBytes) throw refuse('a hash is no base64 of 32 bytes');
    return hash;
  });
  return { index, hashes, checkpoint: text.slice(split + 2), extra };
}

/**
 * That an entry is in the log of these keys. Gives the checkpoint that proves it and who signed that. Throws
 * `invalid_request` with the first reason found: `malformed_proof`, `bad_signature`, `unknown_key`, `wrong_origin`,
 * `not_included`.
 */
export function verifyTlogProof(
  crypto: LedgerCrypto,
  proof: string,
  expected: { readonly entry: Uint8Array; readonly origin: string; readonly keys: readonly NoteVerifier[] },
): {
  readonly checkpoint: Checkpoint;
  readonly index: number;
  readonly signatures: readonly VerifiedSignature[];
} {
  const { index, hashes, checkpoint: note } = parseTlogProof(proof);
  const { text, verified } = verifyNote(crypto, note, expected.keys);
  const checkpoint = parseCheckpoint(text);
  if (checkpoint.origin !== expected.origin)
    throw new LoomError('invalid_request', `the proof is of the log ${checkpoint.origin}`, {
      reason: 'wrong_origin',
    });
  const { size, root } = checkpoint;
  const inclusion = { index, size, root, leafHash: leafHash(crypto, expected.entry), proof: hashes };
  if (!verifyInclusion(crypto, inclusion))
    throw new LoomError('invalid_request', `the entry is not at ${index} of the log`, {
      reason: 'not_included',
    });
  return { checkpoint, index, signatures: verified };
}
