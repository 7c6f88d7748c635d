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
import {
  type CallRow,
  payloadHeadIndex,
  type PayloadRow,
  previewLengthMax,
  type SpanRow,
  type TextRow,
  type WriteBatch,
} from '@loom/trace-store';
import { decodePayload } from './decode-payload.ts';
import { requestText } from './request-text.ts';

/** What the rows need to know that is a provider's matter. */
export interface EventReaders {
  /** What the model said, from an answer's raw bytes; '' when there is nothing to read. */
  readonly answerText: (wire: string, bytes: Buffer, stream: boolean) => string;
  readonly estimateUsage: (counts: TextCounts) => Usage;
}

export type EventRows = Partial<Omit<WriteBatch, 'token'>>;

/** Characters of one part of a call that can be searched. */
const searchTextLengthMax = 200_000;

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
  switch (event.type) {
    case 'call.accepted':
      return rowsOfAccepted(event, lost);
    case 'call.part':
      return { payloads: [sliceOf(event)] };
    case 'call.chunks':
    case 'emitter.opened':
    case 'key.created':
      return {};
    case 'call.completed':
    case 'call.failed':
    case 'call.aborted':
    case 'call.interrupted':
      return rowsOfEnded(event, readers, lost);
    case 'call.refused':
      return { spans: [{ ...refusedSpan(event), lostFacts: lost }] };
    case 'capture.refusals':
    case 'capture.lost':
    case 'emitter.closed':
      return { captureEvents: [captureEventOf(event)] };
    case 'cost.computed':
      return { costs: [event] };
  }
}

function rowsOfAccepted(event: CallAccepted, lostFacts: readonly string[]): EventRows {
  const { projectId, call, request } = event;
  const startTime = nanosOfMillis(uuidTimeMs(call.callId)); // as its span will have it: not a moment later
  const plain = decodePayload(request);
  const { text, lastUserText } = plain ? requestText(plain) : { text: '', lastUserText: '' };
  const accepted: CallRow = {
    ...callRow(event, call, event.facts, startTime),
    inputPreview: preview(lastUserText === '' ? text : lastUserText),
    requestLength: request.length,
    requestHash: request.hash,
    lostFacts,
  };
  return {
    accepted: [accepted],
    payloads: [headOf(event, call.spanId, 'request', request)],
    texts: textRows({ projectId, spanId: call.spanId, startTime, part: 'request' }, text),
  };
}

function rowsOfEnded(event: CallEnded, readers: EventReaders, lostFacts: readonly string[]): EventRows {
  const { projectId, call, response, facts, timing } = event;
  const plain = response && decodePayload(response);
  const text = plain ? readers.answerText(facts.wire ?? facts.dialect, plain, facts.stream) : '';
  const span = { ...endedSpan(event, readers), outputPreview: preview(text), lostFacts };
  return {
    spans: [span],
    payloads: response ? [headOf(event, call.spanId, 'response', response)] : [],
    texts: textRows({ projectId, spanId: call.spanId, startTime: timing.startTime, part: 'response' }, text),
  };
}

function endedSpan(event: CallEnded, readers: EventReaders): SpanRow {
  const { call, timing, error, response, chunks } = event;
  const { usage, usageSource } = usageOf(event, readers);
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
  { estimateUsage }: EventReaders,
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

function textRows(place: Omit<TextRow, 'text'>, text: string): TextRow[] {
  return text === '' ? [] : [{ ...place, text: text.slice(0, searchTextLengthMax) }];
}

function preview(text: string): string {
  return text.slice(0, previewLengthMax);
}
