import { beforeAll, describe, expect, it } from '@jest/globals';
import { newUuid, type TraceOrder, type TraceSort, traceSorts } from '@loom/trace-schema';
import type { SpanRow } from '../rows.ts';
import type { TraceListQuery, TraceStore } from '../trace-store.ts';
import { batchOf, costRow, second, spanRow, testTime } from './rows.ts';

const at = (seconds: number) => String(testTime + BigInt(seconds) * second);
const range = { from: at(0), to: at(3600) };
const idOf = (letter: string) => letter.repeat(32);

/** Sorted lists: by what, in which order, over pages, while rows come. */
export function sortCases(storeOf: () => TraceStore): void {
  describe('sorted traces', () => {
    const projectId = newUuid();
    const bare = { userId: '', timeToFirstChunkNanos: null } as const;
    const say = (letter: string, seconds: number, row: Partial<SpanRow> = {}) =>
      spanRow({
        projectId,
        traceId: idOf(letter),
        startTime: at(seconds),
        durationNanos: 10,
        ...bare,
        ...row,
      });
    const manyTokens = { ...spanRow({ projectId }).tokens, outputText: 9000 };
    const spans = [
      say('a', 1, { durationNanos: 500, userId: 'zoe', requestModel: 'm1', responseModel: 'm1-x' }),
      say('b', 2, { durationNanos: 900, tokens: manyTokens, responseModel: '', requestModel: 'm0' }),
      say('c', 3, { userId: 'ann', status: 500, outcome: 'failed', timeToFirstChunkNanos: 77 }),
      say('c', 4, { userId: 'ann', status: 500, outcome: 'failed', timeToFirstChunkNanos: 77 }),
      say('d', 5, { keyId: 'k9', timeToFirstChunkNanos: 11 }),
      say('e', 6),
    ];
    beforeAll(async () => {
      await storeOf().writeBatch(
        batchOf({
          spans,
          costs: [
            costRow(spans[0]!, { totalUsd: '0.5' }),
            costRow(spans[1]!, { state: 'unpriced', reason: 'no_price', totalUsd: '0' }),
            costRow(spans[2]!, { totalUsd: '0.4' }),
            costRow(spans[3]!, { totalUsd: '0.4' }),
            costRow(spans[4]!, { totalUsd: '0' }),
          ],
        }),
      );
    });
    const visit = async (query: Partial<TraceListQuery>) => {
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page = await storeOf().listTraces({ projectId, ...range, limit: 2, ...query, cursor });
        seen.push(...page.items.map(({ traceId }) => traceId[0] ?? ''));
        cursor = page.nextCursor;
      } while (cursor !== null);
      return seen.join('');
    };

    it.each<[TraceSort, TraceOrder, string]>([
      ['time', 'asc', 'abcde'],
      ['time', 'desc', 'edcba'],
      ['cost', 'desc', 'cadeb'],
      ['cost', 'asc', 'dacbe'],
      ['spans', 'desc', 'cedba'],
      ['errors', 'desc', 'cedba'],
      ['user', 'asc', 'cabde'],
      ['user', 'desc', 'acedb'],
      ['firstChunk', 'asc', 'dcabe'],
      ['firstChunk', 'desc', 'cdeba'],
    ])(
      'by %s, %s, are in this order over pages, and those that lack it are last',
      async (sort, order, found) => {
        expect(await visit({ sort, order })).toBe(found);
      },
    );

    it('by latency and tokens are those of the whole trace', async () => {
      expect((await visit({ sort: 'latency' })).startsWith('cb')).toBe(true); // c lasts from its first span to its last
      expect((await visit({ sort: 'tokens' }))[0]).toBe('b');
    });

    it.each(traceSorts)('by %s have every trace once in both orders', async (sort) => {
      for (const order of ['asc', 'desc'] as const)
        expect(
          Array.from(await visit({ sort, order }))
            .toSorted()
            .join(''),
        ).toBe('abcde');
    });

    it('hold their filter, and show its newest match', async () => {
      const filter = { field: 'user', operator: '=', value: 'ann' } as const;
      const { items } = await storeOf().listTraces({ projectId, ...range, sort: 'cost', filter });
      expect(items.map(({ traceId, newestMatch }) => [traceId[0], newestMatch.spanId])).toEqual([
        ['c', spans[3]?.spanId],
      ]);
    });

    it('have no trace twice and none of later when rows come between pages', async () => {
      const store = storeOf();
      const query = { projectId, from: range.from, to: null, sort: 'cost', limit: 2 } as const;
      const first = await store.listTraces(query);
      const late = spanRow({
        projectId,
        traceId: idOf('f'),
        startTime: String(BigInt(Date.now() + 60_000) * 1_000_000n),
      });
      await store.writeBatch(batchOf({ spans: [late], costs: [costRow(late, { totalUsd: '0.1' })] }));
      const second = await store.listTraces({ ...query, limit: 10, cursor: first.nextCursor });
      const letters = [...first.items, ...second.items].map(({ traceId }) => traceId[0]).join('');
      expect(letters).toBe('cadeb');
    });

    it('refuse the cursor of another order', async () => {
      const { nextCursor } = await storeOf().listTraces({ projectId, ...range, sort: 'cost', limit: 1 });
      for (const other of [{ sort: 'tokens' }, { sort: 'cost', order: 'asc' }, {}] as const)
        await expect(
          storeOf().listTraces({ projectId, ...range, ...other, cursor: nextCursor }),
        ).rejects.toMatchObject({ code: 'invalid_request', param: 'cursor' });
    });
  });
}
