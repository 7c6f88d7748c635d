import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { type EventStream, openEventStream, type StreamRecord } from '@loom/event-stream';
import { answerTextOf, estimateUsage } from '@loom/providers';
import { DeadLetters, EventStreamClient, EventStreamServer } from '@loom/service-kit';
import { Metrics } from '@loom/telemetry';
import { type CostComputed, DeadLetter, eventIds, newUuid, topics } from '@loom/trace-schema';
import { openTraceStore, type TraceStore } from '@loom/trace-store';
import { callEvents, inline, startTime } from '@loom/trace-store/testing';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.ts';
import { IngestPipeline } from './ingest-pipeline.ts';
import { batchOfEvents } from './testing/events.ts';

const range = { from: '1772600000000000000', to: '1772700000000000000' };
const request = inline(
  Buffer.from(JSON.stringify({ messages: [{ role: 'user', content: 'name a zebrafish' }] })),
);
const choices = [{ index: 0, message: { role: 'assistant', content: 'Quagga' }, finish_reason: 'stop' }];
const response = inline(Buffer.from(JSON.stringify({ id: 'chatcmpl-1', choices })));

describe('IngestPipeline', () => {
  let engines: TestEngines;
  let store: TraceStore;
  let stream: EventStream;
  let pipeline: IngestPipeline;
  beforeAll(async () => {
    engines = await startTestEngines();
    store = await openTraceStore(new URL(engines.traceStoreUrl));
    stream = await openEventStream(new URL('memory:'));
    pipeline = new IngestPipeline(deps());
  });
  afterAll(async () => {
    await stream.close();
    await store.close();
    await engines.stop();
  });

  const deps = () => ({
    store,
    deadLetters: new DeadLetters({
      client: new EventStreamClient(stream),
      group: 'ingest',
      metrics: new Metrics({ processMetrics: false }),
    }),
    answerText: answerTextOf,
    estimateUsage,
  });
  const costOf = ({ ended }: ReturnType<typeof callEvents>): CostComputed => ({
    id: eventIds.cost(ended.id, 'book-1'),
    type: 'cost.computed',
    emitter: newUuid(),
    seq: 1,
    time: startTime,
    organizationId: ended.call.organizationId,
    projectId: ended.projectId,
    callId: ended.call.callId,
    traceId: ended.call.traceId,
    spanId: ended.call.spanId,
    startTime,
    operation: 'chat',
    provider: 'openai',
    requestModel: 'gpt-4o-mini',
    responseModel: 'gpt-4o-mini',
    keyId: ended.call.keyId,
    userId: '',
    state: 'priced',
    reason: '',
    totalUsd: '0.25',
    lines: [],
    priceBookVersion: 'book-1',
    priceId: 'openai/gpt-4o-mini',
    tier: 'default',
    estimated: false,
  });

  it('stores a call once, however often its batches come', async () => {
    const projectId = newUuid();
    const call = callEvents(projectId, request, response);
    const traces = batchOfEvents([call.accepted, call.ended]);
    const costs = batchOfEvents([costOf(call)], topics.costs);
    for (const batch of [traces, costs, traces, costs]) await pipeline.handle(batch);
    const { items } = await store.listSpans({
      projectId,
      ...range,
      filter: { and: [{ field: 'text', operator: 'contains', value: 'quagga' }, { field: 'cost', operator: '=', value: '0.25' }] },
    }); // prettier-ignore
    expect(items).toEqual([
      expect.objectContaining({
        inputPreview: 'name a zebrafish',
        outputPreview: 'Quagga',
        costState: 'priced',
      }),
    ]);
    const payloads = { projectId, spanIds: [call.ended.call.spanId], part: 'response' as const };
    expect(await store.readPayloads(payloads)).toMatchObject([
      { hash: response.hash, data: Buffer.from(response.data!, 'base64') },
    ]);
    expect(await store.reconcile({ projectId })).toMatchObject({
      spans: { rows: 1, tokens: 130 },
      rollup: { requests: 1, tokens: 130 },
      costs: { rows: 1, totalUsd: '0.25' },
      costRollup: { rows: 1, totalUsd: '0.25' },
    });
    expect(await store.callsInFlight({ projectId, ...range })).toEqual([]);
  });

  it('puts aside what it can not read and stores the rest', async () => {
    const projectId = newUuid();
    const { accepted, ended } = callEvents(projectId, request, null);
    const batch = batchOfEvents([
      '{"type":',
      'null',
      '[]',
      { ...ended, id: 'late', timing: { ...ended.timing, startTime: '9999999999999999999' } },
      { ...ended, id: 'new', type: 'call.paused' },
      accepted,
      { ...ended, fromANewerVersion: { nested: true } },
    ]);
    expect(await pipeline.handle(batch)).toEqual({ events: 2, deadLetters: 5 });
    const records: StreamRecord[] = [];
    const tail = await stream.tail({ topics: [topics.deadLetters], from: 'beginning' }, (more) =>
      records.push(...more),
    );
    await tail.close();
    const letters = records.map((record) => DeadLetter.parse(JSON.parse(record.value.toString())));
    expect(letters.map(({ id, reason }) => [id, reason])).toEqual(
      ['malformed', 'invalid', 'invalid', 'invalid', 'invalid'].map((reason, offset) => [
        eventIds.deadLetter('ingest', topics.traces, '0', offset),
        reason,
      ]),
    );
    expect(Buffer.from(letters[0]!.value, 'base64').toString()).toBe('{"type":');
    expect((await store.listSpans({ projectId, ...range })).items).toHaveLength(1);
  });

  it('stores a call without the facts that it cannot read, and names them', async () => {
    const projectId = newUuid();
    const { accepted, ended } = callEvents(projectId, request, null);
    const facts = { ...ended.facts, parameters: { temperature: null, top_p: 0.5 } };
    const batch = batchOfEvents([
      { ...accepted, facts },
      { ...ended, facts, status: 70_000 },
    ]);
    expect(await pipeline.handle(batch)).toEqual({ events: 2, deadLetters: 0 });
    const { items } = await store.listSpans({ projectId, ...range });
    expect(items).toMatchObject([{ status: 0, parameters: { top_p: '0.5' } }]);
    expect(items[0]?.lostFacts.toSorted()).toEqual(['facts.parameters.temperature', 'status']);
  });

  it('is wired to both topics, and a batch that failed comes again', async () => {
    const projectId = newUuid();
    const call = callEvents(projectId, request, response);
    let failures = 1;
    const failingOnce = {
      writeBatch: (batch: Parameters<TraceStore['writeBatch']>[0]) =>
        failures-- > 0 ? Promise.reject(new Error('store is down')) : store.writeBatch(batch),
    };
    const module = AppModule.register(new IngestPipeline({ ...deps(), store: failingOnce }));
    const application = await NestFactory.createMicroservice(module, {
      strategy: new EventStreamServer({ stream, group: 'ingest-wiring' }),
      logger: false,
    });
    await application.listen();
    const producers = [await stream.producer(topics.traces), await stream.producer(topics.costs)];
    const record = (value: unknown) => ({
      key: projectId,
      headers: {},
      value: Buffer.from(JSON.stringify(value)),
    });
    await producers[0]!.append([record(call.accepted), record(call.ended)]);
    await producers[1]!.append([record(costOf(call))]);
    const done = async () => {
      const { spans, costs } = await store.reconcile({ projectId });
      return spans.rows === 1 && costs.rows === 1;
    };
    while (!(await done())) await new Promise((resolve) => setTimeout(resolve, 20));
    await application.close();
    expect(failures).toBeLessThan(0);
  });
});
