import { createHash } from 'node:crypto';
import {
  type CallAccepted,
  type CallEnded,
  eventIds,
  millisOfNanos,
  newSpanId,
  newTraceId,
  newUuid,
  type Payload,
} from '@loom/trace-schema';

/** A whole millisecond: it is the time of the call's id too. */
export const startTime = '1772600400123000000';

export function inline(bytes: Buffer, encoded = bytes, codec: Payload['codec'] = 'identity'): Payload {
  return {
    codec,
    keyId: null,
    length: bytes.length,
    hash: createHash('sha256').update(bytes).digest('hex'),
    storedLength: bytes.length,
    parts: 0,
    data: encoded.toString('base64'),
  };
}

/** One call of a project: what was accepted and how it ended. */
export function callEvents(projectId: string, request: Payload, response: Payload | null) {
  const callId = newUuid(millisOfNanos(startTime));
  const stamp = { emitter: newUuid(), projectId, time: startTime };
  const call: CallAccepted['call'] = {
    organizationId: 'org',
    keyId: 'key-1',
    callId,
    traceId: newTraceId(),
    spanId: newSpanId(),
    parentSpanId: null,
    sessionId: 'session-1',
    userId: null,
    environment: 'production',
    release: null,
    agentName: null,
    agentVersion: null,
    workflowName: null,
    promptName: null,
    promptVersion: null,
    rollout: { name: 'canary', arm: 'b', seed: 's', unit: 'u' },
    links: [],
    metadata: { team: 'search' },
  };
  const facts: CallAccepted['facts'] = {
    operation: 'chat',
    dialect: 'openai-chat',
    provider: 'openai',
    providerKind: 'openai',
    requestModel: 'gpt-4o-mini',
    routedModel: 'gpt-4o-mini',
    stream: false,
    capture: 'strict',
    parameters: { temperature: 0.2, service_tier: 'flex', logprobs: false },
  };
  const accepted: CallAccepted = {
    ...stamp, type: 'call.accepted', id: eventIds.accepted(callId), seq: 1, call, facts, request,
  }; // prettier-ignore
  const ended: CallEnded = {
    ...stamp,
    type: 'call.completed',
    id: eventIds.ended(callId),
    seq: 2,
    call,
    facts,
    status: 200,
    error: null,
    timing: {
      startTime,
      durationNanos: 9_000_000,
      timeToFirstChunkNanos: null,
      gatewayOverheadNanos: 70_000,
    },
    responseModel: 'gpt-4o-mini-2024-07-18',
    responseId: 'chatcmpl-1',
    finishReasons: ['stop'],
    serviceTier: 'default',
    systemFingerprint: null,
    usage: {
      inputTokens: 100,
      cacheReadInputTokens: 40,
      cacheWriteInputTokens: 0,
      inputAudioTokens: 0,
      outputTokens: 30,
      reasoningOutputTokens: 20,
      outputAudioTokens: 0,
    },
    usageSource: 'provider',
    textCounts: null,
    request: { length: request.length, hash: request.hash },
    response,
    chunks: { atMicros: [10, 20], lengths: [3, 4] },
    deliveredBytes: 7,
    attempts: [],
  };
  return { accepted, ended };
}
