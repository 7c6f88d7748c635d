import 'reflect-metadata';
import { connect } from 'node:net';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLoomClient, type LiveEvent, type LoomClient, type Route, routes } from '@loom/api-contract';
import { type ControlStore, openControlStore } from '@loom/control-store';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { type EventStream, openEventStream } from '@loom/event-stream';
import { answerTextOf, assembleAnswer } from '@loom/providers';
import { type HttpApplication, keyPrincipal, startHttpApplication } from '@loom/service-kit';
import { createLogger, Metrics } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';
import { openTraceStore, type TraceStore } from '@loom/trace-store';
import { AppModule } from './app.module.ts';
import { type Recorded, recordCall } from './testing/record-call.ts';

const keyOf = (id: string, projectId: string, scopes: ('call' | 'read' | 'manage')[]) =>
  keyPrincipal({ id, name: id, projectId, organizationId: `o${projectId}`, scopes });
const principals = new Map([
  ['key-of-a', keyOf('ka', 'pa', ['call', 'read'])],
  ['key-of-b', keyOf('kb', 'pb', ['call', 'read'])],
  ['key-that-manages', keyOf('km', 'pa', ['read', 'manage'])],
  ['key-that-calls', keyOf('kc', 'pa', ['call'])],
]);

const request = { model: 'm1', messages: [{ role: 'user', content: 'what is loom?' }] };
const chunk = (content: string, more = {}) =>
  `data: ${JSON.stringify({ id: 'c1', model: 'm1-2026', choices: [{ index: 0, delta: { content }, finish_reason: null, ...more }] })}\n\n`;
const streamed = [chunk('a gate'), chunk('wäy', { finish_reason: 'stop' }), 'data: [DONE]\n\n'];

let engines: TestEngines;
let store: TraceStore;
let controlStore: ControlStore;
let stream: EventStream;
let http: HttpApplication;
let ofA: Recorded;
let ofB: Recorded;
let plainCall: Recorded;
let client: LoomClient;

beforeAll(async () => {
  engines = await startTestEngines();
  store = await openTraceStore(new URL(engines.traceStoreUrl));
  const sessionSecret = 'x'.repeat(32);
  controlStore = await openControlStore(new URL(engines.controlStoreUrl), { sessionSecret });
  stream = await openEventStream(new URL('memory:'));
  const logger = createLogger({ service: 'query', level: 'silent' });
  http = await startHttpApplication({
    module: AppModule.register({
      store,
      stream,
      assembleAnswer,
      answerText: answerTextOf,
      lag: () => Promise.resolve({ ingest: 3, pricing: null }),
      verifyKey: (token) => principals.get(token) ?? null,
      verifySession: () => Promise.resolve(null),
      ledger: controlStore.ledger,
      masterKeys: new Map(),
      signer: null,
      behind: () => Promise.resolve(0),
      mark: () => Promise.resolve(() => Promise.resolve(true)),
    }),
    host: '127.0.0.1',
    port: 0,
    logger,
    metrics: new Metrics({ processMetrics: false }),
    ready: () => Promise.resolve(),
  });
  const chunks = streamed.map((text) => Buffer.from(text));
  const body = zstdCompressSync(JSON.stringify(request));
  ofA = await recordCall(store, {
    projectId: 'pa',
    request: body,
    requestCodec: 'zstd',
    chunks,
    userId: 'ann',
  });
  plainCall = await recordCall(store, {
    projectId: 'pa',
    request: Buffer.from('no json'),
    chunks: [],
    userId: 'bob',
    priced: false,
  });
  ofB = await recordCall(store, {
    projectId: 'pb',
    request: Buffer.from('{"secret":"of b"}'),
    chunks,
    userId: 'eve',
  });
  client = clientOf('key-of-a');
});

afterAll(async () => {
  await http.close();
  await stream.close();
  await store.close();
  await controlStore.close();
  await engines.stop();
});

