import { createHash } from 'node:crypto';
import { zstdDecompressSync } from 'node:zlib';
import {
  type CallAccepted,
  type CallChunks,
  type CallEnded,
  fromTokenBuckets,
  newSpanId,
  newTraceId,
  newUuid,
  type TraceEvent,
} from '@loom/trace-schema';
import { batchToken, type CostRow, type PayloadRow, type SpanRow, type TraceStore } from '@loom/trace-store';

export interface CallToRecord {
  readonly projectId: string;
  /** Encoded bytes. */
  readonly request: Buffer;
  readonly requestCodec?: 'identity' | 'zstd';
  /** Of the answer, plain; a stream when there are several. */
  readonly chunks: readonly Buffer[];
  readonly userId: string;
  readonly priced?: boolean;
  /** The request's stored bytes are not what they were. */
  readonly isDamaged?: boolean;
}

export interface Recorded {
  readonly traceId: string;
  readonly spanId: string;
  readonly events: {
    readonly accepted: CallAccepted;
    readonly chunks: CallChunks;
    readonly ended: CallEnded;
  };
  /** Accepted, two groups of chunks, ended. */
  readonly liveEvents: readonly TraceEvent[];
}

const tokens = {
  inputUncached: 10,
  cacheRead: 5,
  cacheWrite: 0,
  inputAudio: 0,
  outputText: 7,
  reasoning: 3,
  outputAudio: 0,
};
const emitter = newUuid();
let seq = 0;

/** Writes a finished call into a store as ingest would, and gives the events that it came from. */
export async function recordCall(store: TraceStore, call: CallToRecord): Promise<Recorded> {
  const span = spanOf(call);
  const response = Buffer.concat(call.chunks);
  const plain = call.requestCodec === 'zstd' ? zstdDecompressSync(call.request) : call.request;
  const stored = call.isDamaged ? Buffer.from('no zstd') : call.request;
  const payloads = [headOf(span, 'request', plain, stored, call.requestCodec ?? 'identity')];
  if (response.length > 0) payloads.push(headOf(span, 'response', response, response, 'identity'));
  await store.writeBatch({
    token: batchToken([span.eventId], 1),
    spans: [span],
    accepted: [],
    payloads,
    texts: [],
    costs: call.priced === false ? [] : [costOf(span)],
    captureEvents: [],
  });
  return { traceId: span.traceId, spanId: span.spanId, ...eventsOf(span, call, plain) };
}

function hashOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function spanOf({ projectId, chunks, userId, request }: CallToRecord): SpanRow {
  const callId = newUuid();
  const response = Buffer.concat(chunks);
  return {
    organizationId: `o-${projectId}`,
    projectId,
    traceId: newTraceId(),
    spanId: newSpanId(),
    parentSpanId: '',
    callId,
    keyId: 'k1',
    startTime: `${BigInt(Date.now()) * 1_000_000n}`,
    sessionId: '',
    userId,
    environment: '',
    release: '',
    agentName: '',
    agentVersion: '',
    workflowName: '',
    promptName: '',
    promptVersion: '',
    metadata: {},
    operation: 'chat',
    dialect: 'openai-chat',
    provider: 'openai',
    providerKind: 'openai',
    requestModel: 'm1',
    routedModel: 'm1',
    wire: '',
    route: '',
    cache: '',
    dropped: [],
    lostFacts: [],
    stream: chunks.length > 1,
    capture: 'strict',
    parameters: { temperature: '0.2', service_tier: '"flex"' },
    inputPreview: 'what is loom?',
    requestLength: request.length,
    requestHash: hashOf(request),
    eventId: `${callId}/end`,
    emitter,
    seq: (seq += 1),
    durationNanos: 1_200_000_000,
    timeToFirstChunkNanos: 300_000_000,
    gatewayOverheadNanos: 400_000,
    outcome: 'completed',
    status: 200,
    errorType: '',
    errorMessage: '',
    errorCode: '',
    responseModel: 'm1-2026',
    responseId: 'c1',
    finishReasons: ['stop'],
    serviceTier: '',
    systemFingerprint: '',
    tokens,
    usageSource: 'provider',
    usageConsistent: true,
    usageDetails: {},
    outputPreview: 'a gateway',
    responseLength: response.length,
    responseHash: hashOf(response),
    deliveredBytes: response.length,
    chunkAtMicros: chunks.map((_, index) => 300_000 + index * 1000),
    chunkLengths: chunks.map((chunk) => chunk.length),
    attempts: [],
    links: [],
    rolloutName: '',
    rolloutArm: '',
    rolloutSeed: '',
    rolloutUnit: '',
  };
}

