import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { type Batch, openEventStream, type StreamRecord } from '@loom/event-stream';
import { PriceBook } from '@loom/pricing';
import { DeadLetters, EventStreamClient } from '@loom/service-kit';
import { Metrics } from '@loom/telemetry';
import {
  type CallEnded,
  CostComputed,
  DeadLetter,
  eventIds,
  newSpanId,
  newTraceId,
  newUuid,
  topics,
  type Usage,
} from '@loom/trace-schema';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.ts';
import { PricingPipeline } from './pricing-pipeline.ts';
import { TracesController } from './traces.controller.ts';

const usage: Usage = {
  inputTokens: 1000,
  cacheReadInputTokens: 0,
  cacheWriteInputTokens: 0,
  inputAudioTokens: 0,
  outputTokens: 100,
  reasoningOutputTokens: 0,
  outputAudioTokens: 0,
};

function ended(changes: Partial<CallEnded> = {}, kind = 'openai', model = 'm1'): CallEnded {
  const callId = newUuid();
  return {
    id: eventIds.ended(callId),
    emitter: newUuid(),
    seq: 2,
    projectId: 'p1',
    time: '1790000000000000000',
    type: 'call.completed',
    call: {
      organizationId: 'org1',
      keyId: 'k1',
      callId,
      traceId: newTraceId(),
      spanId: newSpanId(),
      parentSpanId: null,
      sessionId: null,
      userId: 'u1',
      environment: null,
      release: null,
      agentName: null,
      agentVersion: null,
      workflowName: null,
      promptName: null,
      promptVersion: null,
      rollout: null,
      links: [],
      metadata: {},
    },
    facts: {
      operation: 'chat',
      dialect: 'openai-chat',
      provider: kind,
      providerKind: kind,
      requestModel: model,
      routedModel: model,
      stream: false,
      capture: 'strict',
      parameters: {},
    },
    status: 200,
    error: null,
    timing: {
      startTime: '1790000000000000000',
      durationNanos: 5,
      timeToFirstChunkNanos: null,
      gatewayOverheadNanos: 1,
    },
    responseModel: model,
    responseId: null,
    finishReasons: ['stop'],
    serviceTier: null,
    systemFingerprint: null,
    usage,
    usageSource: 'provider',
    textCounts: null,
    request: { length: 2, hash: 'a'.repeat(64) },
    response: null,
    chunks: null,
    deliveredBytes: 0,
    attempts: [],
    ...changes,
  };
}

const book = new PriceBook([
  {
    id: 'l',
    version: 'v1',
    provider: 'openai',
    organizationId: null,
    entries: [
      {
        model: 'm1',
        match: [{ op: 'equals', value: 'm1' }],
        from: null,
        serviceTier: 'default',
        prices: { inputUncached: { base: '1', tiers: [] }, outputText: { base: '10', tiers: [] } },
      },
    ],
  },
]);

async function open() {
  const stream = await openEventStream(new URL('memory:'));
  const client = new EventStreamClient(stream);
  const metrics = new Metrics({ processMetrics: false });
  const deps = {
    client,
    deadLetters: new DeadLetters({ client, group: 'pricing', metrics }),
    priceBook: () => book,
    estimateUsage: (counts: { inputAscii: number }) => ({ ...usage, inputTokens: counts.inputAscii / 4 }),
  };
  const recordsOf = async (topic: string): Promise<StreamRecord[]> => {
    const records: StreamRecord[] = [];
    const tail = await stream.tail({ topics: [topic], from: 'beginning' }, (more) => records.push(...more));
    await tail.close();
    return records;
  };
  const costsOf = async () =>
    (await recordsOf(topics.costs)).map(({ value }) => CostComputed.parse(JSON.parse(value.toString())));
  return { deps, recordsOf, costsOf, pipeline: new PricingPipeline(deps) };
}

function batchOf(...values: (object | string)[]): Batch {
  const records = values.map((value, offset) => ({
    topic: topics.traces,
    partition: '0',
    offset,
    timestampMs: 0,
    key: 'k',
    headers: {},
    value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  }));
  const shape = { topic: topics.traces, partition: '0', redelivered: false };
  return { ...shape, records, firstOffset: 0, lastOffset: records.length - 1 };
}

