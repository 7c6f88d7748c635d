import type { LedgerReceipt, Span } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import {
  compareFigures,
  differingFields,
  type Envelope,
  type Figure,
  fromHex,
  type LedgerCrypto,
  parseEnvelope,
  parseVerifierKey,
  payloadCommitment,
  readFacts,
  toHex,
  utf8,
  verifyTlogProof,
} from '@loom/ledger/verify';
import { otherMembers } from './sealed-facts.ts';

export type Part = 'request' | 'response';
/**
 * `absent`: no leaf is committed to one. `unopened`: its key is gone. `gone`: its key is there, and its bytes are not.
 * `cut`: only its beginning was kept, and the hash of it all is sealed: a bundle shows it.
 */
export type PartFinding = 'as-sealed' | 'absent' | 'unopened' | 'gone' | 'cut';

/**
 * `absent`: the leaf commits to none. `version-1`: sealed before all facts were; those that are committed are as sealed.
 * `unopened`: its key is gone. `gone`: its row is not there.
 */
export type FactsFinding = 'as-sealed' | 'version-1' | 'absent' | 'unopened' | 'gone';

export interface CallFinding {
  /** In the order of the log. Size: of the checkpoint that proves it; null for one that is not sealed yet. */
  readonly leaves: readonly { readonly index: number; readonly size: number | null }[];
  /** Names of the keys and witnesses that signed. */
  readonly signers: readonly string[];
  readonly parts: Readonly<Record<Part, PartFinding>>;
  /** Everything else that is shown of the call. */
  readonly facts: FactsFinding;
  /** What is shown of the call and stands in a proven leaf as well. */
  readonly figures: readonly Figure[];
}

export interface CheckedCall {
  readonly span: Span;
  readonly receipt: LedgerReceipt;
  /** Keys that are trusted. */
  readonly vkeys: readonly string[];
  /** The recorded bytes; null when they are gone. */
  readonly read: (part: Part) => Promise<Uint8Array | null>;
}

const refused = (reason: string, message: string) => new LoomError('invalid_request', message, { reason });

/**
 * That what is shown of a call is what its log has under signed checkpoints: leaves, contents and figures. Throws
 * `invalid_request` with the first reason found: those of `verifyTlogProof`, `foreign_leaf`, `wrong_payload`,
 * `wrong_figure`, `wrong_facts`.
 */
export async function checkCall(crypto: LedgerCrypto, call: CheckedCall): Promise<CallFinding> {
  const { receipt, span, vkeys } = call;
  const keys = vkeys.map((vkey) => parseVerifierKey(crypto, vkey));
  const signers = new Set<string>();
  const proven: Envelope[] = [];
  const leaves = receipt.leaves.map(({ index, envelope: text, proof }) => {
    const envelope = parseEnvelope(text);
    if (envelope.callId !== span.callId || !receipt.origin.endsWith(`/ledger/${envelope.project}`))
      throw refused('foreign_leaf', `leaf ${index} is not of this call`);
    if (proof === null) return { index, size: null };
    const found = verifyTlogProof(crypto, proof, { entry: utf8(text), origin: receipt.origin, keys });
    if (found.index !== index) throw refused('wrong_leaf_index', `the proof of leaf ${index} is of another`);
    for (const { verifier } of found.signatures) signers.add(verifier.name);
    proven.push(envelope);
    return { index, size: found.checkpoint.size };
  });
  const parts = {
    request: await checkPart(crypto, call, proven, 'request'),
    response: await checkPart(crypto, call, proven, 'response'),
  };
  const figures = checkFigures(span, proven);
  return { leaves, signers: [...signers], parts, facts: checkFacts(crypto, call, proven), figures };
}

/** The facts in each envelope, and all that the end of the call commits to. */
function checkFacts(
  crypto: LedgerCrypto,
  { receipt, span }: CheckedCall,
  proven: readonly Envelope[],
): FactsFinding {
  const shown = shownRow(span);
  const other = new Set(proven.flatMap((envelope) => differingFields(envelope, rowFor(envelope, shown))));
  if (other.size > 0)
    throw refused('wrong_facts', `the ${[...other].join(', ')} that is shown is not what was sealed`);
  const end = proven.find(({ kind, commits }) => kind !== 'call.accepted' && kind.startsWith('call.') && commits?.['meta']); // prettier-ignore
  if (!end) return 'absent';
  const salt = fromHex(receipt.salts[`${end.id}/meta`] ?? '');
  if (!salt?.length) return 'unopened';
  const text = receipt.facts[end.id];
  if (text === undefined) return 'gone';
  const commitment = payloadCommitment(crypto, { part: 'meta', salt, payload: utf8(text) });
  if (toHex(commitment) !== end.commits?.['meta'])
    throw refused('wrong_facts', 'the facts that are stored are not those that were sealed');
  const read = readFacts(text);
  if (!read) return 'version-1';
  const members = otherMembers(read.facts, span);
  if (members.length > 0)
    throw refused('wrong_facts', `the ${members.join(', ')} that is shown is not what was sealed`);
  return 'as-sealed';
}

/** What the API shows, by the fields of the row. */
function shownRow(span: Span): Readonly<Record<string, unknown>> {
  const { traceId, spanId, callId, keyId, provider, requestModel, routedModel, outcome, status } = span;
  return {
    ...{ traceId, spanId, callId, keyId, provider, requestModel, routedModel, outcome, status },
    responseModel: span.responseModel ?? '',
    ...{ requestLength: span.requestBytes, responseLength: span.responseBytes },
    errorType: span.error?.type ?? '',
  };
}

/** The provider of an accepted call may be another than the one that answered; a price may be that of an attempt. */
function rowFor(
  { kind }: Envelope,
  shown: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const { callId, traceId, spanId, keyId, requestLength } = shown;
  if (kind === 'call.accepted') return { callId, traceId, spanId, keyId, requestLength };
  return kind === 'cost.computed' ? { callId, traceId } : shown;
}

async function checkPart(
  crypto: LedgerCrypto,
  { receipt, span, read }: CheckedCall,
  proven: readonly Envelope[],
  part: Part,
): Promise<PartFinding> {
  const envelope = proven.find(({ commits }) => commits?.[part] !== undefined);
  if (!envelope) return 'absent';
  const salt = fromHex(receipt.salts[`${envelope.id}/${part}`] ?? '');
  if (!salt?.length) return 'unopened';
  const bytes = await read(part);
  if (!bytes) return 'gone';
  const stored = crypto.sha256(bytes);
  let payload = stored;
  if (envelope.truncated?.includes(part)) {
    const hash = part === 'request' ? span.requestHash : span.responseHash;
    // Of a sealed part the commitment stands in its place.
    if (hash === envelope.commits?.[part]) return 'cut';
    const whole = fromHex(hash ?? '');
    if (!whole?.length) return 'unopened';
    payload = Uint8Array.of(...whole, ...stored);
  }
  if (toHex(payloadCommitment(crypto, { part, salt, payload })) !== envelope.commits?.[part])
    throw refused('wrong_payload', `the ${part} that is stored is not the one that was sealed`);
  return 'as-sealed';
}

function checkFigures(
  { status, usage, usageConsistent, cost, costState }: Span,
  proven: readonly Envelope[],
): readonly Figure[] {
  const totalUsd = cost?.totalUsd ?? (costState === 'pending' ? undefined : null);
  const { same, other } = compareFigures({ status, usage, usageConsistent, totalUsd }, proven);
  if (other.length > 0)
    throw refused('wrong_figure', `the ${other.join(', ')} that is shown is not what was sealed`);
  return same;
}
