import { createServer } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OtlpReceiver } from '@loom/testkit';
import { createLogger } from './logger.ts';
import { Metrics } from './metrics.ts';
import { activeSpanFields, startRequestSpan, withBatchSpan } from './spans.ts';
import { startTelemetry, type Telemetry } from './telemetry.ts';

const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const callerHeader = `00-${caller.traceId}-${caller.spanId}-00`;
const logger = createLogger({ service: 'test', level: 'silent' });
const request = { method: 'POST', route: '/v1/things' };
const batch = { operation: 'process', topic: 'loom.traces.v1', group: 'ingest' };
const inherited = { ...process.env };

let metrics: Metrics;
let telemetry: Telemetry | undefined;

async function start(env: Record<string, string>): Promise<Telemetry> {
  Object.assign(process.env, { OTEL_EXPORTER_OTLP_TIMEOUT: '500', ...env }); // the SDK reads its own variables there
  telemetry = await startTelemetry({ service: 'test', env: process.env, logger, metrics });
  return telemetry;
}

beforeEach(() => {
  metrics = new Metrics({ processMetrics: false });
});
afterEach(async () => {
  await telemetry?.close();
  telemetry = undefined;
  process.env = { ...inherited };
});

describe('startTelemetry without an endpoint', () => {
  it('makes no spans and marks no log lines', async () => {
    await start({});
    expect(startRequestSpan(request)).toBeNull();
    await withBatchSpan({ ...batch, records: [] }, () => {
      expect(activeSpanFields()).toEqual({});
      return Promise.resolve();
    });
  });

  it('lets the one signal go out whose endpoint is named', async () => {
    await start({ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://127.0.0.1:9/v1/metrics' });
    expect(startRequestSpan(request)).toBeNull();
  });
});

describe('startTelemetry with an endpoint', () => {
  let receiver: OtlpReceiver;
  beforeEach(async () => {
    receiver = await OtlpReceiver.start();
  });
  afterEach(() => receiver.close());

  it('begins a trace of its own for a request and links that of the caller, sampled or not', async () => {
    const { close } = await start(receiver.env);
    const span = startRequestSpan({ ...request, caller: callerHeader });
    const fields = span?.run(activeSpanFields);
    span?.end({ status: 503, errorType: 'unavailable', attributes: { 'loom.call.id': 'c1' } });
    await close();
    const [seen] = receiver.spans;
    expect(seen).toMatchObject({
      service: 'loom-test',
      name: 'POST /v1/things',
      failed: true,
      attributes: { 'http.response.status_code': '503', 'error.type': 'unavailable', 'loom.call.id': 'c1' },
      links: [caller],
    });
    expect(seen?.traceId).not.toBe(caller.traceId);
    expect(seen?.parentSpanId ?? '').toBe('');
    expect(fields).toEqual({ trace_id: seen?.traceId, span_id: seen?.spanId });
    expect(span?.traceparent).toBe(`00-${seen?.traceId ?? ''}-${seen?.spanId ?? ''}-01`);
  });

  it('links the span of a batch to each request once, to a bounded number of them', async () => {
    const { close } = await start(receiver.env);
    const causes = Array.from(
      { length: 300 },
      (_, index) => `00-${hex(index + 1, 32)}-${hex(index + 1, 16)}-01`,
    );
    const records = [...causes, ...causes, 'no context'].map((cause) => ({
      headers: { ce_traceparent: cause },
    }));
    const failure = new TypeError('down');
    const work = withBatchSpan({ ...batch, records }, () => Promise.reject(failure));
    await expect(work).rejects.toBe(failure);
    await close();
    const [seen] = receiver.spans;
    expect(seen).toMatchObject({ name: 'process loom.traces.v1', failed: true });
    expect(seen?.attributes).toMatchObject({ 'loom.batch.requests': '301', 'error.type': 'TypeError' });
    expect(new Set(seen?.links.map(({ traceId }) => traceId)).size).toBe(128);
  });

  it('traces no request that the sampler leaves out', async () => {
    await start({ ...receiver.env, OTEL_TRACES_SAMPLER: 'always_off' });
    expect(startRequestSpan({ ...request, caller: `${callerHeader.slice(0, -2)}01` })).toBeNull();
  });

  it('exports the numbers that a scrape gets', async () => {
    metrics.counter('loom_test_calls_total', 'Calls', ['outcome']).inc({ outcome: 'completed' }, 3);
    metrics.gauge('loom_test_lag_records', 'Lag', () => 7);
    const histogram = metrics.histogram('loom_test_seconds', 'Time', [1, 2]);
    for (const value of [0.5, 1.5, 1.6, 9]) histogram.observe(value);
    const { close } = await start(receiver.env);
    await close();
    const pointOf = (name: string, kind: string) => {
      const metric = receiver.metrics.findLast((found) => found.name === name);
      return (metric?.[kind] as { dataPoints: unknown[] } | undefined)?.dataPoints[0];
    };
    expect(pointOf('loom_test_calls_total', 'sum')).toMatchObject({
      asDouble: 3,
      attributes: [{ key: 'outcome', value: { stringValue: 'completed' } }],
    });
    expect(pointOf('loom_test_lag_records', 'gauge')).toMatchObject({ asDouble: 7 });
    expect(pointOf('loom_test_seconds', 'histogram')).toMatchObject({
      explicitBounds: [1, 2],
      bucketCounts: [1, 2, 1],
      count: 4,
      sum: 12.6,
    });
  });
});

describe('startTelemetry with an endpoint that is of no use', () => {
  const makeSpans = () => {
    for (let made = 0; made < 5_000; made += 1) startRequestSpan(request)?.end({ status: 200 });
  };

  it('goes on when nobody listens there, and ends', async () => {
    const { close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
    makeSpans();
    await close();
  });

  it('goes on when it accepts and never answers, and ends', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as { port: number };
    const { close } = await start({ OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
    makeSpans();
    await close();
    silent.close();
  });

  it('goes on without telemetry when it is no URL', async () => {
    await start({ OTEL_EXPORTER_OTLP_ENDPOINT: 'nonsense' });
    makeSpans();
  });
});

const hex = (value: number, length: number): string => value.toString(16).padStart(length, '0');
