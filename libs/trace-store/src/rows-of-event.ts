import {
  type CallAccepted,
  type CallEnded,
  type CallFacts,
  type CallIdentity,
  type CallPart,
  type CallRefused,
  type CaptureLost,
  type CaptureRefusals,
  type CostComputed,
  type EmitterClosed,
  nanosOfMillis,
  outcomeOf,
  type Payload,
  type PayloadPart,
  type TextCounts,
  toTokenBuckets,
  type TraceEvent,
  type Usage,
  type UsageSource,
  uuidTimeMs,
} from '@loom/trace-schema';
import { answerWords, type PartWords, type ReadAnswerText, requestWords } from './part-words.ts';
import {
  type CallRow,
  type CaptureEventRow,
  type CostRow,
  payloadHeadIndex,
  type PayloadRow,
  type SpanRow,
  type TextRow,
} from './rows.ts';
import type { WriteBatch } from './trace-store.ts';

/** What the rows need to know that only the providers' library knows. */
export interface EventReaders {
  readonly answerText: ReadAnswerText;
  /** Its results are sealed with the call: a change of the formula needs another version of `meta`. */
  readonly estimateUsage: EstimateUsage;
}

export type EstimateUsage = (counts: TextCounts) => Usage;

export type EventRows = Partial<Omit<WriteBatch, 'token'>>;

/** The row of a table that says what one event says. The leaf of the event commits to it. */
export type FactRow =
  | { readonly table: 'calls_accepted'; readonly row: CallRow }
  | { readonly table: 'spans'; readonly row: SpanRow }
  | { readonly table: 'costs'; readonly row: CostRow }
  | { readonly table: 'capture_events'; readonly row: CaptureEventRow };

const noUsage: Usage = {
  inputTokens: 0,
  cacheReadInputTokens: 0,
  cacheWriteInputTokens: 0,
  inputAudioTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0,
  outputAudioTokens: 0,
};

/**
 * Returns the rows that one event becomes. Chunk groups become none, because the terminal has the whole answer. `lost`
 * names the facts of the event that could not be read.
 */
export function rowsOfEvent(
  event: TraceEvent | CostComputed,
  readers: EventReaders,
  lost: readonly string[] = [],
): EventRows {
  if (event.type === 'call.part') return { payloads: [sliceOf(event)] };
  const fact = factRowOf(event, readers.estimateUsage, lost);
  switch (fact?.table) {
    case undefined:
      return {};
    case 'calls_accepted':
      return withRequest(fact.row, event as CallAccepted);
    case 'spans':
      return event.type === 'call.refused'
        ? { spans: [fact.row] }
        : withResponse(fact.row, event as CallEnded, readers.answerText);
    case 'costs':
      return { costs: [fact.row] };
    case 'capture_events':
      return { captureEvents: [fact.row] };
  }
}

/** Returns the row of an event without what is derived from payloads; null for an event that has no row of its own. */
export function factRowOf(
  event: TraceEvent | CostComputed,
  estimateUsage: EstimateUsage,
  lostFacts: readonly string[] = [],
): FactRow | null {
  switch (event.type) {
    case 'call.accepted':
      return { table: 'calls_accepted', row: { ...acceptedRow(event), lostFacts } };
    case 'call.completed':
    case 'call.failed':
    case 'call.aborted':
    case 'call.interrupted':
      return { table: 'spans', row: { ...endedSpan(event, estimateUsage), lostFacts } };
    case 'call.refused':
      return { table: 'spans', row: { ...refusedSpan(event), lostFacts } };
    case 'cost.computed':
      return { table: 'costs', row: event };
    case 'capture.refusals':
    case 'capture.lost':
    case 'emitter.closed':
      return { table: 'capture_events', row: captureEventOf(event) };
    case 'call.part':
    case 'call.chunks':
    case 'emitter.opened':
    case 'key.created':
      return null;
  }
}

function acceptedRow(event: CallAccepted): CallRow {
  const { call, facts, request } = event;
  const startTime = nanosOfMillis(uuidTimeMs(call.callId)); // as its span will have it: not a moment later
  return {
    ...callRow(event, call, facts, startTime),
    requestLength: request.length,
    requestHash: request.hash,
  };
}

function withRequest(row: CallRow, event: CallAccepted): EventRows {
  const { text, preview: inputPreview } = requestWords(event.request);
  return {
    accepted: [{ ...row, inputPreview }],
    payloads: [headOf(event, row.spanId, 'request', event.request)],
    texts: textRows(row, 'request', text),
  };
}

function withResponse(span: SpanRow, event: CallEnded, answerText: ReadAnswerText): EventRows {
  const { response } = event;
  const { text, preview: outputPreview }: PartWords = answerWords(response, span, answerText);
  return {
    spans: [{ ...span, outputPreview }],
    payloads: response ? [headOf(event, span.spanId, 'response', response)] : [],
    texts: textRows(span, 'response', text),
  };
}

