import type { CallInFlight, ContentState, Span, SpanUsage, TraceSummary } from '@loom/api-contract';
import { type CallAttempt, fromTokenBuckets, type Usage } from '@loom/trace-schema';
import type { AcceptedRow, ListedTrace, StoredSpan } from '@loom/trace-store';
import { toInstant, toMilliseconds } from './instants.ts';

export interface SpanContent {
  readonly request: unknown;
  readonly requestState: ContentState;
  readonly response: unknown;
  readonly responseState: ContentState;
  readonly chunkCount: number | null;
}

export const contentLeftOut: SpanContent = {
  request: null,
  requestState: 'omitted',
  response: null,
  responseState: 'omitted',
  chunkCount: null,
};

/** A stored span as the API gives it. Pure. */
export function toSpan(stored: StoredSpan, content: SpanContent): Span {
  const known = stored.usageSource !== 'none';
  return {
    traceId: stored.traceId,
    spanId: stored.spanId,
    parentSpanId: orNull(stored.parentSpanId),
    callId: stored.callId,
    operation: stored.operation,
    dialect: stored.dialect,
    provider: stored.provider,
    providerKind: stored.providerKind,
    requestModel: stored.requestModel,
    routedModel: stored.routedModel,
    wire: orNull(stored.wire),
    route: orNull(stored.route),
    cache: stored.cache === 'hit' ? 'hit' : null,
    dropped: [...stored.dropped],
    lostFacts: [...stored.lostFacts],
    responseModel: orNull(stored.responseModel),
    responseId: orNull(stored.responseId),
    outcome: stored.outcome,
    status: stored.status,
    streamed: stored.stream,
    capture: stored.capture,
    usage: known ? usageOf(stored) : null,
    buckets: known ? stored.tokens : null,
    usageSource: stored.usageSource,
    usageConsistent: stored.usageConsistent,
    ...costOf(stored),
    timing: {
      startTime: toInstant(stored.startTime),
      durationMs: toMilliseconds(stored.durationNanos),
      timeToFirstChunkMs: toMillisecondsOrNull(stored.timeToFirstChunkNanos),
      gatewayOverheadMs: toMilliseconds(stored.gatewayOverheadNanos),
    },
    finishReasons: [...stored.finishReasons],
    serviceTier: orNull(stored.serviceTier),
    systemFingerprint: orNull(stored.systemFingerprint),
    requestParameters: parametersOf(stored.parameters),
    ...content,
    requestBytes: stored.requestLength,
    requestHash: stored.requestHash,
    responseBytes: stored.responseLength,
    responseHash: orNull(stored.responseHash),
    deliveredBytes: stored.deliveredBytes,
    error: errorOf(stored),
    attempts: stored.attempts.map(toAttempt),
    ...whoOf(stored),
    links: stored.links.map(({ traceId, spanId }) => ({ traceId, spanId })),
    metadata: { ...stored.metadata },
  };
}

export function toTraceSummary(trace: ListedTrace): TraceSummary {
  const { newestMatch: span } = trace;
  const isRefused = span.outcome === 'refused' && trace.spanCount === 1;
  return {
    traceId: trace.traceId,
    startTime: toInstant(trace.startTime),
    durationMs: Number((BigInt(trace.endTime) - BigInt(trace.startTime)) / 1000n) / 1000,
    spanCount: trace.spanCount,
    errorCount: trace.errorCount,
    totalTokens: trace.totalTokens,
    totalUsd: isRefused ? null : trace.totalUsd,
    costState: isRefused ? 'unpriced' : trace.costState,
    span: {
      spanId: span.spanId,
      operation: span.operation,
      provider: span.provider,
      requestModel: span.requestModel,
      responseModel: orNull(span.responseModel),
      outcome: span.outcome,
      status: span.status,
      streamed: span.stream,
      startTime: toInstant(span.startTime),
      durationMs: toMilliseconds(span.durationNanos),
      timeToFirstChunkMs: toMillisecondsOrNull(span.timeToFirstChunkNanos),
      totalTokens: span.totalTokens,
      errorType: orNull(span.errorType),
      keyId: span.keyId,
      userId: orNull(span.userId),
      sessionId: orNull(span.sessionId),
      inputPreview: span.inputPreview,
      outputPreview: span.outputPreview,
    },
  };
}

