import { beforeAll, describe, expect, it } from '@jest/globals';
import { newTraceId, newUuid } from '@loom/trace-schema';
import type { SpanRow } from '../rows.ts';
import type { ActivityQuery, Page, TraceStore } from '../trace-store.ts';
import { batchOf, costRow, second, spanRow, testTime } from './rows.ts';

const at = (seconds: number) => String(testTime + BigInt(seconds) * second);
const hour = { from: at(0), to: at(3600) };
/** Over the limit up to which spans are read: by whole days. */
const month = { from: String(testTime - 20n * 86_400n * second), to: at(10 * 86_400) };

/** Summaries, outlines, conversations and end users. */
export function activityCases(storeOf: () => TraceStore): void {
  const empty = { items: [], nextCursor: null };

  describe('summary', () => {
    it('gives the same from spans and from rollups, most requests first', async () => {
      const [store, projectId] = [storeOf(), newUuid()];
      const models = ['b', 'a', 'c', 'c'];
      const spans = models.map((requestModel, n) =>
        spanRow({
          projectId,
          requestModel,
          startTime: at(n * 600),
          outcome: n === 3 ? 'refused' : 'completed',
          gatewayOverheadNanos: (n + 1) * 1_000_000,
          attempts: n === 0 ? [attempt(n), attempt(n)] : [attempt(n)],
        }),
      );
      const costs = spans.map((span) => costRow(span, { totalUsd: '0.01' }));
      await store.writeBatch(batchOf({ spans, costs }));
      const short = await store.summary({ projectId, ...hour, groupBy: 'model' });
      expect(
        short.map(({ group, requests, errors, retried, costUsd }) => [
          group,
          requests,
          errors,
          retried,
          costUsd,
        ]),
      ).toEqual([
        ['c', 2, 1, 0, '0.02'],
        ['a', 1, 0, 0, '0.01'],
        ['b', 1, 0, 1, '0.01'],
      ]);
      expect(short[0]?.gatewayOverheadMs).toEqual({ p50: 3, p95: 3, p99: 3 });
      expect(await store.summary({ projectId, ...month, groupBy: 'model' })).toEqual(short);
      expect(await store.summary({ projectId, ...hour, groupBy: 'model', limit: 1 })).toEqual(
        short.slice(0, 1),
      );
      const [whole] = await store.summary({ projectId, ...hour, groupBy: 'none' });
      expect(whole).toMatchObject({ group: '', requests: 4, retried: 1, costUsd: '0.04' });
      for (const [range, bucketSeconds] of [
        [hour, 60],
        [month, 86_400],
      ] as const) {
        const query = { projectId, ...range, bucketSeconds };
        const overview = await store.overview({ ...query, groupBy: 'model' });
        expect(overview).toEqual({
          total: whole,
          groups: short,
          points: await store.metrics({ ...query, groupBy: 'none' }),
          groupedPoints: (await store.metrics({ ...query, groupBy: 'model' })).map((point) => ({
            ...point,
            ...{ latencyMs: null, firstChunkMs: null, gatewayOverheadMs: null },
          })),
        });
        expect((await store.overview({ ...query, groupBy: 'none' })).total).toEqual(whole);
      }
      const [point] = await store.metrics({ projectId, ...month, bucketSeconds: 86_400, groupBy: 'none' });
      expect(point).toMatchObject({ retried: 1, gatewayOverheadMs: whole?.gatewayOverheadMs });
    });

    it('is empty for another project and an empty range', async () => {
      const [store, projectId] = [storeOf(), newUuid()];
      await store.writeBatch(batchOf({ spans: [spanRow({ projectId })] }));
      for (const range of [hour, month]) {
        expect(await store.summary({ projectId: newUuid(), ...range, groupBy: 'none' })).toEqual([]);
      }
      const nothing = { total: null, groups: [], points: [], groupedPoints: [] };
      const elsewhere = { projectId: newUuid(), ...hour, bucketSeconds: 60, groupBy: 'model' } as const;
      expect(await store.overview(elsewhere)).toEqual(nothing);
      const before = { from: '1', to: '2' };
      expect(await store.summary({ projectId, ...before, groupBy: 'none' })).toEqual([]);
      const backwards = store.summary({ projectId, from: hour.to, to: hour.from, groupBy: 'none' });
      await expect(backwards).rejects.toMatchObject({ code: 'invalid_request' });
    });
  });

  describe('traceOutline', () => {
    it('has every span of the trace in order, with its cost, and knows no other project', async () => {
      const [store, projectId, traceId] = [storeOf(), newUuid(), newTraceId()];
      const spans = Array.from({ length: 6 }, (_, n) =>
        spanRow({
          projectId,
          traceId,
          startTime: at(n * 7200),
          metadata: { tool: `tool-${n}` },
          attempts: n === 5 ? [attempt(n), attempt(n)] : [attempt(n)],
        }),
      );
      const costs = [
        costRow(spans[0]!, { totalUsd: '0.5' }),
        costRow(spans[1]!, { state: 'unpriced', reason: 'no_price', totalUsd: '0' }),
      ];
      await store.writeBatch(batchOf({ spans: spans.slice(3), costs }));
      await store.writeBatch(batchOf({ spans: spans.slice(0, 3) }));
      const outline = await store.traceOutline({ projectId, traceId });
      expect(outline).toMatchObject({ traceId, startTime: at(0), truncated: false });
      expect(outline?.spans.map((span) => [span.spanId, span.toolName, span.totalUsd])).toEqual(
        spans.map((span, n) => [span.spanId, `tool-${n}`, n === 0 ? '0.5' : null]),
      );
      expect(outline?.spans.map(({ costState }) => costState).slice(0, 3)).toEqual([
        ...['priced', 'unpriced', 'pending'],
      ]);
      expect(outline?.spans[5]).toMatchObject({ totalTokens: 25, startTime: at(5 * 7200) });
      expect(outline?.spans.map(({ attempts }) => attempts.length).filter(Boolean)).toEqual([2]);
      expect(await store.traceOutline({ projectId: newUuid(), traceId })).toBeNull();
    });
  });

  describe('sessions and users', () => {
    const projectId = newUuid();
    const say = (seconds: number, sessionId: string, userId: string, row: Partial<SpanRow> = {}) =>
      spanRow({ projectId, startTime: at(seconds), sessionId, userId, ...row });
    const shared = newTraceId();
    const spans = [
      say(1, 's-One', 'ana'),
      say(2, 's-One', 'ana', { traceId: shared, status: 500, outcome: 'failed' }),
      say(2, 's-One', 'ana', { traceId: shared }),
      say(30, 's-two', 'bo'),
      say(30, 's-three', 'bo'),
      say(40, '', 'bo'),
      say(50, '', ''),
      say(60, '', '', { sessionId: 's-four' }),
    ];
    beforeAll(async () => {
      await storeOf().writeBatch(
        batchOf({ spans, costs: spans.map((span) => costRow(span, { totalUsd: '0.25' })) }),
      );
    });
    const visit = async <Item>(list: (query: ActivityQuery) => Promise<Page<Item>>, query: ActivityQuery) => {
      const seen: Item[] = [];
      let cursor: string | null = null;
      do {
        const page: Page<Item> = await list({ ...query, cursor });
        seen.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor !== null);
      return seen;
    };

    it.each([
      ['spans', hour],
      ['days', month],
    ])('are listed by their last call over pages, from %s', async (_, range) => {
      const store = storeOf();
      const query = { projectId, ...range, limit: 1 };
      const sessions = await visit((one) => store.listSessions(one), query);
      expect(sessions.map(({ sessionId }) => sessionId)).toEqual(['s-four', 's-two', 's-three', 's-One']);
      expect(sessions[3]).toEqual({
        sessionId: 's-One',
        userId: 'ana',
        traces: 2,
        spans: 3,
        errors: 1,
        totalTokens: 75,
        ...{ costUsd: '0.75', withoutPrice: 0, partlyPriced: 0 },
        firstSeen: at(1),
        lastSeen: at(2),
      });
      const users = await visit((one) => store.listUsers(one), query);
      expect(users).toEqual([
        expect.objectContaining({ userId: 'bo', sessions: 2, traces: 3, spans: 3, costUsd: '0.75', lastSeen: at(40) }),
        expect.objectContaining({ userId: 'ana', sessions: 1, traces: 2, spans: 3, errors: 1, costUsd: '0.75' }),
      ]); // prettier-ignore
    });

    it.each([
      ['spans', hour],
      ['days', month],
    ])('are searched without regard to case, and isolated, from %s', async (_, range) => {
      const store = storeOf();
      const found = await store.listSessions({ projectId, ...range, search: 'ONE' });
      expect(found.items.map(({ sessionId }) => sessionId)).toEqual(['s-One']);
      expect(await store.listUsers({ projectId, ...range, search: `' OR 1=1` })).toEqual(empty);
      expect(await store.listSessions({ projectId: newUuid(), ...range })).toEqual(empty);
      expect(await store.listUsers({ projectId: newUuid(), ...range })).toEqual(empty);
    });

    it('refuse a cursor of another list, and have nothing in an empty range', async () => {
      const store = storeOf();
      const refused = store.listUsers({ projectId, ...hour, cursor: 'bm90IGE' });
      await expect(refused).rejects.toMatchObject({ code: 'invalid_request', param: 'cursor' });
      const range = { from: at(3600), to: at(7200) };
      expect(await store.listSessions({ projectId, ...range })).toEqual(empty);
    });
  });
}

