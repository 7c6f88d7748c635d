import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { OtlpReceiver, type ReceivedSpan } from '@loom/testkit';
import { isCallEnded, topics } from '@loom/trace-schema';
import { Deployment, eventually, onServers, startMsMax } from './testing/deployment.ts';

/** A client's own trace, which it does not sample. */
const caller = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7' };
const answerMsMax = 30_000;

let receiver: OtlpReceiver;
let loom: Deployment;
beforeAll(async () => {
  receiver = await OtlpReceiver.start();
  loom = await Deployment.start(receiver.env);
}, 2 * startMsMax);
afterAll(async () => {
  await loom.destroy();
  await receiver.close();
}, startMsMax);

async function call(): Promise<string> {
  const { gatewayUrl, apiKey } = await loom.runtime();
  const response = await fetch(`${gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      traceparent: `00-${caller.traceId}-${caller.spanId}-00`,
    },
    body: JSON.stringify({ model: 'loom-sim', messages: [{ role: 'user', content: 'follow me' }] }),
  });
  expect(response.status).toBe(200);
  await response.text();
  return response.headers.get('x-loom-trace-id') ?? '';
}

const spanOf = (wanted: (span: ReceivedSpan) => boolean): Promise<ReceivedSpan> =>
  eventually(
    () => Promise.resolve(receiver.spans.find(wanted)),
    (span) => span !== undefined,
    answerMsMax,
  ).then((span) => span as ReceivedSpan);

describe(`telemetry of Loom's own services${onServers ? ', through Kafka' : ''}`, () => {
  it('follows a call from the gateway through the stream to ingest and pricing', async () => {
    expect(await call()).toBe(caller.traceId);
    const gateway = await spanOf(
      ({ service, name }) => service === 'loom-gateway' && name === 'POST /v1/chat/completions',
    );
    expect(gateway.links).toMatchObject([caller]);
    expect(gateway.attributes).toMatchObject({
      'loom.call.trace_id': caller.traceId,
      'loom.call.outcome': 'completed',
      'http.response.status_code': '200',
    });
    const ofBatch = (operation: string, group: string, topic: string) =>
      spanOf(
        ({ name, links, attributes }) =>
          name === `${operation} ${topic}` &&
          attributes['messaging.consumer.group.name'] === group &&
          links.some(({ traceId, spanId }) => traceId === gateway.traceId && spanId === gateway.spanId),
      );
    if (onServers) await ofBatch('forward', 'forwarder', topics.traces);
    const ingest = await ofBatch('process', 'ingest', topics.traces);
    await ofBatch('process', 'pricing', topics.traces);
    await ofBatch('process', 'ingest', topics.costs);
    expect(ingest).toMatchObject({ service: onServers ? 'loom-ingest' : 'loom-backend', failed: false });
  });

  it("leaves the record the caller's: its trace, its parent, and nothing of the spans", async () => {
    const events = await loom.traceEvents();
    const ended = events.find(isCallEnded);
    expect(ended?.call).toMatchObject({ traceId: caller.traceId, parentSpanId: caller.spanId });
    expect(ended?.id).toBe(`${ended?.call.callId ?? ''}/end`);
    const own = receiver.spans.filter(({ service }) => service === 'loom-gateway');
    expect(own.length).toBeGreaterThan(0);
    const record = JSON.stringify(events);
    expect(own.filter(({ traceId, spanId }) => record.includes(traceId) || record.includes(spanId))).toEqual(
      [],
    );
  });

  it('has a span for each question to the query service, with the route and no ids of it', async () => {
    const client = await loom.client();
    await eventually(
      () => client.getTrace({ params: { traceId: caller.traceId } }),
      ({ spans }) => spans[0]?.costState === 'priced',
      answerMsMax,
    );
    const span = await spanOf(({ name }) => name === 'GET /v1/traces/:traceId');
    expect(span.attributes['http.response.status_code']).toBe('200');
    expect(receiver.spans.filter(({ name }) => /healthz|readyz|metrics$/.test(name))).toEqual([]);
  });

  it('exports the metrics that a scrape gets', async () => {
    await eventually(
      () => Promise.resolve(receiver.metrics.map(({ name }) => name)),
      (names) =>
        ['loom_gateway_calls_total', 'loom_ingest_lag_records'].every((name) => names.includes(name)),
      answerMsMax,
    );
  });
});
