import { LoomError } from '@loom/errors';
import { fromBase64, fromDecimal, toBase64 } from '../bytes.ts';
import type { LedgerCrypto } from '../ledger-crypto.ts';
import { hashBytes } from '../merkle-hash.ts';
import { type NoteVerifier, parseNote, signatureLine, verifyNote } from '../signed-note.ts';

/*
 * C2SP tlog-witness, the body of POST <prefix>/add-checkpoint:
 *
 *   "old " size "\n" ( base64(hash) "\n" )* "\n" checkpoint        at most 63 hashes
 *
 * Its answer is signature lines of the witness.
 */

export interface AddCheckpoint {
  /** Of the checkpoint that the witness has cosigned last; 0 when it has none. */
  readonly oldSize: number;
  /** That the tree of the checkpoint begins with the old one; empty when there is no old one. */
  readonly proof: readonly Uint8Array[];
  /** The signed note. */
  readonly note: string;
}

/** The type of the body of an answer 409: the size that the witness knows. */
export const sizeContentType = 'text/x.tlog.size';
const proofLinesMax = 63;

const malformed = (why: string) =>
  new LoomError('invalid_request', `malformed request: ${why}`, { reason: 'malformed_add_checkpoint' });

export function writeAddCheckpoint({ oldSize, proof, note }: AddCheckpoint): string {
  return [`old ${oldSize}`, ...proof.map(toBase64), '', note].join('\n');
}

/** Throws `invalid_request` for what is none; the note is not looked at. */
export function parseAddCheckpoint(body: string): AddCheckpoint {
  const split = body.indexOf('\n\n');
  if (split < 0) throw malformed('no empty line stands before the checkpoint');
  const [first = '', ...lines] = body.slice(0, split).split('\n');
  const oldSize = first.startsWith('old ') ? fromDecimal(first.slice(4)) : null;
  if (oldSize === null) throw malformed('its first line is not "old <size>"');
  if (lines.length > proofLinesMax) throw malformed(`its proof has more than ${proofLinesMax} hashes`);
  const proof = lines.map((line) => {
    const hash = fromBase64(line);
    if (hash?.length !== hashBytes) throw malformed('a line of its proof is no base64 of 32 bytes');
    return hash;
  });
  return { oldSize, proof, note: body.slice(split + 2) };
}

/**
 * The cosignature of a witness in its answer, as a line to follow the note. Throws `invalid_request` when the answer has
 * none of this key, or one that does not hold.
 */
export function readCosignature(
  crypto: LedgerCrypto,
  note: string,
  answer: string,
  witness: NoteVerifier,
): { readonly line: string; readonly timeSeconds: number } {
  const { text } = parseNote(note);
  const { signatures, verified } = verifyNote(crypto, `${text}\n${answer}`, [witness]);
  const signature = signatures.find(({ name, keyId }) => name === witness.name && keyId === witness.keyId);
  const timeSeconds = verified[0]?.timeSeconds ?? null;
  if (!signature || timeSeconds === null)
    throw new LoomError('invalid_request', `${witness.name} has signed, but not as a witness`);
  return { line: signatureLine(signature), timeSeconds };
}
