import { CaptureMode, CostState, Outcome, tokenBuckets, UsageDetails, UsageSource } from '@loom/trace-schema';
import * as z from 'zod';

/** An instant in ISO 8601, UTC, to the microsecond. */
export const Instant = z.iso.datetime({ precision: 6 });
const usd = z.string().regex(/^\d+(\.\d+)?$/);
const count = z.int().nonnegative();
const milliseconds = z.number().nonnegative();

/** Inclusive, as OpenTelemetry defines them: input contains cache and audio, output contains reasoning and audio. */
export const SpanUsage = z.object({
  inputTokens: count,
  cacheReadInputTokens: count,
  cacheWriteInputTokens: count,
  inputAudioTokens: count,
  outputTokens: count,
  reasoningOutputTokens: count,
  outputAudioTokens: count,
  totalTokens: count,
  /**
   * What usage tells besides: parts of the tokens with a price of their own, uses sold by the piece, terms that change the
   * price, what the provider says that the call cost. Absent when there are none.
   */
  details: UsageDetails.optional(),
});
export type SpanUsage = z.infer<typeof SpanUsage>;

/** The same tokens, disjoint: what is priced. Their sum is the total. */
export const SpanBuckets = z.object(
  Object.fromEntries(tokenBuckets.map((bucket) => [bucket, count])) as Record<
    (typeof tokenBuckets)[number],
    typeof count
  >,
);

export const Cost = z.object({
  totalUsd: usd,
  priceBookVersion: z.string(),
  /** The price that applied: `openai/gpt-4o-mini@2024-07-18`. */
  priceId: z.string(),
  tier: z.string(),
  /** True when the tokens are an estimate. */
  estimated: z.boolean(),
  /** A line for each token bucket, part of one and kind of use. They add up to the total, unless it is the provider's. */
  lines: z.array(
    z.object({
      ...{ bucket: z.string(), quantity: count, pricePerMillionUsd: usd, usd },
      /** The bucket whose price was taken for want of an own one: the amount is a guess. */
      pricedAs: z.string().optional(),
    }),
  ),
  /** What the price book has no price for: buckets, kinds of use, terms (`serviceTier:priority`). */
  missing: z.array(z.string()),
  /** What the provider says that the call cost; null when it says nothing. */
  reported: usd.nullable(),
  /** `reported` when the total is the provider's figure, because the price book does not have the whole price. */
  source: z.enum(['price_book', 'reported']),
});
export type Cost = z.infer<typeof Cost>;

const SpanTiming = z.object({
  startTime: Instant,
  durationMs: milliseconds,
  timeToFirstChunkMs: milliseconds.nullable(),
  /** What Loom added before the provider was called. */
  gatewayOverheadMs: milliseconds,
});

export const SpanError = z.object({ type: z.string(), message: z.string(), code: z.string().nullable() });

/** Why a span's `request` or `response` is what it is; all but `complete` and `truncated` come with null. */
export const ContentState = z.enum([
  'complete',
  /** Longer than the capture limit: what was kept. */
  'truncated',
  /** Nothing was sent or answered. */
  'absent',
  /** Left out of this answer (its size, or `content=none`): ask for it with `/raw`. */
  'omitted',
  /** Encrypted under a key that is not here. */
  'sealed',
  /** Recorded, but not readable now: some of it is missing or damaged. */
  'unreadable',
]);
export type ContentState = z.infer<typeof ContentState>;

const SpanAttempt = z.object({
  spanId: z.string(),
  provider: z.string(),
  model: z.string(),
  startTime: Instant,
  durationMs: milliseconds,
  status: z.int().nullable(),
  error: SpanError.nullable(),
  /** Why this target was tried: `only`, `balanced`, `breaker`, `retry`, `next_key`, `fallback`. */
  reason: z.string().nullable(),
  /** What the attempt took although it was not the call's answer. */
  usage: SpanUsage.nullable(),
});

