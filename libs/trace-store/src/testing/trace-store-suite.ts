import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { newTraceId, newUuid } from '@loom/trace-schema';
import type { Filter } from '../filter.ts';
import { openTraceStore } from '../open.ts';
import type { SpanRow } from '../rows.ts';
import type { Page, TraceStore } from '../trace-store.ts';
import { sortCases } from './sort-cases.ts';
import { activityCases, unknownCostCases } from './activity-cases.ts';
import { janitorCases } from './janitor-cases.ts';
import { rangeCases } from './range-cases.ts';
import { acceptedRow, batchOf, costRow, headRow, second, spanRow, testTime, textRow } from './rows.ts';

export interface SuiteEngine {
  readonly url: URL;
  /** Ends the engine as a crash would, and starts it again; null where the engine is not the suite's to kill. */
  readonly crash: { kill(): Promise<void>; restart(): Promise<void> } | null;
  stop(): Promise<void>;
}

const range = { from: String(testTime), to: String(testTime + 3600n * second) };
const at = (seconds: number) => String(testTime + BigInt(seconds) * second);

/** What every driver of the trace store does, on a running engine. Each case has projects of its own. */
export function traceStoreSuite(name: string, start: () => Promise<SuiteEngine>): void {
  describe(`trace store on ${name}`, () => {
    let engine: SuiteEngine;
    let store: TraceStore;
    beforeAll(async () => {
      engine = await start();
      // Two at once on an empty database: both must find it migrated.
      const [first, second] = await Promise.all([openTraceStore(engine.url), openTraceStore(engine.url)]);
      await first.close();
      store = second;
    });
    afterAll(async () => {
      await store.close();
      await engine.stop();
    });

    const write = (spans: SpanRow[]) => store.writeBatch(batchOf({ spans }));
    const spanIdsFor = async (projectId: string, filter: Filter) =>
      (await store.listSpans({ projectId, ...range, filter })).items.map((span) => span.spanId).sort();

    it('reads back a span as it was written, with its cost', async () => {
      const span = spanRow({
        projectId: newUuid(),
        startTime: String(testTime + 123_456_789n),
        metadata: { 'team "x"': `it's` },
        timeToFirstChunkNanos: null,
        links: [{ traceId: newTraceId(), spanId: 'f'.repeat(16) }],
        finishReasons: ['stop', 'length'],
      });
      await write([span]);
      const { chunkAtMicros: _, chunkLengths: __, ...expected } = span;
      const unpriced = { chunkCount: 2, costState: 'pending', cost: null };
      expect(await store.readSpan(span)).toEqual({ ...expected, ...unpriced });
      await store.writeBatch(batchOf({ costs: [costRow(span, { totalUsd: '0.000000075' })] }));
      expect(await store.readSpan(span)).toMatchObject({
        costState: 'priced',
        cost: { totalUsd: '0.000000075', priceBookVersion: 'book-1', lines: [{ bucket: 'inputUncached' }] },
      });
      expect(await store.readChunks(span)).toEqual({ atMicros: [300_000, 600_000], lengths: [100, 200] });
    });

    it('takes any text, half characters too, and shows the input of the accepted call', async () => {
      const span = spanRow({
        projectId: newUuid(),
        inputPreview: '',
        userId: `'; DROP TABLE spans; -- \\ " \0 {p0:String} \u2028 \u{1f600}`,
        outputPreview: 'cut \ud83d',
        errorMessage: '\udc00 cut',
        metadata: { '\ud83dkey': 'cut \ud83d', __proto__x: '1' },
      });
      const accepted = acceptedRow({ ...span, inputPreview: 'what was asked', startTime: at(1) });
      await store.writeBatch(batchOf({ spans: [span], accepted: [accepted] }));
      expect(await store.readSpan(span)).toMatchObject({
        userId: span.userId,
        outputPreview: 'cut \ufffd',
        errorMessage: '\ufffd cut',
        metadata: { '\ufffdkey': 'cut \ufffd', __proto__x: '1' },
        inputPreview: 'what was asked',
      });
    });

    it('counts a batch that comes twice once, in rows and in all that is derived', async () => {
      const projectId = newUuid();
      const spans = Array.from({ length: 20 }, (_, n) => spanRow({ projectId, startTime: at(n) }));
      const batch = batchOf({ spans, costs: spans.map((span) => costRow(span, { totalUsd: '0.1' })) });
      await store.writeBatch(batch);
      await store.writeBatch(batch);
      expect(await store.reconcile({ projectId })).toEqual({
        spans: { rows: 20, distinct: 20, tokens: 500 },
        rollup: { requests: 20, tokens: 500 },
        traceIndex: { spans: 20 },
        facets: { spans: 20 },
        costs: { rows: 20, distinct: 20, totalUsd: '2' },
        costRollup: { rows: 20, totalUsd: '2' },
        spansByTrace: { rows: 20, tokens: 500 },
        costsByTrace: { rows: 20, totalUsd: '2' },
      });
    });

    it('keeps a cost that two batches say once, also when either comes again', async () => {
      const projectId = newUuid();
      const spans = [0, 1, 2].map((n) => spanRow({ projectId, startTime: at(n) }));
      const [first, second, third] = spans.map((span) => costRow(span, { totalUsd: '1' }));
      const early = batchOf({ costs: [first!, second!] });
      const late = batchOf({ costs: [second!, third!, third!] });
      for (const batch of [early, late, early, late]) await store.writeBatch(batch);
      const { costs, costRollup } = await store.reconcile({ projectId });
      expect({ costs, costRollup }).toEqual({
        costs: { rows: 3, distinct: 3, totalUsd: '3' },
        costRollup: { rows: 3, totalUsd: '3' },
      });
    });

    it('keeps what two batches say once, also when either comes again', async () => {
      const projectId = newUuid();
      const spans = [0, 1, 2].map((n) => spanRow({ projectId, startTime: at(n) }));
      const [first, second, third] = spans;
      const accepted = acceptedRow({ projectId, startTime: at(5) });
      const gap = {
        projectId,
        time: at(5),
        type: 'emitter.closed' as const,
        eventId: newUuid(),
        emitter: 'e',
        seq: 1,
        body: '{}',
      };
      const early = batchOf({ spans: [first!, second!], accepted: [accepted], captureEvents: [gap] });
      const late = batchOf({ spans: [second!, third!, third!], accepted: [accepted], captureEvents: [gap] });
      for (const batch of [early, late, early, late]) await store.writeBatch(batch);
      expect(await store.reconcile({ projectId })).toMatchObject({
        spans: { rows: 3, distinct: 3 },
        rollup: { requests: 3 },
        facets: { spans: 3 },
        traceIndex: { spans: 3 },
      });
      expect(await store.callsInFlight({ projectId, ...range })).toHaveLength(1);
      expect(await store.listCaptureEvents({ projectId, ...range })).toEqual([gap]);
    });

    it('takes a batch of a thousand costs whose ids are long', async () => {
      const projectId = newUuid();
      const costs = Array.from({ length: 1000 }, (_, index) => {
        const cost = costRow(spanRow({ projectId, startTime: at(index) }), { totalUsd: '0.001' });
        return { ...cost, id: `${cost.id}/end/cost/genai-prices-0.1.8+2026-11-22/${'x'.repeat(20)}` };
      });
      await store.writeBatch(batchOf({ costs }));
      expect((await store.reconcile({ projectId })).costs).toMatchObject({ rows: 1000, distinct: 1000 });
    });

    it('shows the cost of the newest price book', async () => {
      const span = spanRow({ projectId: newUuid() });
      await write([span]);
      const newer = costRow(span, { priceBookVersion: 'book-2', totalUsd: '2', time: at(100) });
      await store.writeBatch(batchOf({ costs: [newer] }));
      await store.writeBatch(batchOf({ costs: [costRow(span, { totalUsd: '1', time: at(50) })] }));
      expect((await store.readSpan(span))?.cost?.totalUsd).toBe('2');
      const is = (value: string): Filter => ({ field: 'cost', operator: '=', value });
      expect(await spanIdsFor(span.projectId, is('2'))).toEqual([span.spanId]);
      expect(await spanIdsFor(span.projectId, is('1'))).toEqual([]);
      const [listed] = (await store.listTraces({ projectId: span.projectId, ...range })).items;
      expect(listed).toMatchObject({ totalUsd: '2', costState: 'priced', spanCount: 1 });
    });

    it('sums what is priced of a trace, and says nothing of money while nothing is', async () => {
      const projectId = newUuid();
      const [first, second] = ['1', '2'].map((mark) => spanRow({ projectId, traceId: mark.repeat(32) })); // prettier-ignore
      const beside = spanRow({ projectId, traceId: '1'.repeat(32), spanId: 'b'.repeat(16) });
      await write([first!, second!, beside]);
      const noPrice = { state: 'unpriced', reason: 'no_price', totalUsd: '0' } as const;
      await store.writeBatch(batchOf({ costs: [costRow(first!, { totalUsd: '2' }), costRow(second!, noPrice)] })); // prettier-ignore
      const { items } = await store.listTraces({ projectId, ...range });
      const sums = items.map(({ traceId, totalUsd, costState }) => [traceId[0], totalUsd, costState]);
      expect(sums.toSorted()).toEqual([
        ['1', '2', 'pending'],
        ['2', null, 'unpriced'],
      ]);
    });

    it('keeps what has no price, and what the provider said, and sums a partial price', async () => {
      const projectId = newUuid();
      const details = { parts: { cacheWrite1h: 5 }, uses: { webSearches: 2 }, terms: { speed: 'fast' } };
      const [first, second] = ['1', '2'].map((mark) =>
        spanRow({ projectId, traceId: mark.repeat(32), usageDetails: mark === '1' ? details : {} }),
      );
      await write([first!, second!]);
      const missing = ['webSearches', 'speed:fast'];
      const partial = { state: 'partial', reason: 'incomplete_price', totalUsd: '3', missing, reportedUsd: '4.5' } as const; // prettier-ignore
      await store.writeBatch(batchOf({ costs: [costRow(first!, { ...partial, missing: [...missing] }), costRow(second!)] })); // prettier-ignore
      const read = await store.readSpan(first!);
      expect(read).toMatchObject({ usageDetails: details, costState: 'partial', cost: partial });
      expect(await store.readSpan(second!)).toMatchObject({
        ...{ usageDetails: {}, costState: 'priced', cost: { missing: [], reportedUsd: '' } },
      });
      const { items } = await store.listTraces({ projectId, ...range });
      const sums = items.map(({ traceId, totalUsd, costState }) => [traceId[0], totalUsd, costState]);
      expect(sums.toSorted()[0]).toEqual(['1', '3', 'partial']);
      expect(await spanIdsFor(projectId, { field: 'cost', operator: '=', value: '3' })).toEqual([
        first!.spanId,
      ]);
    });

    it('lets another project read nothing', async () => {
      const span = spanRow({ projectId: newUuid() });
      const payloads = [headRow(span, 'request', Buffer.from('secret'))];
      await store.writeBatch(
        batchOf({
          spans: [span],
          payloads,
          texts: [textRow(span, 'request', 'secret')],
          costs: [costRow(span)],
        }),
      );
      const projectId = newUuid();
      const { spanId, traceId } = span;
      expect(await store.listSpans({ projectId, ...range })).toEqual({ items: [], nextCursor: null });
      expect(await store.listTraces({ projectId, ...range })).toEqual({ items: [], nextCursor: null });
      expect(await store.readSpan({ projectId, spanId })).toBeNull();
      expect(await store.readTrace({ projectId, traceId })).toBeNull();
      expect(await store.readPayloads({ projectId, spanIds: [spanId], part: 'request' })).toEqual([]);
      expect(await store.readChunks({ projectId, spanId })).toBeNull();
      expect(await store.metrics({ projectId, ...range, bucketSeconds: 60, groupBy: 'none' })).toEqual([]);
      expect(await store.facets({ projectId, ...range, attributes: ['model'] })).toEqual([
        { attribute: 'model', values: [] },
      ]);
      const { projectId: own } = span;
      const query = { projectId: own, spanIds: [spanId], part: 'request' as const };
      expect(await store.readPayloads(query)).toMatchObject([{ spanId, data: Buffer.from('secret') }]);
    });

    it('visits each span once over the pages while new ones arrive', async () => {
      const projectId = newUuid();
      const old = Array.from({ length: 25 }, (_, n) =>
        spanRow({ projectId, startTime: at(Math.floor(n / 3)) }),
      );
      await write(old);
      const seen: string[] = [];
      let page = await store.listSpans({ projectId, ...range, limit: 4 });
      for (;;) {
        seen.push(...page.items.map((span) => span.spanId));
        if (page.nextCursor === null) break;
        await write([spanRow({ projectId, startTime: at(100 + seen.length) })]);
        page = await store.listSpans({ projectId, ...range, limit: 4, cursor: page.nextCursor });
      }
      expect([...seen].sort()).toEqual(old.map((span) => span.spanId).sort());
    });

    it('visits each trace once over the pages while new spans arrive, at its newest matching span', async () => {
      const projectId = newUuid();
      const traceIds = Array.from({ length: 7 }, () => newTraceId());
      await write(
        Array.from({ length: 28 }, (_, n) =>
          spanRow({ projectId, traceId: traceIds[n % 7]!, startTime: at(n) }),
        ),
      );
      const seen: string[] = [];
      let page = await store.listTraces({ projectId, ...range, limit: 2 });
      const pending = { spanCount: 4, startTime: at(6), costState: 'pending', totalUsd: null };
      expect(page.items[0]).toMatchObject(pending);
      for (;;) {
        seen.push(...page.items.map((trace) => trace.traceId));
        if (page.nextCursor === null) break;
        await write([spanRow({ projectId, startTime: at(100 + seen.length) })]);
        page = await store.listTraces({ projectId, ...range, limit: 2, cursor: page.nextCursor });
      }
      expect(seen).toEqual([...traceIds].reverse());
    });

    it('pages through a trace in order and does not know an unknown one', async () => {
      const [projectId, traceId] = [newUuid(), newTraceId()];
      const spans = Array.from({ length: 9 }, (_, n) =>
        spanRow({ projectId, traceId, startTime: at(n * 60) }),
      );
      await write(spans.slice(5));
      await write(spans.slice(0, 5));
      const read: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<TraceStore['readTrace']>> = await store.readTrace({
          projectId,
          traceId,
          limit: 4,
          cursor,
        });
        expect(page?.startTime).toBe(at(0));
        read.push(...page!.spans.map((span) => span.spanId));
        cursor = page!.nextCursor;
      } while (cursor !== null);
      expect(read).toEqual(spans.map((span) => span.spanId));
      expect(await store.readTrace({ projectId, traceId: newTraceId() })).toBeNull();
    });

    it('puts payloads together from their parts and never gives a part for the whole', async () => {
      const span = spanRow({ projectId: newUuid() });
      const bytes = Buffer.from(Array.from({ length: 300 }, (_, n) => n % 256));
      const slice = (index: number) => ({
        ...headRow(span, 'response', bytes.subarray(index * 100, index * 100 + 100)),
        index,
        hash: '',
      });
      await store.writeBatch(
        batchOf({ spans: [span], payloads: [headRow(span, 'request', Buffer.from('{}'))] }),
      );
      const whole = { ...headRow(span, 'response', bytes), parts: 3, data: '' };
      await store.writeBatch({ ...batchOf({ payloads: [slice(2), slice(0)] }), token: newUuid() });
      await store.writeBatch({ ...batchOf({ payloads: [whole] }), token: newUuid() });
      const { projectId, spanId } = span;
      const read = () => store.readPayloads({ projectId, spanIds: [spanId], part: 'response' });
      expect(await read()).toMatchObject([{ spanId, part: 'response', data: null }]);
      await store.writeBatch({ ...batchOf({ payloads: [slice(1)] }), token: newUuid() });
      expect(await read()).toEqual([
        {
          ...{ spanId, part: 'response', codec: 'identity', keyId: null },
          ...{ length: 300, storedLength: 300, hash: whole.hash, parts: 3, data: bytes },
        },
      ]);
    });

    it('lists calls without a terminal as in flight', async () => {
      const projectId = newUuid();
      const open = acceptedRow({ projectId, startTime: at(5) });
      const ended = acceptedRow({ projectId, startTime: at(6) });
      await store.writeBatch(batchOf({ accepted: [open, ended] }));
      await write([spanRow({ ...ended, startTime: at(5) })]);
      expect(await store.callsInFlight({ projectId, ...range })).toEqual([open]);
      expect(await store.callsInFlight({ projectId, from: at(6), to: at(9) })).toEqual([]);
    });

    describe('filters', () => {
      const projectId = newUuid();
      const failed = spanRow({ projectId, startTime: at(1), outcome: 'failed', status: 502, errorType: 'timeout', userId: 'u1', timeToFirstChunkNanos: null }); // prettier-ignore
      const slow = spanRow({ projectId, startTime: at(2), durationNanos: 9e9, metadata: { tier: 'gold' }, responseModel: '' }); // prettier-ignore
      const limited = spanRow({
        projectId,
        startTime: at(3),
        status: 429,
        provider: 'groq',
        sessionId: 's1',
      });
      beforeAll(async () => {
        const texts = [
          textRow(slow, 'request', 'The Quick, brown-fox'),
          textRow(slow, 'response', 'Jumps über “the\u00a0lazy” dog… 今日は天気がいい。 مرحبا، كيف؟'),
        ];
        const costs = [costRow(slow, { totalUsd: '0.5' }), costRow(limited, { totalUsd: '0.05' })];
        await store.writeBatch(batchOf({ spans: [failed, slow, limited], texts, costs }));
      });
      const of = (field: string, operator: string, value: string | number) =>
        ({ field, operator, value }) as Filter;
      const cases: [string, Filter, SpanRow[]][] = [
        ['error', of('status', '=', 'error'), [failed, limited]],
        ['ok', of('status', '=', 'ok'), [slow]],
        ['http status', of('status', '>=', 429), [failed, limited]],
        ['outcome word', of('status', '=', 'failed'), [failed]],
        ['latency', of('latency', '>', 5000), [slow]],
        ['ttft of spans that have one', of('ttft', '<', 1000), [slow, limited]],
        ['cost', of('cost', '>', '0.1'), [slow]],
        ['cost not', of('cost', '!=', '0.5'), [failed, limited]],
        ['user', of('user', '=', 'u1'), [failed]],
        ['session', of('session', 'startsWith', 's'), [limited]],
        ['model asked for when none answered', of('model', '=', 'gpt-4o-mini'), [slow]],
        ['tokens', of('tokens', '=', '25'), [failed, slow, limited]],
        ['finish reason', of('finishReason', '!=', 'stop'), []],
        ['metadata', of('metadata.tier', '=', 'gold'), [slow]],
        ['metadata key', of('metadata.tier', 'exists', ''), [slow]],
        ['words', of('text', 'contains', 'BROWN quick'), [slow]],
        ['words beyond ASCII', of('text', 'contains', 'ÜBER'), [slow]],
        ['a word in curly quotes', of('text', 'contains', 'LAZY'), [slow]],
        ['a word before an ellipsis', of('text', 'contains', 'dog'), [slow]],
        ['words of a script without spaces', of('text', 'contains', '天気'), [slow]],
        ['one character of such a script', of('text', 'contains', '気'), [slow]],
        ['a pair that is not there', of('text', 'contains', '気今'), []],
        ['a word beside Arabic punctuation', of('text', 'contains', 'مرحبا'), [slow]],
        ['words of one part only', of('text', 'contains', 'quick jumps'), []],
        ['trees', { or: [{ and: [of('status', '=', 'error'), { not: of('provider', '=', 'groq') }] }, of('latency', '>', 5000)] }, [failed, slow]], // prettier-ignore
        ['empty trees', { or: [] }, []],
        ['quotes', of('user', '=', `' OR 1=1 --`), []],
        ['a key with quotes', of(`metadata.tier'] = '' OR 1=1 OR metadata['x`, '=', 'gold'), []],
        ['backslashes', of('errorMessage', 'contains', `\\' OR '1'='1`), []],
        ['placeholders', of('user', '=', '{p0:String}'), []],
        ['words with quotes', of('text', 'contains', `fox') OR 1=1 OR hasAllTokens(text, 'zzz`), []],
      ];
      it.each(cases)('%s', async (_, filter, spans) => {
        expect(await spanIdsFor(projectId, filter)).toEqual(spans.map((span) => span.spanId).sort());
      });

      it.each([
        ['an unknown field', of('1=1 OR model', '=', 'x')],
        ['an inherited name', of('constructor', '=', 'x')],
        ['an unknown operator', of('model', '= 1 OR', 'x')],
        ['an order on text', of('model', '>', 'x')],
        ['a number that is none', of('latency', '>', '1 OR 1')],
        ['a cost that is none', of('cost', '>', `0) OR (1`)],
        ['text without words', of('text', 'contains', '!?')],
      ])('refuses %s', async (_, filter) => {
        await expect(store.listSpans({ projectId, ...range, filter })).rejects.toMatchObject({
          code: 'invalid_request',
        });
      });

      it('refuses a search in text without a time range', async () => {
        const filter = of('text', 'contains', 'fox');
        const unbounded = store.listSpans({ projectId, from: null, to: range.to, filter });
        await expect(unbounded).rejects.toMatchObject({ code: 'invalid_request' });
      });
    });

    it.each([['garbage'], [Buffer.from('["1; DROP","x"]').toString('base64url')]])(
      'refuses cursor %s',
      async (cursor) => {
        const page: Promise<Page<unknown>> = store.listSpans({ projectId: 'p', ...range, cursor });
        await expect(page).rejects.toMatchObject({ code: 'invalid_request', param: 'cursor' });
      },
    );

    it('gives the same sums from spans and from the rollups', async () => {
      const projectId = newUuid();
      const spans = Array.from({ length: 12 }, (_, n) =>
        spanRow({
          projectId,
          startTime: at(n * 600),
          requestModel: n % 3 ? 'a' : 'b',
          status: n === 5 ? 500 : 200,
          outcome: n === 5 ? 'failed' : 'completed',
          durationNanos: (n + 1) * 1e8,
        }),
      );
      const costs = spans.map((span) => costRow(span, { totalUsd: '0.01' }));
      await store.writeBatch(batchOf({ spans, costs }));
      const hours = (from: bigint) => ({
        projectId,
        from: String(from),
        to: String(testTime + 24n * 3600n * second),
        bucketSeconds: 3600,
        groupBy: 'model' as const,
      });
      const fromSpans = await store.metrics(hours(testTime));
      const fromRollups = await store.metrics(hours(testTime - 72n * 3600n * second));
      expect(fromSpans.map(({ bucketStart, group, requests, errors, costUsd }) => ({ bucketStart, group, requests, errors, costUsd }))).toEqual([
        { bucketStart: at(0), group: 'a', requests: 4, errors: 1, costUsd: '0.04' },
        { bucketStart: at(0), group: 'b', requests: 2, errors: 0, costUsd: '0.02' },
        { bucketStart: at(3600), group: 'a', requests: 4, errors: 0, costUsd: '0.04' },
        { bucketStart: at(3600), group: 'b', requests: 2, errors: 0, costUsd: '0.02' },
      ]); // prettier-ignore
      expect(fromSpans[0]?.tokens).toMatchObject({ inputUncached: 40, reasoning: 12 });
      expect(fromSpans[0]?.firstChunkMs?.p50).toBeCloseTo(300);
      expect(fromSpans[3]?.latencyMs?.p99).toBeCloseTo(1000, -2);
      expect(fromRollups).toEqual(fromSpans);
    });

    it('counts the values of attributes by day', async () => {
      const projectId = newUuid();
      const day = 86_400;
      await write([
        spanRow({
          projectId,
          startTime: at(0),
          metadata: { tier: 'gold' },
          finishReasons: ['stop', 'tool_calls'],
        }),
        spanRow({ projectId, startTime: at(1), metadata: { tier: 'gold' } }),
        spanRow({ projectId, startTime: at(2), metadata: { tier: 'tin' } }),
        spanRow({ projectId, startTime: at(2 * day), metadata: { tier: 'tin' } }),
      ]);
      const attributes = ['metadata.tier', 'finishReason', 'error'] as const;
      expect(await store.facets({ projectId, ...range, attributes })).toEqual([
        { attribute: 'metadata.tier', values: [{ value: 'gold', count: 2 }, { value: 'tin', count: 1 }] },
        { attribute: 'finishReason', values: [{ value: 'stop', count: 3 }, { value: 'tool_calls', count: 1 }] },
        { attribute: 'error', values: [] },
      ]); // prettier-ignore
    });

    activityCases(() => store);
    unknownCostCases(() => store);
    sortCases(() => store);
    janitorCases(() => store);
    rangeCases(() => store);

    it('keeps what capture says about itself', async () => {
      const event = {
        projectId: newUuid(),
        time: at(1),
        type: 'capture.lost' as const,
        eventId: newUuid(),
        emitter: newUuid(),
        seq: 4,
        body: '{"lostCalls":2}',
      };
      await store.writeBatch({ ...batchOf({ captureEvents: [event] }), token: newUuid() });
      expect(await store.listCaptureEvents({ projectId: event.projectId, ...range })).toEqual([event]);
    });

    it('counts a batch once that was whole before a crash and comes again after it', async () => {
      if (!engine.crash) return;
      const projectId = newUuid();
      const spans = Array.from({ length: 20 }, (_, n) => spanRow({ projectId, startTime: at(n) }));
      const batch = batchOf({ spans, costs: spans.map((span) => costRow(span, { totalUsd: '0.1' })) });
      await store.writeBatch(batch);
      const before = await store.reconcile({ projectId });
      await engine.crash.kill();
      await engine.crash.restart();
      await store.writeBatch(batch);
      expect(await store.reconcile({ projectId })).toEqual(before);
      expect(before).toMatchObject({ rollup: { requests: 20 }, costRollup: { rows: 20 } });
    });

    it('is exact after crashes in the middle of batches that come again', async () => {
      if (!engine.crash) return;
      const projectId = newUuid();
      const batches = Array.from({ length: 12 }, (_, round) => {
        const spans = Array.from({ length: 40 }, (__, n) =>
          spanRow({ projectId, startTime: at(round * 40 + n) }),
        );
        return batchOf({ spans, costs: spans.map((span) => costRow(span, { totalUsd: '0.1' })) });
      });
      for (const [round, batch] of batches.entries()) {
        const writing = store.writeBatch(batch).then(() => true, () => false); // prettier-ignore
        if (round % 4 === 0) {
          await new Promise((resolve) => setTimeout(resolve, round * 5));
          await engine.crash.kill();
          await engine.crash.restart();
        }
        const written = await writing;
        if (!written || round % 3 === 0) await store.writeBatch(batch);
      }
      expect(await store.reconcile({ projectId })).toEqual({
        spans: { rows: 480, distinct: 480, tokens: 12_000 },
        rollup: { requests: 480, tokens: 12_000 },
        traceIndex: { spans: 480 },
        facets: { spans: 480 },
        costs: { rows: 480, distinct: 480, totalUsd: '48' },
        costRollup: { rows: 480, totalUsd: '48' },
        spansByTrace: { rows: 480, tokens: 12_000 },
        costsByTrace: { rows: 480, totalUsd: '48' },
      });
    });
  });
}