export function toCallInFlight(row: AcceptedRow): CallInFlight {
  return {
    traceId: row.traceId,
    spanId: row.spanId,
    callId: row.callId,
    startTime: toInstant(row.startTime),
    operation: row.operation,
    provider: row.provider,
    requestModel: row.requestModel,
    routedModel: row.routedModel,
    streamed: row.stream,
    keyId: row.keyId,
    userId: orNull(row.userId),
    sessionId: orNull(row.sessionId),
    inputPreview: row.inputPreview,
  };
}

function usageOf({ tokens, usageDetails }: StoredSpan): SpanUsage {
  const hasDetails = Object.keys(usageDetails).length > 0;
  return withTotal({ ...fromTokenBuckets(tokens), ...(hasDetails ? { details: usageDetails } : {}) });
}

export function withTotal(usage: Usage): SpanUsage {
  return { ...usage, totalTokens: usage.inputTokens + usage.outputTokens };
}

function costOf({ cost, costState, outcome }: StoredSpan): Pick<Span, 'cost' | 'costState' | 'costReason'> {
  if (outcome === 'refused') return { cost: null, costState: 'unpriced', costReason: 'no_provider_called' };
  if (!cost || cost.state === 'unpriced')
    return { cost: null, costState, costReason: orNull(cost?.reason ?? '') };
  const { totalUsd, priceBookVersion, priceId, tier, estimated, lines, missing, reason } = cost;
  return {
    cost: {
      ...{ totalUsd, priceBookVersion, priceId, tier, estimated, lines, missing: [...missing] },
      ...{ reported: orNull(cost.reportedUsd), source: reason === 'reported' ? 'reported' : 'price_book' },
    },
    costState,
    costReason: cost.state === 'partial' ? reason : null,
  };
}

function whoOf(stored: StoredSpan) {
  const { rolloutName: name, rolloutArm: arm, rolloutSeed: seed, rolloutUnit: unit } = stored;
  return {
    keyId: stored.keyId,
    userId: orNull(stored.userId),
    sessionId: orNull(stored.sessionId),
    environment: orNull(stored.environment),
    release: orNull(stored.release),
    agentName: orNull(stored.agentName),
    agentVersion: orNull(stored.agentVersion),
    workflowName: orNull(stored.workflowName),
    promptName: orNull(stored.promptName),
    promptVersion: orNull(stored.promptVersion),
    rollout: name === '' ? null : { name, arm, seed, unit },
  };
}

function errorOf({ errorType: type, errorMessage: message, errorCode }: StoredSpan): Span['error'] {
  return type === '' ? null : { type, message, code: orNull(errorCode) };
}

export function toAttempt(attempt: CallAttempt): Span['attempts'][number] {
  const { spanId, provider, model, status, error, reason = null, usage = null } = attempt;
  const startTime = toInstant(attempt.startTime);
  return {
    spanId,
    provider,
    model,
    startTime,
    durationMs: toMilliseconds(attempt.durationNanos),
    status,
    error,
    reason,
    usage: usage && withTotal(usage),
  };
}

function parametersOf(texts: Readonly<Record<string, string>>): Span['requestParameters'] {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, scalarOf(text)]));
}

function scalarOf(text: string): string | number | boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'string'
      ? value
      : text;
  } catch {
    return text;
  }
}

function toMillisecondsOrNull(nanos: number | null): number | null {
  return nanos === null ? null : toMilliseconds(nanos);
}

function orNull(text: string): string | null {
  return text === '' ? null : text;
}
