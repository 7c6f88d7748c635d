import { createHash } from 'node:crypto';
import type { Ledger, LedgerReceipt, ProvenLeaf } from '@loom/api-contract';
import { isLoomError, LoomError } from '@loom/errors';
import {
  type Envelope,
  fromBase64,
  fromHex,
  nodeCrypto,
  type NoteVerifier,
  parseEnvelope,
  parseReceipt,
  parseVerifierKey,
  payloadCommitment,
  toHex,
  utf8,
  verifyReceipt,
  verifyTlogProof,
} from '@loom/ledger';
import type { BundleOutcome } from '@loom/ledger/verify';

/** What a caller has in hand: the header of the answer, and what it had sent. */
export interface HeldReceipt {
  readonly receipt: string;
  /** The body of the request as it was sent; null when it is not at hand. */
  readonly request: Uint8Array | null;
}

export interface ReceiptFinding {
  readonly callId: string;
  readonly acceptedIndex: number;
  /** Null while the call has no end under a checkpoint. */
  readonly endedIndex: number | null;
  readonly checkpointSize: number;
  readonly sealedAt: string;
  readonly requestChecked: boolean;
}

const notSealedReason = 'not_sealed_yet';
const refused = (reason: string, message: string) => new LoomError('invalid_request', message, { reason });

/**
 * Checks a receipt as its holder: the signature is that of a key that the deployment's log certifies, the statement is of
 * this request, and the call that it states is in the project's log, just so. Throws `invalid_request` with the first
 * reason found; `unavailable` while the promised time has not passed and something is not sealed yet.
 */
export function checkReceipt(
  held: HeldReceipt,
  { vkeys }: Pick<Ledger, 'vkeys'>,
  answer: LedgerReceipt,
): ReceiptFinding {
  const keys = vkeys.map((vkey) => parseVerifierKey(nodeCrypto, vkey));
  const { stated } = parseReceipt(held.receipt);
  verifyReceipt(nodeCrypto, held.receipt, { publicKey: emitterKey(answer, keys, stated.emitter) });
  const accepted = proven(answer, keys, (envelope) => envelope.id === `${stated.callId}/accepted`);
  if (!accepted) throw notSealedYet('the accepted event');
  const { envelope } = accepted;
  const isSame =
    envelope.emitter === stated.emitter &&
    envelope.seq === stated.seq &&
    envelope.project === stated.project &&
    envelope.time === stated.time;
  if (!isSame) throw refused('another_call', 'the log has another call than the receipt states');
  checkRequest(held.request, stated.request, answer, envelope);
  const ended = proven(answer, keys, ({ id }) => id === `${stated.callId}/end`);
  return {
    callId: stated.callId,
    acceptedIndex: accepted.index,
    endedIndex: ended?.index ?? null,
    checkpointSize: accepted.size,
    sealedAt: accepted.sealedAt,
    requestChecked: held.request !== null,
  };
}

/** What a refusal of {@link checkReceipt} says of a receipt; null for any other error. */
export function receiptOutcomeOf(error: unknown): BundleOutcome | null {
  if (!isLoomError(error)) return null;
  if (error.reason === notSealedReason) return 'incomplete';
  if (error.code !== 'invalid_request') return null;
  return error.reason === 'unknown_key' ? 'untrusted' : 'tampered';
}

function checkRequest(
  request: Uint8Array | null,
  stated: string,
  { salts }: LedgerReceipt,
  { id, commits }: Envelope,
): void {
  if (request && createHash('sha256').update(request).digest('hex') !== stated)
    throw refused('another_request', 'the receipt is for another request than this one');
  const salt = fromHex(salts[`${id}/request`] ?? '');
  const payload = fromHex(stated);
  if (!salt?.length || !payload) return; // erased: the commitment can no longer be opened
  if (toHex(payloadCommitment(nodeCrypto, { part: 'request', salt, payload })) !== commits?.['request'])
    throw refused('another_request', 'the log is committed to another request than the receipt states');
}

function emitterKey(answer: LedgerReceipt, keys: readonly NoteVerifier[], emitter: string): Uint8Array {
  const leaf = answer.emitter;
  if (!leaf?.proof) throw notSealedYet('the key of the emitter');
  const origin = `${answer.origin.slice(0, answer.origin.lastIndexOf('/'))}/system`;
  verifyTlogProof(nodeCrypto, leaf.proof, { entry: utf8(leaf.envelope), origin, keys });
  const envelope = parseEnvelope(leaf.envelope);
  const publicKey = fromBase64(envelope.publicKey ?? '');
  if (envelope.kind !== 'emitter.opened' || envelope.emitter !== emitter || !publicKey)
    throw refused('unknown_emitter', 'the log does not certify a key of this emitter');
  return publicKey;
}

interface Proven {
  readonly envelope: Envelope;
  readonly index: number;
  readonly size: number;
  readonly sealedAt: string;
}

function proven(
  { leaves, origin }: LedgerReceipt,
  keys: readonly NoteVerifier[],
  wanted: (envelope: Envelope) => boolean,
): Proven | null {
  const leaf = leaves.find((one: ProvenLeaf) => wanted(parseEnvelope(one.envelope)));
  if (!leaf?.proof) return null;
  const { checkpoint, index } = verifyTlogProof(nodeCrypto, leaf.proof, {
    entry: utf8(leaf.envelope),
    origin,
    keys,
  });
  return {
    envelope: parseEnvelope(leaf.envelope),
    index,
    size: checkpoint.size,
    sealedAt: leaf.sealedAt ?? '',
  };
}

function notSealedYet(what: string): LoomError {
  return new LoomError('unavailable', `${what} is not under a checkpoint yet; the promise is 60 s`, {
    reason: notSealedReason,
  });
}
