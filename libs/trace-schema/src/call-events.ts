import * as z from 'zod';
import { unixNanos } from './instants.ts';
import { Payload, PayloadPart } from './payload.ts';
import { Usage, UsageSource } from './usage.ts';

const nanos = z.int().nonnegative();

/** How a call ended. `refused` never reached a provider; the other four are the only terminals of an accepted call. */
export const Outcome = z.enum(['completed', 'failed', 'aborted', 'interrupted', 'refused']);
export type Outcome = z.infer<typeof Outcome>;

export const CaptureMode = z.enum(['strict', 'best_effort']);
export type CaptureMode = z.infer<typeof CaptureMode>;

/** On every event: who emitted it and where it stands in that emitter's gap-free sequence of the project (from 1). */
const stamp = {
  id: z.string(),
  emitter: z.uuid(),
  seq: z.int().positive(),
  projectId: z.string(),
  time: unixNanos,
};

/** Who called and what the caller said about it. Repeated on each event of a call: no consumer joins events. */
export const CallIdentity = z.strictObject({
  organizationId: z.string(),
  keyId: z.string(),
  /** A UUIDv7: its time is when the call began, which decides on which side of an erasure the call is. */
  callId: z.uuid(),
  traceId: z.string().length(32),
  spanId: z.string().length(16),
  parentSpanId: z.string().length(16).nullable(),
  /** `gen_ai.conversation.id`; the caller's, never invented. */
  sessionId: z.string().nullable(),
  userId: z.string().nullable(),
  environment: z.string().nullable(),
  release: z.string().nullable(),
  agentName: z.string().nullable(),
  agentVersion: z.string().nullable(),
  workflowName: z.string().nullable(),
  promptName: z.string().nullable(),
  promptVersion: z.string().nullable(),
  /** The rollout arm that served this call, with what is needed to compute the assignment again. */
  rollout: z
    .strictObject({ name: z.string(), arm: z.string(), seed: z.string(), unit: z.string() })
    .nullable(),
  links: z.array(z.strictObject({ traceId: z.string(), spanId: z.string() })),
  metadata: z.record(z.string(), z.string()),
});
export type CallIdentity = z.infer<typeof CallIdentity>;

