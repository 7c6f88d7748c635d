import { createHash } from 'node:crypto';
import { newSpanId, newTraceId, newUuid } from '@loom/trace-schema';
import type { AcceptedRow, CostRow, PayloadRow, SpanRow, TextRow } from '../rows.ts';
import type { WriteBatch } from '../trace-store.ts';
import { batchToken } from '../batch-token.ts';

/** 2026-03-04 05:00:00 UTC. */
export const testTime = 1_772_600_400_000_000_000n;
export const second = 1_000_000_000n;

export function acceptedRow(row: Partial<AcceptedRow> & { readonly projectId: string }): AcceptedRow {
  const callId = row.callId ?? newUuid();
  return {
    organizationId: 'org',
    traceId: newTraceId(),
    spanId: newSpanId(),
    parentSpanId: '',
    callId,
    keyId: 'key-1',
    startTime: String(testTime),
    sessionId: '',
    userId: '',
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
    requestModel: 'gpt-4o-mini',
    routedModel: 'gpt-4o-mini',
    wire: '',
    route: '',
    cache: '',
    dropped: [],
    lostFacts: [],
    stream: false,
    capture: 'strict',
    parameters: { temperature: '0.2' },
    inputPreview: 'hello',
    requestLength: 120,
    requestHash: 'a'.repeat(64),
    eventId: `${callId}/accepted`,
    emitter: '01890a5d-ac96-774b-bcce-b302099a8057',
    seq: 1,
    ...row,
  };
}

export function spanRow(row: Partial<SpanRow> & { readonly projectId: string }): SpanRow {
  const accepted = acceptedRow(row);
  return {
    ...accepted,
    eventId: `${accepted.callId}/end`,
    durationNanos: 1_200_000_000,
    timeToFirstChunkNanos: 300_000_000,
    gatewayOverheadNanos: 400_000,
    outcome: 'completed',
    status: 200,
    errorType: '',
    errorMessage: '',
    errorCode: '',
    responseModel: 'gpt-4o-mini-2024-07-18',
    responseId: 'chatcmpl-1',
    finishReasons: ['stop'],
    serviceTier: 'default',
    systemFingerprint: 'fp_1',
    tokens: {
      inputUncached: 10, cacheRead: 5, cacheWrite: 0, inputAudio: 0, outputText: 7, reasoning: 3, outputAudio: 0,
    }, // prettier-ignore
    usageSource: 'provider',
    usageConsistent: true,
    usageDetails: {},
    outputPreview: 'good day',
    responseLength: 300,
    responseHash: 'b'.repeat(64),
    deliveredBytes: 300,
    chunkAtMicros: [300_000, 600_000],
    chunkLengths: [100, 200],
    attempts: [],
    links: [],
    rolloutName: '',
    rolloutArm: '',
    rolloutSeed: '',
    rolloutUnit: '',
    ...row,
  };
}

export function costRow(span: SpanRow, row: Partial<CostRow> = {}): CostRow {
  const priceBookVersion = row.priceBookVersion ?? 'book-1';
  return {
    id: `${span.eventId}/cost/${priceBookVersion}`,
    type: 'cost.computed',
    emitter: '01890a5d-ac96-774b-bcce-b302099a8058',
    seq: 1,
    time: String(BigInt(span.startTime) + second),
    organizationId: span.organizationId,
    projectId: span.projectId,
    callId: span.callId,
    traceId: span.traceId,
    spanId: span.spanId,
    startTime: span.startTime,
    operation: span.operation,
    provider: span.provider,
    requestModel: span.requestModel,
    responseModel: span.responseModel,
    keyId: span.keyId,
    userId: span.userId,
    state: 'priced',
    reason: '',
    totalUsd: '0.0000123',
    lines: [{ bucket: 'inputUncached', quantity: 10, pricePerMillionUsd: '1.23', usd: '0.0000123' }],
    priceBookVersion,
    priceId: 'openai/gpt-4o-mini',
    tier: 'default',
    estimated: false,
    ...row,
  };
}

export function headRow(span: SpanRow, part: PayloadRow['part'], bytes: Buffer): PayloadRow {
  const hash = createHash('sha256').update(bytes).digest('hex');
  const { projectId, spanId, startTime: time } = span;
  const length = bytes.length;
  return {
    projectId, spanId, part, time, hash, length, index: -1, codec: 'identity', keyId: null, storedLength: length,
    parts: 0, data: bytes.toString('base64'),
  }; // prettier-ignore
}

export function textRow(span: SpanRow, part: TextRow['part'], text: string): TextRow {
  return { projectId: span.projectId, startTime: span.startTime, spanId: span.spanId, part, text };
}

/** A batch whose token comes from the ids of its spans and costs, as in the pipeline. */
export function batchOf(rows: Partial<Omit<WriteBatch, 'token'>>): WriteBatch {
  const batch = { spans: [], accepted: [], payloads: [], texts: [], costs: [], captureEvents: [], ...rows };
  const ids = [...batch.spans, ...batch.accepted].map((row) => row.eventId);
  return { ...batch, token: batchToken([...ids, ...batch.costs.map((cost) => `${newUuid()}${cost.id}`)], 1) };
}