function clientOf(apiKey: string | null): LoomClient {
  return createLoomClient({ queryUrl: http.url, controlUrl: http.url, apiKey });
}

describe('the read API', () => {
  it('gives a call with everything that was recorded of it', async () => {
    const { trace, spans } = await client.getTrace({ params: { traceId: ofA.traceId } });
    expect(trace.traceId).toBe(ofA.traceId);
    expect(spans).toEqual([
      expect.objectContaining({
        spanId: ofA.spanId,
        outcome: 'completed',
        usage: expect.objectContaining({
          inputTokens: 15,
          cacheReadInputTokens: 5,
          outputTokens: 10,
          totalTokens: 25,
        }),
        costState: 'priced',
        cost: expect.objectContaining({ totalUsd: '0.0000123', priceBookVersion: 'book-1' }),
        request,
        requestState: 'complete',
        requestParameters: { temperature: 0.2, service_tier: 'flex' },
        response: expect.objectContaining({
          choices: [
            { index: 0, message: { role: 'assistant', content: 'a gatewäy' }, finish_reason: 'stop' },
          ],
        }),
        chunkCount: 3,
        timing: expect.objectContaining({
          durationMs: 1200,
          timeToFirstChunkMs: 300,
          gatewayOverheadMs: 0.4,
        }),
      }),
    ]);
    expect(await client.getSpan({ params: { spanId: ofA.spanId } })).toEqual(spans[0]);
  });

  it('says pending and null for a call without a price, and gives a request that is no JSON as text', async () => {
    const span = await client.getSpan({ params: { spanId: plainCall.spanId } });
    expect(span).toMatchObject({
      cost: null,
      costState: 'pending',
      request: 'no json',
      response: null,
      responseState: 'absent',
    });
  });

  it('leaves content out when asked to', async () => {
    const { spans } = await client.getTrace({ params: { traceId: ofA.traceId }, query: { content: 'none' } });
    expect(spans[0]).toMatchObject({ request: null, requestState: 'omitted', responseState: 'omitted' });
  });

  it('gives chunks with their times and texts, also where a chunk cuts a character, and the bytes exactly', async () => {
    const { chunks } = await client.getSpanChunks({ params: { spanId: ofA.spanId } });
    expect(chunks.map(({ text }) => text)).toEqual(streamed);
    expect(chunks.map(({ atMs }) => atMs)).toEqual([300, 301, 302]);
    const response = await fetch(`${http.url}/v1/spans/${ofA.spanId}/raw?part=response`, {
      headers: { authorization: 'Bearer key-of-a' },
    });
    expect(response.headers.get('content-disposition')).toBe('attachment');
    expect(response.headers.get('content-type')).toBe('application/octet-stream');
    const raw = await client.getSpanRaw({ params: { spanId: ofA.spanId }, query: { part: 'response' } });
    expect(Buffer.from(raw).toString()).toBe(streamed.join(''));
    const asked = await client.getSpanRaw({ params: { spanId: ofA.spanId }, query: { part: 'request' } });
    expect(JSON.parse(Buffer.from(asked).toString())).toEqual(request);
  });

  it('lists traces by filter and pages through them', async () => {
    const all = await client.listTraces();
    expect(all.traces.map(({ traceId }) => traceId).sort()).toEqual([ofA.traceId, plainCall.traceId].sort());
    const found = await client.listTraces({ query: { filter: 'user:ann cost:>0.000001' } });
    expect(found.traces).toEqual([
      expect.objectContaining({ traceId: ofA.traceId, totalUsd: '0.0000123', totalTokens: 25 }),
    ]);
    const first = await client.listTraces({ query: { limit: 1 } });
    const second = await client.listTraces({ query: { limit: 1, cursor: first.nextCursor ?? 'none' } });
    expect([...first.traces, ...second.traces].map(({ traceId }) => traceId).sort()).toEqual(
      [ofA.traceId, plainCall.traceId].sort(),
    );
  });

  it('gives metrics, facets and calls in flight of the range', async () => {
    const range = {
      from: new Date(Date.now() - 3_600_000).toISOString(),
      to: new Date(Date.now() + 60_000).toISOString(),
    };
    const { points } = await client.getMetricsSeries({ query: { ...range, bucketSeconds: 3600 } });
    expect(points.reduce((sum, { requests }) => sum + requests, 0)).toBe(2);
    const { facets } = await client.getFacets({ query: { attributes: 'user' } });
    expect(facets[0]?.values.map(({ value }) => value).sort()).toEqual(['ann', 'bob']);
    expect((await client.listCallsInFlight()).calls).toEqual([]);
  });

  it('gives the outline of a trace, with the names of what acts in it', async () => {
    const outline = await client.getTraceOutline({ params: { traceId: ofA.traceId } });
    expect(outline.spans).toEqual([
      expect.objectContaining({
        spanId: ofA.spanId,
        totalUsd: '0.0000123',
        totalTokens: 25,
        durationMs: 1200,
      }),
    ]);
    expect(outline).toMatchObject({ traceId: ofA.traceId, truncated: false });
    const foreign = clientOf('key-of-b').getTraceOutline({ params: { traceId: ofA.traceId } });
    await expect(foreign).rejects.toMatchObject({ code: 'not_found' });
  });

  it('sums up a range, by project of those that the caller may read', async () => {
    const whole = await client.getMetricsSummary();
    expect(whole.groups).toEqual([expect.objectContaining({ group: '', requests: 2, retried: 0 })]);
    const byProject = await client.getMetricsSummary({ query: { groupBy: 'project' } });
    expect(byProject.groups.map(({ group, requests }) => [group, requests])).toEqual([['pa', 2]]);
    const { points } = await client.getMetricsSeries({ query: { groupBy: 'project' } });
    expect(points.every(({ group }) => group === 'pa')).toBe(true);
  });

  it('gives the series and the sums of an overview in one answer, of the caller’s project and by group', async () => {
    const { total, groups, before, groupedPoints, ...overview } = await client.getMetricsOverview({
      query: { groupBy: 'model' },
    });
    expect([total?.requests, before]).toEqual([2, null]);
    expect(groups).toEqual((await client.getMetricsSummary({ query: { groupBy: 'model' } })).groups);
    expect(overview.points).toEqual((await client.getMetricsSeries()).points);
    expect(groupedPoints.reduce((sum, { requests }) => sum + requests, 0)).toBe(2);
    expect(overview).toMatchObject({ groupBy: 'model', bucketSeconds: 3600 });
    expect(overview.buckets).toEqual(
      expect.arrayContaining(overview.points.map(({ bucketStart }) => bucketStart)),
    );
    const hours = { from: new Date(Date.now() - 7_200_000).toISOString(), bucketSeconds: 3600 };
    for (const timeZone of ['UTC', 'Asia/Kolkata']) {
      const zoned = await client.getMetricsOverview({ query: { ...hours, timeZone } });
      expect(zoned.points.length).toBeGreaterThan(0);
      expect(zoned.buckets).toEqual(
        expect.arrayContaining(zoned.points.map(({ bucketStart }) => bucketStart)),
      );
    }
    const byProject = await client.getMetricsOverview({ query: { groupBy: 'project' } });
    expect(byProject.groups.map(({ group, requests }) => [group, requests])).toEqual([['pa', 2]]);
    expect(new Set(byProject.groupedPoints.map(({ group }) => group))).toEqual(new Set(['pa']));
    const later = {
      from: new Date(Date.now() + 60_000).toISOString(),
      to: new Date(Date.now() + 7_200_000).toISOString(),
    };
    const empty = await client.getMetricsOverview({ query: later });
    expect(empty).toMatchObject({ total: null, groups: [], points: [], groupedPoints: [] });
    expect(empty.before?.requests).toBe(2);
    const tooFine = client.getMetricsOverview({ query: { bucketSeconds: 1 } });
    await expect(tooFine).rejects.toMatchObject({ code: 'invalid_request', param: 'bucketSeconds' });
  });

  it('lists end users and conversations, and how far behind it is', async () => {
    const { users } = await client.listUsers({ query: { search: 'AN' } });
    expect(users).toEqual([
      expect.objectContaining({ userId: 'ann', traces: 1, totalTokens: 25, totalUsd: '0.0000123' }),
    ]);
    const { sessions } = await client.listSessions();
    expect(sessions.every(({ traces }) => traces > 0)).toBe(true);
    expect((await clientOf('key-of-b').listUsers()).users.map(({ userId }) => userId)).toEqual(['eve']);
    expect(await client.getFreshness()).toEqual({ ingestLagRecords: 3, pricingLagRecords: null });
  });

  it.each([
    ['/v1/traces?filter=modle:x', 'filter', 'unknown field "modle"'],
    ['/v1/traces?filter=text:x', 'from', 'a text search needs a time range'],
    ['/v1/traces?limit=201', 'limit', 'limit'],
    ['/v1/traces?limit=x', 'limit', 'limit'],
    ['/v1/traces?from=yesterday', 'from', 'expected a time'],
    ['/v1/traces?from=2020-01-01', 'from', 'longer than 400 days'],
    ['/v1/traces?from=2026-02-02&to=2026-02-01', 'to', 'is not before'],
    ['/v1/traces/XYZ', 'traceId', '32 lower-case hex digits'],
    ['/v1/facets?attributes=body', 'attributes', 'unknown attribute "body"'],
    ['/v1/metrics/series?bucketSeconds=1', 'bucketSeconds', 'take larger ones'],
    ['/v1/ledger/leaves?kinds=%00', 'kinds', 'no control characters'],
    ['/v1/ledger/receipts/%00', 'id', 'no control characters'],
    [`/v1/ledger/receipts/${'x'.repeat(10_000)}`, 'id', '<=200 characters'],
    ['/v1/traces?from=2026-02-30', 'from', 'expected a time'],
    ['/v1/traces?from=2026-02-28%20(x)', 'from', 'expected a time'],
    ['/v1/ledger/checkpoint?log=bad', 'log', 'expected one of'],
  ])('refuses %s and names the parameter', async (path, param, message) => {
    const response = await fetch(`${http.url}${path}`, { headers: { authorization: 'Bearer key-of-a' } });
    const { error } = (await response.json()) as { error: { code: string; param: string; message: string } };
    expect(response.status).toBe(400);
    expect(error).toMatchObject({ code: 'invalid_request', param });
    expect(error.message).toContain(message);
  });
});