function endedSpan(event: CallEnded, estimateUsage: EstimateUsage): SpanRow {
  const { call, timing, error, response, chunks } = event;
  const { usage, usageSource } = usageOf(event, estimateUsage);
  const { buckets: tokens, consistent: usageConsistent } = toTokenBuckets(usage ?? noUsage);
  return {
    ...callRow(event, call, event.facts, timing.startTime),
    requestLength: event.request.length,
    requestHash: event.request.hash,
    durationNanos: timing.durationNanos,
    timeToFirstChunkNanos: timing.timeToFirstChunkNanos,
    gatewayOverheadNanos: timing.gatewayOverheadNanos,
    outcome: outcomeOf(event),
    status: event.status,
    errorType: error?.type ?? '',
    errorMessage: error?.message ?? '',
    errorCode: error?.code ?? '',
    responseModel: event.responseModel ?? '',
    responseId: event.responseId ?? '',
    finishReasons: event.finishReasons,
    serviceTier: event.serviceTier ?? '',
    systemFingerprint: event.systemFingerprint ?? '',
    tokens,
    usageSource,
    usageConsistent,
    usageDetails: usage?.details ?? {},
    outputPreview: '',
    responseLength: response?.length ?? 0,
    responseHash: response?.hash ?? '',
    deliveredBytes: event.deliveredBytes,
    chunkAtMicros: chunks?.atMicros ?? [],
    chunkLengths: chunks?.lengths ?? [],
    attempts: event.attempts,
    ...placeOf(call),
  };
}

function refusedSpan(event: CallRefused): SpanRow {
  const { call, error, operation, dialect, requestModel } = event;
  const facts: CallFacts = {
    operation,
    dialect,
    requestModel,
    provider: '',
    providerKind: '',
    routedModel: '',
    stream: false,
    capture: 'strict',
    parameters: {},
  };
  return {
    ...callRow(event, call, facts, event.startTime),
    durationNanos: event.durationNanos,
    timeToFirstChunkNanos: null,
    gatewayOverheadNanos: event.durationNanos,
    outcome: 'refused',
    status: event.status,
    errorType: error.type,
    errorMessage: error.message,
    errorCode: error.code ?? '',
    responseModel: '',
    responseId: '',
    finishReasons: [],
    serviceTier: '',
    systemFingerprint: '',
    tokens: toTokenBuckets(noUsage).buckets,
    usageSource: 'none',
    usageConsistent: true,
    usageDetails: {},
    outputPreview: '',
    responseLength: 0,
    responseHash: '',
    deliveredBytes: 0,
    chunkAtMicros: [],
    chunkLengths: [],
    attempts: [],
    ...placeOf(call),
  };
}

/** What the provider reported, else an estimate. A call that failed without an answer took no tokens. */
function usageOf(
  { usage, usageSource, textCounts, type }: CallEnded,
  estimateUsage: EstimateUsage,
): { usage: Usage | null; usageSource: UsageSource } {
  if (usage || !textCounts) return { usage, usageSource };
  const isAnswered = textCounts.outputAscii + textCounts.outputOther > 0;
  if (type === 'call.failed' && !isAnswered) return { usage: null, usageSource: 'none' };
  return { usage: estimateUsage(textCounts), usageSource: 'estimated' };
}

type Stamped = {
  readonly id: string;
  readonly emitter: string;
  readonly seq: number;
  readonly projectId: string;
};

function callRow(event: Stamped, call: CallIdentity, facts: CallFacts, startTime: string): CallRow {
  return {
    organizationId: call.organizationId,
    projectId: event.projectId,
    traceId: call.traceId,
    spanId: call.spanId,
    parentSpanId: call.parentSpanId ?? '',
    callId: call.callId,
    keyId: call.keyId,
    startTime,
    sessionId: call.sessionId ?? '',
    userId: call.userId ?? '',
    environment: call.environment ?? '',
    release: call.release ?? '',
    agentName: call.agentName ?? '',
    agentVersion: call.agentVersion ?? '',
    workflowName: call.workflowName ?? '',
    promptName: call.promptName ?? '',
    promptVersion: call.promptVersion ?? '',
    metadata: call.metadata,
    operation: facts.operation,
    dialect: facts.dialect,
    provider: facts.provider,
    providerKind: facts.providerKind,
    requestModel: facts.requestModel,
    routedModel: facts.routedModel,
    wire: facts.wire ?? '',
    route: facts.route ?? '',
    cache: facts.cache ?? '',
    dropped: facts.dropped ?? [],
    stream: facts.stream,
    capture: facts.capture,
    parameters: Object.fromEntries(
      Object.entries(facts.parameters).map(([name, value]) => [name, JSON.stringify(value)]),
    ),
    inputPreview: '',
    requestLength: 0,
    requestHash: '',
    lostFacts: [],
    eventId: event.id,
    emitter: event.emitter,
    seq: event.seq,
  };
}

function placeOf({ links, rollout }: CallIdentity) {
  return {
    links,
    rolloutName: rollout?.name ?? '',
    rolloutArm: rollout?.arm ?? '',
    rolloutSeed: rollout?.seed ?? '',
    rolloutUnit: rollout?.unit ?? '',
  };
}

function headOf(
  { projectId, time }: { readonly projectId: string; readonly time: string },
  spanId: string,
  part: PayloadPart,
  payload: Payload,
): PayloadRow {
  const { codec, keyId, length, storedLength, hash, parts, data } = payload;
  const index = payloadHeadIndex;
  return {
    projectId,
    spanId,
    part,
    index,
    time,
    codec,
    keyId,
    length,
    storedLength,
    hash,
    parts,
    data: data ?? '',
  };
}

function sliceOf({ projectId, spanId, part, index, time, data }: CallPart): PayloadRow {
  const place = { projectId, spanId, part, index, time };
  return { ...place, codec: 'identity', keyId: null, length: 0, storedLength: 0, hash: '', parts: 0, data };
}

function captureEventOf(event: CaptureRefusals | CaptureLost | EmitterClosed) {
  const { id: eventId, emitter, seq, projectId, time, type, ...body } = event;
  return { eventId, emitter, seq, projectId, time, type, body: JSON.stringify(body) };
}

function textRows({ projectId, spanId, startTime }: CallRow, part: PayloadPart, text: string): TextRow[] {
  return text === '' ? [] : [{ projectId, spanId, startTime, part, text }];
}
