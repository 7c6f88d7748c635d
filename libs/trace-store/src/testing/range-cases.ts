import { beforeAll, describe, expect, it } from '@jest/globals';
import { newUuid } from '@loom/trace-schema';
import type { SpanRow } from '../rows.ts';
import { bucketStarts } from '../time-buckets.ts';
import type { TraceStore } from '../trace-store.ts';
import { batchOf, costRow, second, spanRow, testTime } from './rows.ts';

const projectId = newUuid();
const minutes = 60n * second;
const days = 1440n * minutes;
/** Every 47 minutes for nine days: in hours and days of every kind of zone. */
const spans = Array.from({ length: 276 }, (_, n): SpanRow =>
  spanRow({
    projectId,
    startTime: String(testTime + BigInt(n) * 47n * minutes + BigInt(n % 7) * 1_234_567n),
    requestModel: `m${n % 3}`,
    sessionId: `s${n % 5}`,
    userId: `u${n % 4}`,
  }),
);
const time = (offset: bigint) => String(testTime + offset);
const starts = spans.map(({ startTime }) => BigInt(startTime));
const countOf = (from: bigint, to: bigint, of = (_: SpanRow) => true) =>
  spans.filter((span, n) => starts[n]! >= from && starts[n]! < to && of(span)).length;

/** What is read of a range is exactly what is in it, however long it is and wherever it is cut. */
export function rangeCases(storeOf: () => TraceStore): void {
  describe('a range', () => {
    beforeAll(async () => {
      await storeOf().writeBatch(
        batchOf({ spans, costs: spans.map((span) => costRow(span, { totalUsd: '0.01' })) }),
      );
    });
    const ranges: [from: bigint, to: bigint][] = [
      [0n, 9n * days],
      [13n * minutes, 9n * days - 17n * minutes],
      [3n * minutes + 1n, 3n * days + 59n * minutes + 1n],
      [-2n * days, 2n * days + 30n * minutes],
      [8n * days - 1n, 8n * days + 2n * days],
    ];

    it.each(ranges)('adds up to what is in it (case %#)', async (first, last) => {
      const [from, to] = [testTime + first, testTime + last];
      const range = { projectId, from: String(from), to: String(to) };
      const expected = countOf(from, to);
      const groups = await storeOf().summary({ ...range, groupBy: 'model' });
      expect(groups.reduce((sum, { requests }) => sum + requests, 0)).toBe(expected);
      const usd = groups.reduce((sum, { costUsd }) => sum + Number(costUsd), 0);
      expect(usd).toBeCloseTo(expected / 100, 9);
      for (const { group, requests } of groups)
        expect([group, requests]).toEqual([
          group,
          countOf(from, to, ({ requestModel }) => requestModel === group),
        ]);
      const users = await storeOf().listUsers(range);
      expect(users.items.map(({ userId, spans: count }) => [userId, count]).toSorted()).toEqual(
        ['u0', 'u1', 'u2', 'u3'].map((userId) => [
          userId,
          countOf(from, to, (span) => span.userId === userId),
        ]),
      );
      const sessions = await storeOf().listSessions(range);
      expect(sessions.items.reduce((sum, { spans: count }) => sum + count, 0)).toBe(expected);
    });

    it.each([
      ['UTC', 86_400],
      ['Europe/Prague', 86_400],
      ['Asia/Kolkata', 86_400],
      ['Asia/Kathmandu', 21_600],
      ['America/St_Johns', 3600],
      ['Pacific/Chatham', 172_800],
    ])('is the sum of its buckets in %s (%d s each)', async (timeZone, bucketSeconds) => {
      const [from, to] = [testTime + 13n * minutes, testTime + 9n * days - 17n * minutes];
      const query = {
        projectId,
        from: String(from),
        to: String(to),
        bucketSeconds,
        timeZone,
        groupBy: 'none' as const,
      };
      const range = { from: Number(from / second), to: Math.ceil(Number(to) / 1e9), bucketSeconds, timeZone };
      const bounds = bucketStarts(range).map((start) => BigInt(start) * second);
      const expected = bounds.map((start, n) => {
        const end = bounds[n + 1] ?? to;
        return [String(start), countOf(start < from ? from : start, end > to ? to : end)] as const;
      });
      const points = await storeOf().metrics(query);
      expect(points.map(({ bucketStart, requests }) => [bucketStart, requests])).toEqual(
        expected.filter(([, count]) => count > 0),
      );
      const { total, points: overview } = await storeOf().overview(query);
      expect(total?.requests).toBe(countOf(from, to));
      expect(overview.map(({ requests, costUsd }) => [requests, Number(costUsd)])).toEqual(
        points.map(({ requests, costUsd }) => [requests, Number(costUsd)]),
      );
      expect(points.reduce((sum, { costUsd }) => sum + Number(costUsd), 0)).toBeCloseTo(
        countOf(from, to) / 100,
        9,
      );
    });

    it('in an unknown time zone is refused', async () => {
      const query = {
        projectId,
        from: time(0n),
        to: time(days),
        bucketSeconds: 3600,
        groupBy: 'none' as const,
      };
      await expect(storeOf().metrics({ ...query, timeZone: 'Mars/Olympus' })).rejects.toMatchObject({
        ...{ code: 'invalid_request', param: 'timeZone' },
      });
    });

    it.each(ranges)(
      'has facets of exactly what is in it, and of what matches a filter (case %#)',
      async (first, last) => {
        const [from, to] = [testTime + first, testTime + last];
        const range = { projectId, from: String(from), to: String(to) };
        const counted = async (query: object) => {
          const [users] = await storeOf().facets({ ...range, attributes: ['user'], ...query });
          return Object.fromEntries(users?.values.map(({ value, count }) => [value, count]) ?? []);
        };
        const expected = (of: (span: SpanRow) => boolean) =>
          Object.fromEntries(
            ['u0', 'u1', 'u2', 'u3']
              .map((user) => [user, countOf(from, to, (span) => span.userId === user && of(span))] as const)
              .filter(([, count]) => count > 0),
          );
        expect(await counted({})).toEqual(expected(() => true));
        const filter = { field: 'requestModel', operator: '=', value: 'm1' } as const;
        expect(await counted({ filter })).toEqual(expected(({ requestModel }) => requestModel === 'm1'));
      },
    );

    it.each(ranges)('counts and adds up what matches (case %#)', async (first, last) => {
      const [from, to] = [testTime + first, testTime + last];
      const filter = { field: 'user', operator: '=', value: 'u2' } as const;
      for (const [matches, count] of [
        [null, countOf(from, to)],
        [filter, countOf(from, to, ({ userId }) => userId === 'u2')],
      ] as const) {
        const found = await storeOf().readMatches({
          ...{ projectId, from: String(from), to: String(to), filter: matches, bucketSeconds: 86_400 },
        });
        expect(found).toMatchObject({ traces: count, spans: count, errors: 0, withoutPrice: 0 });
        expect(Number(found.costUsd)).toBeCloseTo(count / 100, 9);
        expect(found.buckets.reduce((sum, bucket) => sum + bucket.spans, 0)).toBe(count);
        for (const { bucketStart, spans: inBucket } of found.buckets) {
          const start = BigInt(bucketStart);
          const [begin, end] = [start < from ? from : start, start + days < to ? start + days : to];
          expect(inBucket).toBe(countOf(begin, end, ({ userId }) => !matches || userId === 'u2'));
        }
      }
    });
  });
}