describe('the ledger', () => {
  it('gives changes of control to who may read the audit log', async () => {
    const leaf = (eventId: string, kind: string) => ({
      ...{ eventId, kind, timeMs: 1 },
      envelope: JSON.stringify({ v: 1, project: 'pa', id: eventId, kind, time: 1 }),
    });
    await controlStore.ledger.append({
      ...{ projectId: 'pa', expected: { epoch: 0, size: 0 }, head: { epoch: 1, edge: [], appender: 'a' } },
      leaves: [leaf('gap/1', 'capture.gap'), leaf('control/1', 'control.changed')],
      ...{ marks: new Map(), gaps: [], filledGaps: [], ends: [], openCalls: [], endedCalls: [] },
      ...{ orphanedCalls: [], nowMs: 5 },
    });
    const kinds = 'capture.gap, control.changed';
    await expect(client.listLedgerLeaves({ query: { kinds } })).rejects.toMatchObject({
      ...{ code: 'permission_denied', param: 'kinds' },
    });
    const { leaves } = await clientOf('key-that-manages').listLedgerLeaves({ query: { kinds } });
    expect(leaves.map(({ kind }) => kind)).toEqual(['control.changed', 'capture.gap']);
    expect((await client.listLedgerLeaves({ query: { kinds: 'capture.gap' } })).leaves).toHaveLength(1);
    const receipt = client.getReceipt({ params: { id: 'control' } });
    await expect(receipt).rejects.toMatchObject({ code: 'not_found' });
  });

  it('gives a checkpoint as text', async () => {
    const note = 'a.local/ledger/pa\n2\nroot\n';
    await controlStore.ledger.publish('pa', { size: 2, edge: [], note, sealedAtMs: 1 });
    const answer = await fetch(`${http.url}/v1/ledger/checkpoint`, {
      headers: { authorization: 'Bearer key-of-a' },
    });
    expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(await answer.text()).toBe(note);
  });
});