/** One operation of a trace, whole. Null means not known or not said. */
export const Span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().nullable(),
  callId: z.string(),
  operation: z.string(),
  dialect: z.string(),
  provider: z.string(),
  providerKind: z.string(),
  requestModel: z.string(),
  routedModel: z.string(),
  /** The provider's API, where it is another one than the caller's. */
  wire: z.string().nullable(),
  /** The alias whose route chose the provider. */
  route: z.string().nullable(),
  /** `hit`: the response cache answered, no provider was called. */
  cache: z.literal('hit').nullable(),
  /** Parts of the request that the provider could not be told, by the caller's path. */
  dropped: z.array(z.string()),
  /** Facts that were in the record's event and could not be read, by their path: they are missing here. */
  lostFacts: z.array(z.string()),
  responseModel: z.string().nullable(),
  responseId: z.string().nullable(),
  outcome: Outcome,
  /** HTTP status handed to the client; 0 when none was. */
  status: z.int().nonnegative(),
  streamed: z.boolean(),
  capture: CaptureMode,
  /** Null when no usage is known. */
  usage: SpanUsage.nullable(),
  buckets: SpanBuckets.nullable(),
  usageSource: UsageSource,
  /** False when the provider's token parts exceeded its whole. */
  usageConsistent: z.boolean(),
  /** Null until priced, and when there is no price; `costState` and `costReason` say which. */
  cost: Cost.nullable(),
  /** `partial`: a part of the price is not known, `cost.missing` lists what. */
  costState: CostState,
  costReason: z.string().nullable(),
  timing: SpanTiming,
  finishReasons: z.array(z.string()),
  serviceTier: z.string().nullable(),
  systemFingerprint: z.string().nullable(),
  requestParameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  /** The request's JSON as the caller sent it; a text when it was no JSON. */
  request: z.unknown(),
  requestState: ContentState,
  requestBytes: count,
  requestHash: z.string(),
  /** The answer's JSON; of a stream, the completion that its chunks add up to. */
  response: z.unknown(),
  responseState: ContentState,
  responseBytes: count,
  responseHash: z.string().nullable(),
  /** Chunks of the answer; null when content was not asked for. */
  chunkCount: count.nullable(),
  /** Answer bytes handed to the client before the end. */
  deliveredBytes: count,
  error: SpanError.nullable(),
  attempts: z.array(SpanAttempt),
  keyId: z.string(),
  userId: z.string().nullable(),
  sessionId: z.string().nullable(),
  environment: z.string().nullable(),
  release: z.string().nullable(),
  agentName: z.string().nullable(),
  agentVersion: z.string().nullable(),
  workflowName: z.string().nullable(),
  promptName: z.string().nullable(),
  promptVersion: z.string().nullable(),
  rollout: z.object({ name: z.string(), arm: z.string(), seed: z.string(), unit: z.string() }).nullable(),
  links: z.array(z.object({ traceId: z.string(), spanId: z.string() })),
  metadata: z.record(z.string(), z.string()),
});
export type Span = z.infer<typeof Span>;

/** A trace in a list: sums over all its spans, and its newest span that matched the filter. */
export const TraceSummary = z.object({
  traceId: z.string(),
  startTime: Instant,
  durationMs: milliseconds,
  spanCount: count,
  errorCount: count,
  totalTokens: count,
  /** What is priced so far; null while nothing of it is, and where there is no price. */
  totalUsd: usd.nullable(),
  costState: CostState,
  span: z.object({
    spanId: z.string(),
    operation: z.string(),
    provider: z.string(),
    requestModel: z.string(),
    responseModel: z.string().nullable(),
    outcome: Outcome,
    status: z.int().nonnegative(),
    streamed: z.boolean(),
    startTime: Instant,
    durationMs: milliseconds,
    timeToFirstChunkMs: milliseconds.nullable(),
    totalTokens: count,
    errorType: z.string().nullable(),
    keyId: z.string(),
    userId: z.string().nullable(),
    sessionId: z.string().nullable(),
    inputPreview: z.string(),
    outputPreview: z.string(),
  }),
});
export type TraceSummary = z.infer<typeof TraceSummary>;

export const TraceList = z.object({
  traces: z.array(TraceSummary),
  nextCursor: z.string().nullable(),
  /**
   * Of a search in text: calls of the range with more text than is indexed, of which a part was not searched. Null without
   * such a search, and on later pages.
   */
  unsearched: count.nullable(),
});

export const TraceDetail = z.object({
  trace: z.object({ traceId: z.string(), startTime: Instant }),
  spans: z.array(Span),
  nextCursor: z.string().nullable(),
});
export type TraceDetail = z.infer<typeof TraceDetail>;

/** A trace's spans in order of start, without content: what a tree or a timeline needs. At most 10,000 of them. */
export const TraceOutline = z.object({
  traceId: z.string(),
  startTime: Instant,
  spans: z.array(
    z.object({
      spanId: z.string(),
      parentSpanId: z.string().nullable(),
      operation: z.string(),
      /** Of the agent, workflow or tool; else the model. */
      name: z.string(),
      provider: z.string(),
      outcome: Outcome,
      status: z.int().nonnegative(),
      startTime: Instant,
      durationMs: milliseconds,
      timeToFirstChunkMs: milliseconds.nullable(),
      totalTokens: count,
      /** Null while pending, and where there is no price. */
      totalUsd: usd.nullable(),
      /** `partial`: `totalUsd` lacks a part whose price is not known. */
      costState: CostState,
      /** Of a call that took more than one, in order; else empty. */
      attempts: z.array(SpanAttempt),
      errorType: z.string().nullable(),
    }),
  ),
  /** True when the trace has more spans than are here. */
  truncated: z.boolean(),
});
export type TraceOutline = z.infer<typeof TraceOutline>;

/** The answer as it arrived. `text` is that chunk's share of the bytes; a character cut by a chunk goes to the next. */
export const SpanChunks = z.object({
  spanId: z.string(),
  chunks: z.array(z.object({ index: count, atMs: milliseconds, bytes: count, text: z.string().nullable() })),
  contentState: ContentState,
});
export type SpanChunks = z.infer<typeof SpanChunks>;

/** A call that was accepted and has no end yet. */
export const CallInFlight = z.object({
  traceId: z.string(),
  spanId: z.string(),
  callId: z.string(),
  startTime: Instant,
  operation: z.string(),
  provider: z.string(),
  requestModel: z.string(),
  routedModel: z.string(),
  streamed: z.boolean(),
  keyId: z.string(),
  userId: z.string().nullable(),
  sessionId: z.string().nullable(),
  inputPreview: z.string(),
});
export type CallInFlight = z.infer<typeof CallInFlight>;