function headOf(
  span: SpanRow,
  part: PayloadRow['part'],
  plain: Buffer,
  encoded: Buffer,
  codec: PayloadRow['codec'],
): PayloadRow {
  return {
    projectId: span.projectId,
    spanId: span.spanId,
    part,
    index: -1,
    time: span.startTime,
    codec,
    keyId: null,
    length: plain.length,
    storedLength: plain.length,
    hash: hashOf(plain),
    parts: 0,
    data: encoded.toString('base64'),
  };
}

function costOf(span: SpanRow): CostRow {
  const {
    organizationId,
    projectId,
    callId,
    traceId,
    spanId,
    startTime,
    operation,
    provider,
    keyId,
    userId,
  } = span;
  return {
    ...{ organizationId, projectId, callId, traceId, spanId, startTime, operation, provider, keyId, userId },
    id: `${span.eventId}/cost/book-1`,
    type: 'cost.computed',
    emitter,
    seq: span.seq,
    time: startTime,
    requestModel: span.requestModel,
    responseModel: span.responseModel,
    state: 'priced',
    reason: '',
    totalUsd: '0.0000123',
    lines: [{ bucket: 'inputUncached', quantity: 10, pricePerMillionUsd: '1.23', usd: '0.0000123' }],
    priceBookVersion: 'book-1',
    priceId: 'openai/m1',
    tier: 'default',
    estimated: false,
  };
}

function eventsOf(
  span: SpanRow,
  { request, requestCodec }: CallToRecord,
  plain: Buffer,
): Pick<Recorded, 'events' | 'liveEvents'> {
  const { projectId, callId, traceId, spanId, organizationId, keyId, userId, startTime: time } = span;
  const stamp = (id: string) => ({ id, emitter, seq: span.seq, projectId, time });
  const none = {
    parentSpanId: null,
    sessionId: null,
    environment: null,
    release: null,
    agentName: null,
    agentVersion: null,
  };
  const call = {
    ...{
      ...none,
      organizationId,
      keyId,
      callId,
      traceId,
      spanId,
      userId,
      workflowName: null,
      promptName: null,
    },
    ...{ promptVersion: null, rollout: null, links: [], metadata: {} },
  };
  const { operation, dialect, provider, providerKind, requestModel, routedModel, stream, capture } = span;
  const facts = {
    operation,
    dialect,
    provider,
    providerKind,
    requestModel,
    routedModel,
    stream,
    capture,
    parameters: {},
  };
  const accepted: CallAccepted = {
    ...stamp(`${callId}/accepted`),
    type: 'call.accepted',
    call,
    facts,
    request: {
      codec: requestCodec ?? 'identity',
      keyId: null,
      length: plain.length,
      hash: hashOf(plain),
      storedLength: plain.length,
      parts: 0,
      data: request.toString('base64'),
    },
  };
  const group = {
    callId,
    traceId,
    spanId,
    status: 200,
    chunks: { atMicros: [1], lengths: [1] },
    data: 'YQ==',
  };
  const chunks: CallChunks = { ...stamp(`${callId}/chunks/0`), type: 'call.chunks', ...group };
  const ended: CallEnded = {
    ...stamp(span.eventId),
    type: 'call.completed',
    call,
    facts,
    status: 200,
    error: null,
    timing: {
      startTime: time,
      durationNanos: span.durationNanos,
      timeToFirstChunkNanos: span.timeToFirstChunkNanos,
      gatewayOverheadNanos: span.gatewayOverheadNanos,
    },
    responseModel: span.responseModel,
    responseId: span.responseId,
    finishReasons: [...span.finishReasons],
    serviceTier: null,
    systemFingerprint: null,
    usage: fromTokenBuckets(tokens),
    usageSource: 'provider',
    textCounts: null,
    request: { length: span.requestLength, hash: span.requestHash },
    response: null,
    chunks: null,
    deliveredBytes: span.deliveredBytes,
    attempts: [],
  };
  return {
    events: { accepted, chunks, ended },
    liveEvents: [accepted, chunks, { ...chunks, id: `${callId}/chunks/1` }, ended],
  };
}