describe('the preview of an erasure', () => {
  it('counts in the project that was named, if the caller may read it', async () => {
    const preview = (projectId?: string) => client.previewErasure({ query: { userId: 'ann', projectId } });
    expect(await preview()).toMatchObject({ spans: 1 });
    expect(await preview('pa')).toEqual(await preview());
    await expect(preview('pb')).rejects.toMatchObject({ code: 'permission_denied', param: 'projectId' });
  });
});

const placeholders = () => ({ traceId: ofB.traceId, spanId: ofB.spanId });
const pathOf = (route: Route, ids: Record<string, string>) =>
  `${route.path.replace(/\{(\w+)\}/g, (_, name: string) => ids[name] ?? 'x')}${route.path.endsWith('/raw') ? '?part=request' : ''}`;
const queryRoutes = Object.entries<Route>(routes).filter(([, { service }]) => service === 'query');

describe('isolation', () => {
  it.each(queryRoutes.filter(([, { params }]) => params))(
    'answers %s of another project exactly as for an id of nobody',
    async (_name, route) => {
      const nobody = { traceId: '0'.repeat(31) + '1', spanId: '0'.repeat(15) + '1' };
      const answers = await Promise.all(
        [placeholders(), nobody].map(async (ids) => {
          const response = await fetch(`${http.url}${pathOf(route, ids)}`, {
            method: route.method,
            headers: {
              authorization: `Bearer ${route.permission === 'record:check' ? 'key-that-manages' : 'key-of-a'}`,
            },
          });
          return { status: response.status, body: await response.text() };
        }),
      );
      expect(answers[0]?.status).toBe(404);
      expect(answers[0]).toEqual(answers[1]);
    },
  );

  it('lets no list of one organization show anything of the other', async () => {
    const other = clientOf('key-of-b');
    expect((await other.listTraces()).traces.map(({ traceId }) => traceId)).toEqual([ofB.traceId]);
    const { facets } = await other.getFacets({ query: { attributes: 'user' } });
    expect(facets[0]?.values).toEqual([{ value: 'eve', count: 1 }]);
    const { points } = await other.getMetricsSeries({
      query: { to: new Date(Date.now() + 60_000).toISOString() },
    });
    expect(points.reduce((sum, { requests }) => sum + requests, 0)).toBe(1);
  });
});