/** A cost that nobody knows is never a zero, and what a sum lacks is counted. */
export function unknownCostCases(storeOf: () => TraceStore): void {
  describe('costs that are not known', () => {
    const projectId = newUuid();
    const of = (requestModel: string, userId: string) =>
      spanRow({ projectId, startTime: at(5), requestModel, userId, sessionId: `s-${userId}` });
    const spans = [of('known', 'ana'), of('part', 'ana'), of('none', 'ana'), of('none', 'bo'), of('free', 'cy'), of('silent', 'di')]; // prettier-ignore
    const states = [
      { totalUsd: '2' },
      { totalUsd: '1', state: 'partial', reason: 'incomplete_price' },
      { totalUsd: '0', state: 'unpriced', reason: 'no_price' },
      { totalUsd: '0', state: 'unpriced', reason: 'no_price' },
      { totalUsd: '0' },
      { totalUsd: '0', state: 'unpriced', reason: 'no_usage' },
    ] as const;
    beforeAll(async () => {
      const costs = spans.map((span, place) => costRow(span, states[place]));
      await storeOf().writeBatch(batchOf({ spans, costs }));
    });
    const costsOf = (row: { costUsd: string | null; withoutPrice: number; partlyPriced: number }) => [
      row.costUsd,
      row.withoutPrice,
      row.partlyPriced,
    ];

    it.each([
      ['spans', hour],
      ['rollups', month],
    ])('are null, from %s', async (_, range) => {
      const store = storeOf();
      const groups = await store.summary({ projectId, ...range, groupBy: 'model' });
      expect(Object.fromEntries(groups.map((group) => [group.group, costsOf(group)]))).toEqual({
        ...{ known: ['2', 0, 0], part: ['1', 0, 1], none: [null, 2, 0], free: ['0', 0, 0] },
        silent: [null, 0, 0],
      });
      const { total } = await store.overview({ projectId, ...range, groupBy: 'model', bucketSeconds: 3600 });
      expect(total && costsOf(total)).toEqual(['3', 2, 1]);
      const { items: users } = await store.listUsers({ projectId, ...range });
      expect(Object.fromEntries(users.map((user) => [user.userId, costsOf(user)]))).toEqual({
        ...{ ana: ['3', 1, 1], bo: [null, 1, 0], cy: ['0', 0, 0], di: [null, 0, 0] },
      });
      const { items: sessions } = await store.listSessions({ projectId, ...range, search: 's-bo' });
      expect(sessions.map(costsOf)).toEqual([[null, 1, 0]]);
    });
  });
}

function attempt(n: number): SpanRow['attempts'][number] {
  const [startTime, error] = [at(n), null];
  return {
    spanId: `${n}`.repeat(16),
    provider: 'openai',
    model: 'm',
    startTime,
    durationNanos: 5,
    status: 200,
    error,
  };
}
