import type { CallEnded, CallFacts, CallIdentity, TraceEvent } from '../call-events.ts';
import type { Payload } from '../payload.ts';
import type { Usage } from '../usage.ts';

const emitter = '0193a0c0-0000-7000-8000-000000000001';
const callId = '0193a0c0-0000-7000-8000-000000000002';
const stamp = { id: 'e1', emitter, seq: 1, projectId: 'p1', time: '1763000000000000000' };
const ids = { callId, traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) };
const refusal = { type: 'rate_limited', message: 'too many', code: null };

const call: CallIdentity = {
  ...{ organizationId: 'o1', keyId: 'k1', ...ids, parentSpanId: null, sessionId: null, userId: null },
  ...{ environment: null, release: null, agentName: null, agentVersion: null, workflowName: null },
  ...{ promptName: null, promptVersion: null },
  rollout: { name: 'r', arm: 'a', seed: 's', unit: 'u' },
  links: [{ traceId: 'a'.repeat(32), spanId: 'b'.repeat(16) }],
  metadata: { team: 'search' },
};

const facts: CallFacts = {
  ...{ operation: 'chat', dialect: 'openai-chat', provider: 'sim', providerKind: 'sim', requestModel: 'm' },
  ...{ routedModel: 'm', stream: false, capture: 'strict' },
  parameters: { temperature: 1, tool_choice: 'auto', store: true },
};

const payload: Payload = {
  ...{
    codec: 'identity',
    keyId: null,
    length: 2,
    hash: 'a'.repeat(64),
    storedLength: 2,
    parts: 0,
    data: 'e30=',
  },
};

const usage: Usage = {
  ...{ inputTokens: 9, cacheReadInputTokens: 1, cacheWriteInputTokens: 0, inputAudioTokens: 0 },
  ...{ outputTokens: 5, reasoningOutputTokens: 0, outputAudioTokens: 0 },
};

const ended: CallEnded = {
  ...stamp,
  type: 'call.completed',
  ...{ call, facts, status: 200, error: null },
  timing: {
    ...{
      startTime: '1763000000000000000',
      durationNanos: 5,
      timeToFirstChunkNanos: 5,
      gatewayOverheadNanos: 6,
    },
  },
  ...{
    responseModel: 'm',
    responseId: 'x',
    finishReasons: ['stop'],
    serviceTier: null,
    systemFingerprint: null,
  },
  ...{ usage, usageSource: 'provider', request: { length: 2, hash: 'a'.repeat(64) }, response: payload },
  textCounts: { inputAscii: 1, inputOther: 0, outputAscii: 2, outputOther: 0 },
  chunks: { atMicros: [1, 2], lengths: [3, 4] },
  deliveredBytes: 5,
  attempts: [
    {
      ...{ spanId: 'c'.repeat(16), provider: 'sim', model: 'm', startTime: '1763000000000000000' },
      ...{ durationNanos: 3, status: 429, error: refusal, reason: 'retry', usage: null },
    },
  ],
};

/** One valid event of each type; of the ends of a call, one. */
export const sampleEvents = {
  'call.accepted': { ...stamp, type: 'call.accepted', call, facts, request: payload },
  'call.part': { ...stamp, type: 'call.part', ...ids, part: 'request', index: 0, data: 'e30=' },
  'call.chunks': {
    ...{ ...stamp, type: 'call.chunks', ...ids, status: 200, data: 'e30=' },
    chunks: { atMicros: [1], lengths: [2] },
  },
  'call.completed': ended,
  'call.refused': {
    ...{ ...stamp, type: 'call.refused', call, operation: 'chat', dialect: 'openai-chat', requestModel: 'm' },
    ...{ status: 429, error: refusal, startTime: '1763000000000000000', durationNanos: 1 },
  },
  'capture.refusals': { ...stamp, type: 'capture.refusals', keyId: null, counts: { rate_limited: 2 } },
  'capture.lost': { ...stamp, type: 'capture.lost', lostCalls: 1, lostEvents: 1, reason: 'outbox_failed' },
  'emitter.opened': { ...stamp, type: 'emitter.opened', publicKey: 'AA==' },
  'key.created': { ...stamp, type: 'key.created', keyId: callId, bucket: 'day/2026-01-01', sealed: 'AA==' },
  'emitter.closed': { ...stamp, type: 'emitter.closed', lastSeq: { p1: 3 }, closedBy: emitter },
} satisfies Record<string, TraceEvent>;