describe('PricingPipeline', () => {
  it('makes one cost event of one terminal, with what filters and rollups need', async () => {
    const { pipeline, costsOf, recordsOf } = await open();
    const event = ended();
    expect(await pipeline.handle(batchOf(event))).toEqual({
      priced: 1,
      partial: 0,
      unpriced: 0,
      deadLetters: 0,
    });
    expect(await costsOf()).toEqual([
      expect.objectContaining({
        id: `${event.id}/cost/v1`,
        seq: 1,
        totalUsd: '0.002',
        state: 'priced',
        spanId: event.call.spanId,
        userId: 'u1',
        startTime: event.timing.startTime,
      }),
    ]);
    const [record] = await recordsOf(topics.costs);
    expect(record?.headers).toMatchObject({ ce_type: 'loom.cost.computed', ce_id: `${event.id}/cost/v1` });
    expect(record?.key).toMatch(/^p1\/[0-9a-f-]{36}$/);
  });

  it('prices what a failed attempt took beside the call, and not the attempt that answered', async () => {
    const { pipeline, costsOf } = await open();
    const attempt = (spanId: string) => ({
      ...{ spanId, provider: 'one', providerKind: 'openai', model: 'm1', startTime: '1790000000000000000' },
      ...{ durationNanos: 1, status: 200, error: null, usage },
    });
    const event = ended({ attempts: [attempt('a'.repeat(16)), attempt('b'.repeat(16))] });
    expect(await pipeline.handle(batchOf(event))).toMatchObject({ priced: 2 });
    expect((await costsOf()).map(({ id, spanId, totalUsd }) => [id, spanId, totalUsd])).toEqual([
      [`${event.id}/cost/v1`, event.call.spanId, '0.002'],
      [`${event.id}/attempt/${'a'.repeat(16)}/cost/v1`, 'a'.repeat(16), '0.002'],
    ]);
  });

  it('prices an answer of the response cache at nothing, whatever its usage', async () => {
    const { pipeline, costsOf } = await open();
    const event = ended();
    await pipeline.handle(batchOf({ ...event, facts: { ...event.facts, cache: 'hit' } }));
    expect(await costsOf()).toMatchObject([
      { state: 'priced', totalUsd: '0', reason: 'cache_hit', lines: [] },
    ]);
  });

  it('gives a batch that comes twice the same ids, and a gap-free sequence per project', async () => {
    const { pipeline, costsOf } = await open();
    const batch = batchOf(ended(), ended({ projectId: 'p2' }), ended());
    await pipeline.handle(batch);
    await pipeline.handle(batch);
    const costs = await costsOf();
    expect(new Set(costs.map(({ id }) => id)).size).toBe(3);
    expect(costs.filter(({ projectId }) => projectId === 'p1').map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  });

  it('rejects when the costs are not durable and uses their sequences again', async () => {
    const { deps, costsOf } = await open();
    let failures = 1;
    const client = {
      append: (...call: Parameters<typeof deps.client.append>) =>
        failures-- > 0 ? Promise.reject(new Error('disk full')) : deps.client.append(...call),
    };
    const pipeline = new PricingPipeline({ ...deps, client });
    const batch = batchOf(ended());
    await expect(pipeline.handle(batch)).rejects.toThrow('disk full');
    await pipeline.handle(batch);
    expect((await costsOf()).map(({ seq }) => seq)).toEqual([1]);
  });

  it('estimates when only text was counted, and says so', async () => {
    const { pipeline, costsOf } = await open();
    const textCounts = { inputAscii: 4000, inputOther: 0, outputAscii: 40, outputOther: 0 };
    await pipeline.handle(batchOf(ended({ usage: null, usageSource: 'none', textCounts })));
    expect(await costsOf()).toEqual([
      expect.objectContaining({ state: 'priced', estimated: true, totalUsd: '0.002' }),
    ]);
  });

  it('says no_usage without tokens, also for a call that failed before any answer', async () => {
    const { pipeline, costsOf } = await open();
    const textCounts = { inputAscii: 400, inputOther: 0, outputAscii: 0, outputOther: 0 };
    const none = { usage: null, usageSource: 'none' } as const;
    await pipeline.handle(
      batchOf(ended(none), ended({ ...none, textCounts, type: 'call.failed', status: 401 })),
    );
    expect((await costsOf()).map(({ reason }) => reason)).toEqual(['no_usage', 'no_usage']);
  });

  it('prices the simulator at 0 under the builtin version', async () => {
    const { pipeline, costsOf } = await open();
    await pipeline.handle(batchOf(ended({}, 'sim', 'loom-sim')));
    expect(await costsOf()).toEqual([
      expect.objectContaining({ state: 'priced', totalUsd: '0', priceBookVersion: 'builtin' }),
    ]);
  });

  it('prices a call that has lost a fact, and none whose usage is lost', async () => {
    const { pipeline, costsOf } = await open();
    const lost = { ...ended(), status: 'ok' };
    const usageLost = { ...ended(), usage: { ...usage, inputTokens: -1 } };
    expect(await pipeline.handle(batchOf(lost, usageLost))).toEqual({
      priced: 1,
      partial: 0,
      unpriced: 1,
      deadLetters: 0,
    });
    expect((await costsOf()).map(({ state, reason }) => [state, reason])).toEqual([
      ['priced', ''],
      ['unpriced', 'no_usage'],
    ]);
  });

  it('prices usage with details in part, and by the provider where there is no price', async () => {
    const { pipeline, costsOf } = await open();
    const searched = ended({ usage: { ...usage, details: { uses: { webSearches: 1 } } } });
    const reported = ended({ usage: { ...usage, details: { reportedUsd: '0.25' } } }, 'openai', 'unknown');
    expect(await pipeline.handle(batchOf(searched, reported))).toMatchObject({ priced: 1, partial: 1 });
    expect(await costsOf()).toMatchObject([
      { state: 'partial', reason: 'incomplete_price', missing: ['webSearches'] },
      { state: 'priced', reason: 'reported', totalUsd: '0.25', reportedUsd: '0.25' },
    ]);
  });

  it('prices an attempt by the tier that served it', async () => {
    const { pipeline, costsOf } = await open();
    const event = ended();
    const attempt = {
      ...{ spanId: newSpanId(), provider: 'openai', providerKind: 'openai', model: 'm1' },
      ...{ startTime: event.timing.startTime, durationNanos: 1, status: 200, error: null, usage },
    };
    await pipeline.handle(
      batchOf({ ...event, attempts: [{ ...attempt, serviceTier: 'priority' }, attempt] }),
    );
    expect((await costsOf()).map(({ state, missing }) => [state, missing])).toEqual([
      ['priced', undefined],
      ['partial', ['serviceTier:priority']],
    ]);
  });

  it('keeps what it cannot read as dead letters and prices the rest of the batch', async () => {
    const { pipeline, costsOf, recordsOf } = await open();
    const broken = { ...ended(), call: null };
    const result = await pipeline.handle(
      batchOf('{"type":', '"text"', broken, { type: 'call.chunks' }, ended()),
    );
    expect(result).toEqual({ priced: 1, partial: 0, unpriced: 0, deadLetters: 3 });
    expect(await costsOf()).toHaveLength(1);
    const letters = (await recordsOf(topics.deadLetters)).map(({ value }) =>
      DeadLetter.parse(JSON.parse(value.toString())),
    );
    expect(letters.map(({ reason }) => reason)).toEqual(['malformed', 'invalid', 'invalid']);
    expect(letters[2]?.message).toContain('call');
    expect(Buffer.from(letters[0]?.value ?? '', 'base64').toString()).toBe('{"type":');
  });
});

describe('AppModule', () => {
  it('hands a batch to the pipeline', async () => {
    const { deps, costsOf } = await open();
    const app = await NestFactory.createApplicationContext(AppModule.register(deps), { logger: false });
    await app.get(TracesController).priceBatch(batchOf(ended()));
    await app.close();
    expect(await costsOf()).toHaveLength(1);
  });
});