/** One request as typed, past every client's normalising of paths. */
function rawRequest(method: string, path: string, headers: string[] = []): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(http.url).port), '127.0.0.1');
    let answer = '';
    socket.on('data', (data) => (answer += data.toString()));
    socket.on('end', () => resolve(answer));
    socket.on('error', reject);
    socket.write(
      [`${method} ${path} HTTP/1.1`, 'host: x', 'connection: close', ...headers, '', ''].join('\r\n'),
    );
  });
}

describe('PermissionGuard', () => {
  it('serves every route of the table, and none but the public ones without a key', async () => {
    for (const [name, route] of queryRoutes) {
      const response = await fetch(`${http.url}${pathOf(route, placeholders())}`, { method: route.method });
      expect([name, response.status]).toEqual([name, route.permission === 'public' ? 200 : 401]);
    }
  });

  it('wants the permission of the route', async () => {
    await expect(clientOf('key-that-calls').listTraces()).rejects.toMatchObject({
      code: 'permission_denied',
    });
    await expect(clientOf('nobody').listTraces()).rejects.toMatchObject({ code: 'unauthenticated' });
    await expect(clientOf('__proto__').listTraces()).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  const variants = (path: string) => [
    path,
    `${path}/`,
    `/${path}`,
    path.replace('/v1/', '/v1//'),
    path.replace('/v1/', '/V1/'),
    path.replace('/v1/', '/./v1/'),
    path.replace('/v1/', '/x/../v1/'),
    path.replace('/v1/', '/%761/'),
    path.replace('/v1/', '/v1%2f'),
    path.replace('/v1/', '\\v1\\'),
    `${path}%00`,
    `${path};a=b`,
    `${path}?x=1`,
    `${path}#x`,
    `http://other${path}`,
  ];

  it('is not passed by any spelling of a path or method', async () => {
    let tried = 0;
    for (const route of ['/v1/traces', `/v1/traces/${ofA.traceId}`, `/v1/spans/${ofA.spanId}/raw`]) {
      for (const path of variants(route)) {
        for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST']) {
          const answer = await rawRequest(method, path);
          expect([method, path, answer.split('\r\n')[0]]).toEqual([
            method,
            path,
            expect.stringMatching(/ (400|401|404|405) /),
          ]);
          tried += 1;
        }
      }
    }
    expect(tried).toBe(180);
  });

  it('takes exactly one credential, and only as a bearer', async () => {
    const bearer = 'authorization: Bearer key-of-a';
    expect(await rawRequest('GET', '/v1/traces', [bearer])).toMatch(/^HTTP\/1.1 200/);
    for (const headers of [
      [bearer, 'authorization: Bearer key-of-b'],
      ['authorization: Basic key-of-a'],
      ['authorization: Bearer'],
      ['authorization: Bearer key-of-a x'],
      [`authorization: Bearer ${'x'.repeat(600)}`],
      ['x-api-key: key-of-a'],
    ]) {
      expect(await rawRequest('GET', '/v1/traces', headers)).toMatch(/^HTTP\/1.1 401/);
    }
  });
});

describe('GET /v1/live', () => {
  it('ends a HEAD at once', async () => {
    const answer = await rawRequest('HEAD', '/v1/live', ['authorization: Bearer key-of-a']);
    expect(answer).toMatch(/^HTTP\/1.1 200[\s\S]*text\/event-stream/);
  });

  it("shows a project's own calls as they happen and nothing of another's", async () => {
    const abort = new AbortController();
    const events: LiveEvent[] = [];
    const live = client.live({ signal: abort.signal });
    const next = live.next();
    const producer = await stream.producer(topics.traces);
    await waitFor(
      async () => (await rawRequest('GET', '/healthz')).includes('200') && (await liveReaders()) === 1,
    );
    const append = (...values: object[]) =>
      producer.append(
        values.map((value) => ({ key: 'k', headers: {}, value: Buffer.from(JSON.stringify(value)) })),
      );
    await append(ofB.events.accepted, ...ofA.liveEvents, ofB.events.ended);
    const first = await next;
    if (!first.done) events.push(first.value);
    for await (const event of live) {
      events.push(event);
      if (event.type === 'call.ended') break;
    }
    abort.abort();
    expect(events.map(({ type }) => type)).toEqual(['call.accepted', 'call.first-chunk', 'call.ended']);
    expect(events[0]).toMatchObject({ traceId: ofA.traceId, inputPreview: 'what is loom?' });
    expect(events[2]).toMatchObject({ outcome: 'completed', usage: { totalTokens: 25 } });
  });
});

async function liveReaders(): Promise<number> {
  const { LiveTail } = await import('./live-tail.ts');
  return http.app.get(LiveTail).readerCount;
}

async function waitFor(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}
