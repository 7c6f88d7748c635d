import { zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { newUuid, type TraceEvent } from '@loom/trace-schema';
import { type EventReaders, rowsOfEvent } from './rows-of-event.ts';
import { callEvents, inline, startTime } from './testing/call-events.ts';

const readers: EventReaders = {
  answerText: (_wire, bytes, stream) => `${stream ? 'stream' : 'whole'} ${bytes.toString()}`,
  estimateUsage: (counts) => ({
    inputTokens: counts.inputAscii,
    cacheReadInputTokens: 0,
    cacheWriteInputTokens: 0,
    inputAudioTokens: 0,
    outputTokens: counts.outputAscii,
    reasoningOutputTokens: 0,
    outputAudioTokens: 0,
  }),
};
const request = Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: 'what is it' }] }));
const answer = Buffer.from('it is this');

describe('rowsOfEvent', () => {
  it('makes a call in flight of an accepted call, with its request and its words', () => {
    const { accepted } = callEvents('p1', inline(request, zstdCompressSync(request), 'zstd'), null);
    const rows = rowsOfEvent(accepted, readers);
    expect(rows.accepted).toEqual([
      expect.objectContaining({
        eventId: accepted.id,
        startTime,
        inputPreview: 'what is it',
        requestHash: accepted.request.hash,
        parentSpanId: '',
        parameters: { temperature: '0.2', service_tier: '"flex"', logprobs: 'false' },
      }),
    ]);
    expect(rows.payloads).toEqual([
      expect.objectContaining({ part: 'request', index: -1, codec: 'zstd', data: accepted.request.data }),
    ]);
    expect(rows.texts).toEqual([expect.objectContaining({ part: 'request', text: 'what is it' })]);
    expect(rows.spans).toBeUndefined();
  });

  it('makes a span of a terminal, with disjoint tokens', () => {
    const { ended } = callEvents('p1', inline(request), inline(answer));
    const rows = rowsOfEvent(ended, readers);
    expect(rows.spans?.[0]).toMatchObject({
      outcome: 'completed',
      tokens: { inputUncached: 60, cacheRead: 40, outputText: 10, reasoning: 20 },
      usageSource: 'provider',
      usageConsistent: true,
      outputPreview: 'whole it is this',
      rolloutArm: 'b',
      chunkAtMicros: [10, 20],
      sessionId: 'session-1',
      userId: '',
    });
    expect(rows.texts).toEqual([expect.objectContaining({ part: 'response', text: 'whole it is this' })]);
  });

  it('estimates usage only where the provider reported none and something was answered', () => {
    const { ended } = callEvents('p1', inline(request), null);
    const textCounts = { inputAscii: 8, inputOther: 0, outputAscii: 4, outputOther: 0 };
    const unreported = { ...ended, usage: null, usageSource: 'none' as const, textCounts };
    expect(rowsOfEvent(unreported, readers).spans?.[0]).toMatchObject({
      usageSource: 'estimated',
      tokens: { inputUncached: 8, outputText: 4 },
    });
    const unanswered = {
      ...unreported,
      type: 'call.failed' as const,
      textCounts: { ...textCounts, outputAscii: 0 },
    };
    expect(rowsOfEvent(unanswered, readers).spans?.[0]).toMatchObject({
      outcome: 'failed',
      usageSource: 'none',
      tokens: { inputUncached: 0 },
    });
  });

  it('keeps sealed and broken payloads as they are, without words', () => {
    const broken = { ...inline(request), codec: 'zstd' as const };
    const sealed = { ...inline(request), keyId: 'bucket-1' };
    for (const payload of [broken, sealed]) {
      const rows = rowsOfEvent(callEvents('p1', payload, null).accepted, readers);
      expect(rows.texts).toEqual([]);
      expect(rows.accepted?.[0]?.inputPreview).toBe('');
      expect(rows.payloads?.[0]).toMatchObject({ keyId: payload.keyId, data: payload.data });
    }
  });

  it('makes slices of parts, a span of a refusal, a fact of what capture says, nothing of chunks', () => {
    const { accepted } = callEvents('p1', inline(request), null);
    const { emitter, projectId, time, call } = accepted;
    const stamp = { id: newUuid(), emitter, seq: 3, projectId, time };
    const place = { callId: call.callId, traceId: call.traceId, spanId: call.spanId };
    const rowsOf = (event: TraceEvent) => rowsOfEvent(event, readers);
    expect(
      rowsOf({ ...stamp, ...place, type: 'call.part', part: 'response', index: 2, data: 'AAEC' }),
    ).toEqual({
      payloads: [expect.objectContaining({ part: 'response', index: 2, data: 'AAEC', parts: 0, hash: '' })],
    });
    const chunks = { atMicros: [1], lengths: [3] };
    expect(rowsOf({ ...stamp, ...place, type: 'call.chunks', status: 200, chunks, data: 'AAEC' })).toEqual(
      {},
    );
    const error = { type: 'rate_limited', message: 'slow down', code: null };
    const refused = {
      operation: 'chat',
      dialect: 'openai-chat',
      requestModel: '',
      status: 429,
      error,
      startTime,
    };
    expect(rowsOf({ ...stamp, ...refused, type: 'call.refused', call, durationNanos: 5 }).spans).toEqual([
      expect.objectContaining({
        outcome: 'refused',
        status: 429,
        errorType: 'rate_limited',
        usageSource: 'none',
      }),
    ]);
    expect(rowsOf({ ...stamp, type: 'capture.lost', lostCalls: 2, lostEvents: 5, reason: 'disk' }).captureEvents).toEqual([
      { projectId, time, emitter, seq: 3, eventId: stamp.id, type: 'capture.lost', body: '{"lostCalls":2,"lostEvents":5,"reason":"disk"}' },
    ]); // prettier-ignore
  });
});
