import { Outcome } from '@loom/trace-schema';
import * as z from 'zod';
import { CallInFlight, Instant, SpanError, SpanUsage } from './trace.ts';

const place = { time: Instant, traceId: z.string(), spanId: z.string(), callId: z.string() };

/** What `GET /v1/live` sends: the SSE event's name is `type`, its data this object as JSON on one line. */
export const LiveEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('call.accepted'), time: Instant, ...CallInFlight.shape }),
  z.object({ type: z.literal('call.first-chunk'), ...place, status: z.int() }),
  z.object({
    type: z.literal('call.ended'),
    ...place,
    outcome: Outcome,
    status: z.int().nonnegative(),
    operation: z.string(),
    provider: z.string(),
    requestModel: z.string(),
    responseModel: z.string().nullable(),
    streamed: z.boolean(),
    durationMs: z.number(),
    timeToFirstChunkMs: z.number().nullable(),
    usage: SpanUsage.nullable(),
    finishReasons: z.array(z.string()),
    keyId: z.string(),
    userId: z.string().nullable(),
    sessionId: z.string().nullable(),
    error: SpanError.nullable(),
  }),
  z.object({
    type: z.literal('call.refused'),
    ...place,
    status: z.int(),
    requestModel: z.string(),
    keyId: z.string(),
    error: SpanError,
  }),
  z.object({
    type: z.literal('cost.computed'),
    ...place,
    state: z.enum(['priced', 'partial', 'unpriced']),
    reason: z.string(),
    totalUsd: z.string(),
  }),
  /** The reader was too slow: this many events were left out here. */
  z.object({ type: z.literal('events.dropped'), time: Instant, count: z.int().positive() }),
]);
export type LiveEvent = z.infer<typeof LiveEvent>;
