import { createHash } from 'node:crypto';
import type { NewRecord } from '@loom/event-stream';
import {
  type CallAccepted,
  type CallEnded,
  cloudEventHeaders,
  eventIds,
  newSpanId,
  newTraceId,
  newUuid,
  type Payload,
  systemProjectId,
  type TraceEvent,
} from '@loom/trace-schema';

const startTime = '1772600400123456789';

function payloadOf(text: string): Payload {
  const bytes = Buffer.from(text);
  const hash = createHash('sha256').update(bytes).digest('hex');
  const length = bytes.length;
  return {
    codec: 'identity',
    keyId: null,
    length,
    hash,
    storedLength: length,
    parts: 0,
    data: bytes.toString('base64'),
  };
}

type Unstamped<Event> = Omit<Event, 'emitter' | 'seq' | 'projectId' | 'time'>;

/** An emitter: numbers its events per project. */
export class TestEmitter {
  readonly id = newUuid();
  readonly #seq = new Map<string, number>();

  get lastSeq(): Record<string, number> {
    return Object.fromEntries(this.#seq);
  }

  stamp<Event extends TraceEvent>(projectId: string, event: Unstamped<Event>): Event {
    const seq = (this.#seq.get(projectId) ?? 0) + 1;
    this.#seq.set(projectId, seq);
    return { ...event, emitter: this.id, seq, projectId, time: startTime } as unknown as Event;
  }

  opened(): TraceEvent {
    const event = { id: `${this.id}/opened`, type: 'emitter.opened' as const, publicKey: 'AAAA' };
    return this.stamp(systemProjectId, event);
  }

  closed(): TraceEvent {
    const lastSeq = { ...this.lastSeq, [systemProjectId]: (this.lastSeq[systemProjectId] ?? 0) + 1 };
    const event = { id: `${this.id}/closed`, type: 'emitter.closed' as const, lastSeq, closedBy: this.id };
    return this.stamp(systemProjectId, event);
  }

  /** A call of two events, and a chunk group between them. */
  call(
    projectId: string,
    { userId = null as string | null, request = 'ask', response = 'answer', beganAtMs = Date.now() } = {},
  ) {
    const callId = newUuid(beganAtMs);
    const identity = callIdentity(callId, userId);
    const accepted = this.stamp<CallAccepted>(projectId, {
      ...{ id: eventIds.accepted(callId), type: 'call.accepted', call: identity, facts },
      request: payloadOf(request),
    });
    const { traceId, spanId } = identity;
    const chunks = this.stamp<TraceEvent>(projectId, {
      ...{ id: `${callId}/chunks/1`, type: 'call.chunks', callId, traceId, spanId, status: 200 },
      ...{ chunks: { atMicros: [1], lengths: [3] }, data: 'YWJj' },
    } as never);
    const ended = this.stamp<CallEnded>(projectId, endedFields(callId, identity, { request, response }));
    return { callId, accepted, chunks, ended };
  }
}

const facts: CallAccepted['facts'] = {
  ...{ operation: 'chat', dialect: 'openai-chat', provider: 'openai', providerKind: 'openai' },
  ...{
    requestModel: 'gpt-4o-mini',
    routedModel: 'gpt-4o-mini',
    stream: false,
    capture: 'strict',
    parameters: {},
  },
};

function callIdentity(callId: string, userId: string | null): CallAccepted['call'] {
  return {
    ...{ organizationId: 'org', keyId: 'key-1', callId, traceId: newTraceId(), spanId: newSpanId() },
    ...{
      parentSpanId: null,
      sessionId: 'session-1',
      userId,
      environment: null,
      release: null,
      agentName: null,
    },
    ...{
      agentVersion: null,
      workflowName: null,
      promptName: null,
      promptVersion: null,
      rollout: null,
      links: [],
    },
    metadata: { team: 'search' },
  };
}

function endedFields(
  callId: string,
  call: CallAccepted['call'],
  { request, response }: { readonly request: string; readonly response: string },
): Unstamped<CallEnded> {
  const { length, hash } = payloadOf(request);
  const tokens = {
    inputTokens: 100,
    cacheReadInputTokens: 40,
    cacheWriteInputTokens: 0,
    inputAudioTokens: 0,
  };
  return {
    ...{ id: eventIds.ended(callId), type: 'call.completed', call, facts, status: 200, error: null },
    timing: {
      startTime,
      durationNanos: 9_000_000,
      timeToFirstChunkNanos: null,
      gatewayOverheadNanos: 70_000,
    },
    ...{ responseModel: 'gpt-4o-mini-2024-07-18', responseId: 'chatcmpl-1', finishReasons: ['stop'] },
    ...{ serviceTier: null, systemFingerprint: null, usageSource: 'provider', textCounts: null },
    usage: { ...tokens, outputTokens: 30, reasoningOutputTokens: 20, outputAudioTokens: 0 },
    ...{ request: { length, hash }, response: payloadOf(response), chunks: { atMicros: [10], lengths: [6] } },
    ...{ deliveredBytes: 6, attempts: [] },
  };
}

/** An event as its emitter appends it. */
export function recordOf(event: TraceEvent): NewRecord {
  const { id, type, emitter: source, projectId, seq } = event;
  return {
    key: `${projectId}/${source}`,
    headers: cloudEventHeaders({ id, type, source, subject: id, timeMs: 0, projectId, seq }),
    value: Buffer.from(JSON.stringify(event)),
  };
}
