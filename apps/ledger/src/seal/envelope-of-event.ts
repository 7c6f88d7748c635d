import { clipName, type Envelope, nanoUsdOf } from '@loom/ledger';
import { estimateUsage } from '@loom/providers';
import {
  type CallAccepted,
  type CallEnded,
  type CallIdentity,
  type CallRefused,
  type CostComputed,
  type DeadLetter,
  millisOfNanos,
  type Payload,
  systemProjectId,
  type TraceEvent,
  type Usage,
} from '@loom/trace-schema';
import { type FactRow, factRowOf } from '@loom/trace-store';

/** What a part of a leaf is committed to, or the commitment where its emitter has made it already. */
type CommittedPart =
  | { readonly part: string; readonly opening: Uint8Array }
  | { readonly part: 'meta'; readonly facts: FactRow }
  | { readonly part: string; readonly commitment: string };

/** A leaf that lacks its commitments. */
export interface LeafDraft {
  readonly envelope: Envelope;
  readonly parts: readonly CommittedPart[];
  /** Whose key salts the parts: a key by its id, or a bucket's current one if that is for calls of then. */
  readonly salt: { readonly keyId: string } | { readonly bucket: string; readonly beganAtMs: number } | null;
}

const countsMax = 12;

/**
 * The leaf of an event; null for parts, chunk groups and keys, which have none of their own. `lost` names the facts that
 * could not be read: the row says so too.
 */
export function draftOfEvent(event: TraceEvent, lost: readonly string[]): Omit<LeafDraft, 'salt'> | null {
  const draft = envelopeDraft(event);
  return draft && { ...draft, parts: [...draft.parts, ...metaOf(event, lost)] };
}

function envelopeDraft(event: TraceEvent): Omit<LeafDraft, 'salt'> | null {
  switch (event.type) {
    case 'call.accepted':
      return acceptedDraft(event);
    case 'call.completed':
    case 'call.failed':
    case 'call.aborted':
    case 'call.interrupted':
      return endedDraft(event);
    case 'call.refused':
      return refusedDraft(event);
    case 'capture.refusals':
      return plain({ ...stampOf(event), counts: firstCounts(event.counts) });
    case 'capture.lost': {
      const { lostCalls, lostEvents, reason } = event;
      return plain({ ...stampOf(event), counts: { lostCalls, lostEvents }, reason });
    }
    case 'emitter.opened':
      return plain({ ...stampOf(event), publicKey: event.publicKey });
    case 'emitter.closed':
      return plain({ ...stampOf(event), actor: event.closedBy });
    case 'call.part':
    case 'call.chunks':
    case 'key.created':
      return null;
  }
}

export function draftOfCost(cost: CostComputed): Omit<LeafDraft, 'salt'> {
  const {
    projectId: project,
    id,
    type: kind,
    callId,
    traceId,
    spanId,
    state,
    reason,
    priceBookVersion,
  } = cost;
  const envelope: Envelope = {
    ...{ v: 1, project, id, kind, time: millisOfNanos(cost.time), callId, traceId, spanId },
    ...(state === 'unpriced' ? {} : { costNanoUsd: String(nanoUsdOf(cost.totalUsd)) }),
    ...(state === 'priced' ? {} : { reason }),
    priceBook: clipName(priceBookVersion),
  };
  return { envelope, parts: metaOf(cost, []) };
}

export function draftOfDeadLetter(letter: DeadLetter): LeafDraft {
  const { headers, id, group, reason } = letter;
  const seq = Number(headers['ce_loomseq']);
  const envelope: Envelope = {
    v: 1,
    project: headers['ce_loomproject'] ?? systemProjectId,
    ...{
      id: clipName(id),
      kind: 'record.set-aside',
      time: millisOfNanos(letter.time),
      reason,
      actor: clipName(group),
    },
    resource: clipName(headers['ce_id'] ?? `${letter.topic}/${letter.partition}/${letter.offset}`),
    ...(Number.isSafeInteger(seq) && seq > 0 ? { from: seq, to: seq } : {}),
  };
  return { envelope, parts: [], salt: null };
}

function acceptedDraft(event: CallAccepted): Omit<LeafDraft, 'salt'> {
  const { call, facts, request } = event;
  return {
    envelope: {
      ...stampOf(event),
      ...placeOf(call),
      ...{ provider: facts.provider, model: clipName(facts.routedModel), bytes: { request: request.length } },
      ...truncatedOf({ request }),
    },
    parts: [partOf('request', request)],
  };
}

function endedDraft(event: CallEnded): Omit<LeafDraft, 'salt'> {
  const { call, facts, response, usage, usageSource, status, responseModel } = event;
  return {
    envelope: {
      ...stampOf(event),
      ...placeOf(call),
      ...{ provider: facts.provider, model: clipName(responseModel ?? facts.routedModel), status },
      ...(usage && usageSource === 'provider' ? { usage: nonZero(usage) } : {}),
      ...(response ? { bytes: { response: response.length }, ...truncatedOf({ response }) } : {}),
    },
    parts: response ? [partOf('response', response)] : [],
  };
}

function refusedDraft(event: CallRefused): Omit<LeafDraft, 'salt'> {
  const { call, status, error, requestModel } = event;
  const envelope = { ...stampOf(event), ...placeOf(call), status, reason: clipName(error.type) };
  const model = requestModel === '' ? {} : { model: clipName(requestModel) };
  return plain({ ...envelope, ...model });
}

function metaOf(event: TraceEvent | CostComputed, lost: readonly string[]): CommittedPart[] {
  const facts = factRowOf(event, estimateUsage, lost);
  return facts ? [{ part: 'meta', facts }] : [];
}

/** Of sealed payloads the emitter gives the commitment in place of the hash. */
function partOf(part: string, payload: Payload): CommittedPart {
  if (payload.keyId !== null) return { part, commitment: payload.hash };
  const whole = Buffer.from(payload.hash, 'hex');
  const stored = payload.storedHash === undefined ? [] : [Buffer.from(payload.storedHash, 'hex')];
  return { part, opening: Buffer.concat([whole, ...stored]) };
}

function truncatedOf(payloads: Readonly<Record<string, Payload>>): Pick<Envelope, 'truncated'> {
  const cut = Object.entries(payloads).filter(([, { length, storedLength }]) => storedLength < length);
  return cut.length === 0 ? {} : { truncated: cut.map(([part]) => part) };
}

function stampOf(event: TraceEvent): Envelope {
  const { projectId: project, id, type: kind, emitter, seq } = event;
  return { v: 1, project, id, kind, time: millisOfNanos(event.time), emitter, seq };
}

function placeOf({ callId, traceId, spanId, keyId }: CallIdentity): Partial<Envelope> {
  return { callId, traceId, spanId, keyId };
}

function plain(envelope: Envelope): Omit<LeafDraft, 'salt'> {
  return { envelope, parts: [] };
}

/** The inclusive counts. Details are in `meta`. */
function nonZero({ details: _, ...usage }: Usage): Record<string, number> {
  return Object.fromEntries(Object.entries(usage).filter(([, tokens]) => tokens > 0));
}

function firstCounts(counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(counts)
      .slice(0, countsMax)
      .map(([name, count]) => [name.slice(0, 40), count]),
  );
}
