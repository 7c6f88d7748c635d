import type {
  CallAttempt,
  CaptureMode,
  CostComputed,
  Outcome,
  PayloadPart,
  TokenBuckets,
  UsageDetails,
  UsageSource,
} from '@loom/trace-schema';

/*
 * What the store keeps. Instants are unix nanoseconds as decimal strings, durations nanoseconds. A text that is not
 * known is '' (no column is nullable); only where '' or 0 would be a lie does a field allow null.
 */

/** Who called, with which words about it: the same on spans and on calls in flight. */
export interface CallRow {
  readonly organizationId: string;
  readonly projectId: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly callId: string;
  readonly keyId: string;
  readonly startTime: string;
  readonly sessionId: string;
  readonly userId: string;
  readonly environment: string;
  readonly release: string;
  readonly agentName: string;
  readonly agentVersion: string;
  readonly workflowName: string;
  readonly promptName: string;
  readonly promptVersion: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly operation: string;
  readonly dialect: string;
  readonly provider: string;
  readonly providerKind: string;
  readonly requestModel: string;
  readonly routedModel: string;
  /** The provider's API where it is another one than the caller's; '' where it is the same. */
  readonly wire: string;
  /** The alias whose route chose the provider; '' for a model that was named directly. */
  readonly route: string;
  /** `hit`: the response cache answered. */
  readonly cache: string;
  /** Parts of the request that the provider could not be told. */
  readonly dropped: readonly string[];
  readonly stream: boolean;
  readonly capture: CaptureMode;
  /** Scalar request parameters, each as its JSON text: `{"temperature":"0.2","service_tier":"\"flex\""}`. */
  readonly parameters: Readonly<Record<string, string>>;
  /**
   * The first characters of the last user message, at most {@link previewLengthMax}. A span is written with '' (its
   * terminal has no request) and read with the preview of its accepted call.
   */
  readonly inputPreview: string;
  readonly requestLength: number;
  readonly requestHash: string;
  /** Paths of facts that were in the event and could not be read: `facts.parameters.seed`. */
  readonly lostFacts: readonly string[];
  /** The event that this row was made from. */
  readonly eventId: string;
  readonly emitter: string;
  readonly seq: number;
}

/** A call in flight: accepted, and without a span until its terminal comes. */
export type AcceptedRow = CallRow;

/** One finished operation. Written once, at its terminal; never changed. */
export interface SpanRow extends CallRow {
  readonly durationNanos: number;
  readonly timeToFirstChunkNanos: number | null;
  readonly gatewayOverheadNanos: number;
  readonly outcome: Outcome;
  /** HTTP status handed to the client; 0 when none was. */
  readonly status: number;
  readonly errorType: string;
  readonly errorMessage: string;
  readonly errorCode: string;
  readonly responseModel: string;
  readonly responseId: string;
  readonly finishReasons: readonly string[];
  readonly serviceTier: string;
  readonly systemFingerprint: string;
  readonly tokens: TokenBuckets;
  readonly usageSource: UsageSource;
  /** False when the provider's token parts exceeded its whole. */
  readonly usageConsistent: boolean;
  /** `{}` when there are none, and on spans of older versions. */
  readonly usageDetails: UsageDetails;
  readonly outputPreview: string;
  readonly responseLength: number;
  readonly responseHash: string;
  readonly deliveredBytes: number;
  readonly chunkAtMicros: readonly number[];
  readonly chunkLengths: readonly number[];
  readonly attempts: readonly CallAttempt[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly rolloutName: string;
  readonly rolloutArm: string;
  readonly rolloutSeed: string;
  readonly rolloutUnit: string;
}

export const previewLengthMax = 200;

/** Index of a payload's head row. */
export const payloadHeadIndex = -1;

/**
 * A payload is one head ({@link payloadHeadIndex}) that says how to read it, with all its bytes when they travelled
 * inline, and else `parts` slices numbered from 0, which may be written before the head. A slice has only its place
 * and its bytes: `codec` 'identity', `keyId` null, lengths 0 and `hash` ''.
 */
export interface PayloadRow {
  readonly projectId: string;
  readonly spanId: string;
  readonly part: PayloadPart;
  readonly index: number;
  /** When the event was made: chooses the partition. */
  readonly time: string;
  readonly codec: 'identity' | 'zstd';
  readonly keyId: string | null;
  readonly length: number;
  readonly storedLength: number;
  readonly hash: string;
  readonly parts: number;
  /** Base64 of the encoded bytes of this row. */
  readonly data: string;
}

/** The words of one part of a call, for search by token. Not written for sealed projects. */
export interface TextRow {
  readonly projectId: string;
  readonly startTime: string;
  readonly spanId: string;
  readonly part: PayloadPart;
  readonly text: string;
}

/** The store keeps costs as the pricing service computed them. */
export type CostRow = CostComputed;

/** A fact about capture itself: refusal summaries, losses, ends of emitters. */
export interface CaptureEventRow {
  readonly projectId: string;
  readonly time: string;
  readonly type: 'capture.refusals' | 'capture.lost' | 'emitter.closed';
  readonly eventId: string;
  readonly emitter: string;
  readonly seq: number;
  /** The event's own fields as JSON. */
  readonly body: string;
}