/** What was asked, in facts: no content. */
export const CallFacts = z.strictObject({
  /** `chat`, and later the other operations of `gen_ai.operation.name`. */
  operation: z.string(),
  /** The caller's dialect: `openai-chat`. */
  dialect: z.string(),
  /** The configured provider's name, as in `provider/model`. */
  provider: z.string(),
  /** `gen_ai.provider.name`: the well-known name of the provider's kind. */
  providerKind: z.string(),
  requestModel: z.string(),
  /** The model name sent to the provider, after aliases. */
  routedModel: z.string(),
  /** The provider's API, where it is another one than the caller's: `anthropic-messages`, `bedrock-converse`, … */
  wire: z.string().optional(),
  /** The alias whose route chose the provider. */
  route: z.string().optional(),
  /** The answer came from the response cache: no provider was called, and it costs nothing. */
  cache: z.literal('hit').optional(),
  /** Parts of the request that the provider could not be told, by the caller's path. */
  dropped: z.array(z.string()).optional(),
  stream: z.boolean(),
  capture: CaptureMode,
  /** `unchecked`: the key has limits, and the counter store could not be asked. Absent: checked, or none to check. */
  limits: z.literal('unchecked').optional(),
  /**
   * Scalar request parameters: temperature, max_tokens, top_p, seed, n, tool and message counts, service tier, … A number
   * that a 64-bit float would change is text, with the digits that the caller sent.
   */
  parameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
export type CallFacts = z.infer<typeof CallFacts>;

/** Durable before the provider is called (strict capture). Carries the request as the caller sent it. */
export const CallAccepted = z.strictObject({
  ...stamp,
  type: z.literal('call.accepted'),
  call: CallIdentity,
  facts: CallFacts,
  request: Payload,
});
export type CallAccepted = z.infer<typeof CallAccepted>;

/** One part of a payload too large for its event; all parts of a payload come before the event that names it. */
export const CallPart = z.strictObject({
  ...stamp,
  type: z.literal('call.part'),
  callId: z.uuid(),
  traceId: z.string(),
  spanId: z.string(),
  part: PayloadPart,
  index: z.int().nonnegative(),
  /** Base64 of this slice of the encoded bytes. */
  data: z.string(),
});
export type CallPart = z.infer<typeof CallPart>;

/** Per chunk of the answer as it arrived: micro-seconds since the call's start, and bytes. Two arrays of one length. */
export const ChunkVector = z.strictObject({ atMicros: z.array(nanos), lengths: z.array(nanos) });
export type ChunkVector = z.infer<typeof ChunkVector>;

/** A group of answer bytes, flushed at least every 100 ms: for the live tail and for calls that never end. */
export const CallChunks = z.strictObject({
  ...stamp,
  type: z.literal('call.chunks'),
  callId: z.uuid(),
  traceId: z.string(),
  spanId: z.string(),
  /** HTTP status of the answer that these bytes belong to. */
  status: z.int(),
  chunks: ChunkVector,
  /** The bucket key that sealed `data`, in sealed projects. */
  keyId: z.string().optional(),
  /** Base64 of the chunks' bytes, joined. */
  data: z.string(),
});
export type CallChunks = z.infer<typeof CallChunks>;

export const CallError = z.strictObject({
  /** `error.type`: a closed word such as `timeout`, `upstream_error`, `client_abort`, or the provider's own type. */
  type: z.string(),
  message: z.string(),
  code: z.string().nullable(),
});
export type CallError = z.infer<typeof CallError>;

export const CallTiming = z.strictObject({
  startTime: unixNanos,
  /** From the first byte of the request's headers to the end of the call, on a monotonic clock. Nanoseconds. */
  durationNanos: nanos,
  timeToFirstChunkNanos: nanos.nullable(),
  /** What Loom added before the provider was called: read, check, route, capture. Nanoseconds. */
  gatewayOverheadNanos: nanos,
});
export type CallTiming = z.infer<typeof CallTiming>;

/** What an estimate of usage needs when the provider reports none: characters of text, told apart by token density. */
export const TextCounts = z.strictObject({
  inputAscii: nanos,
  inputOther: nanos,
  outputAscii: nanos,
  outputOther: nanos,
});
export type TextCounts = z.infer<typeof TextCounts>;

/** One try of the call at one target. The last one is the call's own answer. */
export const CallAttempt = z.strictObject({
  spanId: z.string().length(16),
  provider: z.string(),
  /** `gen_ai.provider.name` of the provider. */
  providerKind: z.string().optional(),
  model: z.string(),
  startTime: unixNanos,
  durationNanos: nanos,
  status: z.int().nullable(),
  error: CallError.nullable(),
  /** Why this target: `only`, `balanced`, `breaker`, `retry`, `next_key`, `fallback`. */
  reason: z.string().optional(),
  /** Which of the provider's keys, from 0. */
  keyIndex: z.int().nonnegative().optional(),
  /** What the attempt took although it failed (an answer that a content policy cut off). */
  usage: Usage.nullable().optional(),
  /** The tier that served it. Absent or null: the default one, or not known. */
  serviceTier: z.string().nullable().optional(),
});
export type CallAttempt = z.infer<typeof CallAttempt>;

/** Types of the end of a call. */
export const callEndedTypes = ['call.completed', 'call.failed', 'call.aborted', 'call.interrupted'] as const;

/** The one end of an accepted call, self-contained. Its id is `<callId>/end`, whoever makes it. */
export const CallEnded = z.strictObject({
  ...stamp,
  type: z.enum(callEndedTypes),
  call: CallIdentity,
  facts: CallFacts,
  /** HTTP status sent to the client; 0 when none was. */
  status: z.int().min(0).max(999),
  error: CallError.nullable(),
  timing: CallTiming,
  responseModel: z.string().nullable(),
  responseId: z.string().nullable(),
  finishReasons: z.array(z.string()),
  serviceTier: z.string().nullable(),
  systemFingerprint: z.string().nullable(),
  usage: Usage.nullable(),
  usageSource: UsageSource,
  textCounts: TextCounts.nullable(),
  /** Length and hash of the request; its bytes are in `call.accepted`. */
  request: z.strictObject({ length: z.int().nonnegative(), hash: z.string() }),
  response: Payload.nullable(),
  chunks: ChunkVector.nullable(),
  /** Answer bytes handed to the client's socket before the end. */
  deliveredBytes: z.int().nonnegative(),
  attempts: z.array(CallAttempt),
});
export type CallEnded = z.infer<typeof CallEnded>;

/** A call that was turned away after its project was known. No body, never awaited, rate-limited per key. */
export const CallRefused = z.strictObject({
  ...stamp,
  type: z.literal('call.refused'),
  call: CallIdentity,
  operation: z.string(),
  dialect: z.string(),
  /** What the caller asked for, when the body got far enough to tell; else ''. */
  requestModel: z.string(),
  status: z.int(),
  error: CallError,
  startTime: unixNanos,
  durationNanos: nanos,
});
export type CallRefused = z.infer<typeof CallRefused>;

/** Refusals that no single record was kept of, counted by reason since the summary before. */
export const CaptureRefusals = z.strictObject({
  ...stamp,
  type: z.literal('capture.refusals'),
  /** The key whose rate limit was passed; null for refusals before a project was known. */
  keyId: z.string().nullable(),
  counts: z.record(z.string(), z.int().positive()),
});
export type CaptureRefusals = z.infer<typeof CaptureRefusals>;

/** Calls of a best-effort project that went on without a record: the loss itself is the record. */
export const CaptureLost = z.strictObject({
  ...stamp,
  type: z.literal('capture.lost'),
  lostCalls: z.int().nonnegative(),
  lostEvents: z.int().nonnegative(),
  reason: z.string(),
});
export type CaptureLost = z.infer<typeof CaptureLost>;

/** The first event of an emitter, in the deployment's own project: the key that certifies its receipts (ADR 0016). */
export const EmitterOpened = z.strictObject({
  ...stamp,
  type: z.literal('emitter.opened'),
  /** Base64 of the 32 bytes of an Ed25519 public key; the private one never leaves the emitter's memory. */
  publicKey: z.string(),
});
export type EmitterOpened = z.infer<typeof EmitterOpened>;

/**
 * A bucket key that an emitter has made for a project whose content is `sealed`. Before the first event that uses it. That
 * of an end user is for calls that began in one minute: the one that its id, a UUIDv7, was made in.
 */
export const KeyCreated = z.strictObject({
  ...stamp,
  type: z.literal('key.created'),
  keyId: z.uuid(),
  /** `user/<end user>` or `day/<YYYY-MM-DD>`. */
  bucket: z.string(),
  /** Base64 of the 32 bytes, sealed with the master key for the record `keyId`, field `bucketKey`. */
  sealed: z.string(),
});
export type KeyCreated = z.infer<typeof KeyCreated>;

/** The last event of an emitter, written by itself or by its successor: nothing comes after these sequences. */
export const EmitterClosed = z.strictObject({
  ...stamp,
  type: z.literal('emitter.closed'),
  /** Last sequence by project, this event included. */
  lastSeq: z.record(z.string(), z.int().nonnegative()),
  closedBy: z.uuid(),
});
export type EmitterClosed = z.infer<typeof EmitterClosed>;

/** Every record of topic `loom.traces.v1`. */
export const TraceEvent = z.discriminatedUnion('type', [
  CallAccepted,
  CallPart,
  CallChunks,
  CallEnded,
  CallRefused,
  CaptureRefusals,
  CaptureLost,
  EmitterOpened,
  KeyCreated,
  EmitterClosed,
]);
export type TraceEvent = z.infer<typeof TraceEvent>;

const outcomeByType = {
  'call.completed': 'completed',
  'call.failed': 'failed',
  'call.aborted': 'aborted',
  'call.interrupted': 'interrupted',
} as const satisfies Record<CallEnded['type'], Outcome>;

export function outcomeOf(event: CallEnded): (typeof outcomeByType)[CallEnded['type']] {
  return outcomeByType[event.type];
}

export function isCallEnded(event: TraceEvent): event is CallEnded {
  return event.type in outcomeByType;
}

/** Deterministic ids: the same thing made twice has the same id. */
export const eventIds = {
  accepted: (callId: string) => `${callId}/accepted`,
  ended: (callId: string) => `${callId}/end`,
  cost: (endedId: string, priceBookVersion: string) => `${endedId}/cost/${priceBookVersion}`,
  /** Of an attempt that took tokens and was not the call's answer. */
  attemptCost: (endedId: string, spanId: string, priceBookVersion: string) =>
    `${endedId}/attempt/${spanId}/cost/${priceBookVersion}`,
  /** Of one record for one consumer group: several may set the same record aside. */
  deadLetter: (group: string, topic: string, partition: string, offset: number) =>
    `${topic}/${partition}/${offset}/dead/${group}`,
};

/** Deployment-wide events (refusals before a project is known, emitter ends) belong to this project. */
export const systemProjectId = 'system';
