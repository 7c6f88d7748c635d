import { zstdDecompressSync } from 'node:zlib';
import type { LiveEvent } from '@loom/api-contract';
import { type CostComputed, isCallEnded, outcomeOf, type Payload, type TraceEvent } from '@loom/trace-schema';
import { toInstant, toMilliseconds } from './instants.ts';
import { withTotal } from './span-view.ts';

const previewBytesMax = 256 * 1024;
const previewLengthMax = 200;

/** What the live tail says of one event of the stream; null for events that it does not show. */
export function toLiveEvent(event: TraceEvent | CostComputed): LiveEvent | null {
  if (event.type === 'cost.computed') return fromCost(event);
  if (isCallEnded(event)) return fromEnded(event);
  switch (event.type) {
    case 'call.accepted':
      return fromAccepted(event);
    case 'call.chunks': {
      const { traceId, spanId, callId, status, time } = event;
      return { type: 'call.first-chunk', time: toInstant(time), traceId, spanId, callId, status };
    }
    case 'call.refused': {
      const { status, requestModel, error, time, call } = event;
      const { keyId, ...place } = placeOf(call);
      return { type: 'call.refused', time: toInstant(time), ...place, keyId, status, requestModel, error };
    }
    default:
      return null;
  }
}

type EventOf<Type> = Extract<TraceEvent, { type: Type }>;

function placeOf({ traceId, spanId, callId, keyId }: EventOf<'call.accepted'>['call']) {
  return { traceId, spanId, callId, keyId };
}

function fromAccepted({ call, facts, time, request }: EventOf<'call.accepted'>): LiveEvent {
  return {
    type: 'call.accepted',
    time: toInstant(time),
    startTime: toInstant(time),
    ...placeOf(call),
    operation: facts.operation,
    provider: facts.provider,
    requestModel: facts.requestModel,
    routedModel: facts.routedModel,
    streamed: facts.stream,
    userId: call.userId,
    sessionId: call.sessionId,
    inputPreview: previewOf(request),
  };
}

function fromEnded(event: Parameters<typeof outcomeOf>[0]): LiveEvent {
  const { call, facts, timing, status, responseModel, finishReasons, error, usage } = event;
  return {
    type: 'call.ended',
    time: toInstant(event.time),
    ...placeOf(call),
    outcome: outcomeOf(event),
    status,
    operation: facts.operation,
    provider: facts.provider,
    requestModel: facts.requestModel,
    responseModel,
    streamed: facts.stream,
    durationMs: toMilliseconds(timing.durationNanos),
    timeToFirstChunkMs:
      timing.timeToFirstChunkNanos === null ? null : toMilliseconds(timing.timeToFirstChunkNanos),
    usage: usage && withTotal(usage),
    finishReasons,
    userId: call.userId,
    sessionId: call.sessionId,
    error,
  };
}

function fromCost({ time, traceId, spanId, callId, state, reason, totalUsd }: CostComputed): LiveEvent {
  return { type: 'cost.computed', time: toInstant(time), traceId, spanId, callId, state, reason, totalUsd };
}

/** The first characters of the last user message, when the request is small, whole and readable. */
function previewOf({ codec, keyId, data, length }: Payload): string {
  if (data === null || keyId !== null || length > previewBytesMax) return '';
  try {
    const encoded = Buffer.from(data, 'base64');
    const plain =
      codec === 'zstd' ? zstdDecompressSync(encoded, { maxOutputLength: previewBytesMax }) : encoded;
    const body = JSON.parse(plain.toString('utf8')) as { messages?: { role?: unknown; content?: unknown }[] };
    return textOf(body.messages?.findLast(({ role }) => role === 'user')?.content).slice(0, previewLengthMax);
  } catch {
    return ''; // not JSON, or not a chat: there is nothing to show
  }
}

function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  const text = (content as { text?: unknown }[]).find((part) => typeof part.text === 'string')?.text;
  return typeof text === 'string' ? text : '';
}
