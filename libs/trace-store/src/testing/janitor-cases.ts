import { describe, expect, it } from '@jest/globals';
import { millisOfNanos, newUuid } from '@loom/trace-schema';
import type { SpanRow } from '../rows.ts';
import type { TraceStore } from '../trace-store.ts';
import { acceptedRow, batchOf, costRow, headRow, second, spanRow, testTime, textRow } from './rows.ts';

const at = (seconds: number) => String(testTime + BigInt(seconds) * second);
const hour = { from: at(0), to: at(3600) };

/** Erasure and retention. */
export function janitorCases(storeOf: () => TraceStore): void {
  const write = async (rows: readonly Partial<SpanRow>[], projectId: string) => {
    const spans = rows.map((row, n) =>
      spanRow({ projectId, startTime: at(n), metadata: { team: 'all', own: row.userId ?? '' }, ...row }),
    );
    await storeOf().writeBatch(
      batchOf({
        spans,
        accepted: spans.map((span) => acceptedRow(span)),
        payloads: spans.flatMap((span) => [
          headRow(span, 'request', Buffer.from(`ask of ${span.userId}`)),
          headRow(span, 'response', Buffer.from(`answer to ${span.userId}`)),
        ]),
        texts: spans.map((span) => textRow(span, 'request', `ask of ${span.userId}`)),
        costs: spans.map((span) => costRow(span)),
      }),
    );
    return spans;
  };
  const payload = async (span: SpanRow | undefined) => {
    const { projectId = '', spanId = '' } = span ?? {};
    const [found] = await storeOf().readPayloads({ projectId, spanIds: [spanId], part: 'request' });
    return found?.data?.toString() ?? null;
  };

  describe('erase', () => {
    it('takes out what end users said and who they were, and leaves counts, costs and everyone else', async () => {
      const [store, projectId, other] = [storeOf(), newUuid(), newUuid()];
      const users = ['ann', 'bob', 'cyd'].map((userId) => ({
        userId,
        sessionId: `s-${userId}`,
        inputPreview: '',
      }));
      const [ann, bob, cyd, later] = await write([...users, { userId: 'ann' }], projectId);
      const [foreign] = await write(users, other);
      const selection = { projectId, users: ['ann', 'bob'], before: at(2) };
      expect(await store.countErasable(selection)).toEqual({ spans: 2, payloads: 4 });
      const before = await store.reconcile({ projectId });
      expect(await store.erase(selection)).toEqual({ spans: 2, payloads: 4 });
      expect(await store.countErasable(selection)).toEqual({ spans: 0, payloads: 0 });

      for (const span of [ann, bob]) {
        expect(await payload(span)).toBeNull();
        const stored = span && (await store.readSpan(span));
        const erased = {
          userId: '',
          sessionId: '',
          metadata: {},
          outputPreview: '',
          requestHash: '',
          parameters: {},
        };
        expect(stored).toMatchObject({
          ...erased,
          attempts: [],
          status: 200,
          tokens: span?.tokens,
          costState: 'priced',
        });
      }
      expect(await payload(cyd)).toBe('ask of cyd');
      expect(await store.readSpan(cyd ?? { projectId, spanId: '' })).toMatchObject({
        userId: 'cyd',
        sessionId: 's-cyd',
      });
      expect(await payload(later)).toBe('ask of ann'); // after the request
      expect(await payload(foreign)).toBe('ask of ann');
      const listed = (await store.listUsers({ projectId, ...hour })).items.map(({ userId }) => userId);
      expect(listed).toEqual(['ann', 'cyd']); // of the later call
      expect((await store.listSessions({ projectId, ...hour })).items.map(({ userId }) => userId)).toEqual([
        'cyd',
      ]);
      const facets = await store.facets({
        projectId,
        ...hour,
        attributes: ['user', 'metadata.own', 'metadata.team'],
      });
      const ofLater = { value: 'ann', count: 1 };
      expect(facets.map(({ values }) => values)).toEqual([
        [ofLater, { value: 'cyd', count: 1 }],
        [ofLater, { value: 'cyd', count: 1 }],
        [{ value: 'all', count: 2 }], // labels of erased calls are gone
      ]);
      expect(await store.reconcile({ projectId })).toEqual(before);
    });

    it('takes out the content of calls before a time, and later everything of them', async () => {
      const [store, projectId] = [storeOf(), newUuid()];
      const day = 86_400;
      const rows = [0, 1, 2].map((n) => ({ userId: `u${n}`, startTime: at(n * day) }));
      const [first, second_, third] = await write(rows, projectId);
      const before = at(2 * day);
      expect(await store.erase({ projectId, before, what: 'content' })).toEqual({ spans: 2, payloads: 4 });
      expect([await payload(first), await payload(second_)]).toEqual([null, null]);
      expect(await payload(third)).toBe('ask of u2');
      expect(await store.readSpan(first ?? { projectId, spanId: '' })).toMatchObject({
        userId: 'u0',
        outputPreview: '',
      });

      expect(await store.erase({ projectId, before, what: 'metadata' })).toEqual({ spans: 2, payloads: 0 });
      expect(await store.readSpan(first ?? { projectId, spanId: '' })).toBeNull();
      expect(await store.readSpan(third ?? { projectId, spanId: '' })).toMatchObject({ userId: 'u2' });
      const range = { from: at(0), to: at(5 * day) };
      expect((await store.listTraces({ projectId, ...range })).items).toHaveLength(1);
      expect((await store.facets({ projectId, ...range, attributes: ['user'] }))[0]?.values).toEqual([
        { value: 'u2', count: 1 },
      ]);
    });

    it('finds what names an end user beside the span: a cost that came late, a call in flight', async () => {
      const [store, projectId] = [storeOf(), newUuid()];
      const [ann, bob] = await write([{ userId: 'ann' }, { userId: 'bob' }], projectId);
      const selection = { projectId, users: ['ann'], before: at(60) };
      await store.erase(selection);
      const late = spanRow({ projectId, ...ann, userId: 'ann' });
      await store.writeBatch(batchOf({ costs: [costRow(late, { id: newUuid() })] }));
      await store.writeBatch(
        batchOf({ accepted: [acceptedRow({ ...spanRow({ projectId, userId: 'ann' }), startTime: at(5) })] }),
      );
      expect(await store.countErasable(selection)).toEqual({ spans: 2, payloads: 0 });
      await store.erase(selection);
      expect(await store.countErasable(selection)).toEqual({ spans: 0, payloads: 0 });
      expect(await store.readSpan(bob ?? { projectId, spanId: '' })).toMatchObject({ userId: 'bob' });
    });

    it('takes a call as a whole: also what of it began after the time, and nothing of a later call', async () => {
      const [store, projectId] = [storeOf(), newUuid()];
      const cutMs = millisOfNanos(at(60));
      const cost = (callId: string) =>
        costRow({ ...spanRow({ projectId, userId: 'ann', startTime: at(61) }), callId }, { id: newUuid() });
      const costs = [cost(newUuid(cutMs - 1)), cost(newUuid(cutMs))];
      await store.writeBatch(batchOf({ costs }));
      const selection = { projectId, users: ['ann'], before: at(60) };
      expect(await store.countErasable(selection)).toEqual({ spans: 1, payloads: 0 });
      await store.erase(selection);
      expect(await store.countErasable(selection)).toEqual({ spans: 0, payloads: 0 });
      expect(await store.countErasable({ ...selection, before: at(120) })).toEqual({ spans: 1, payloads: 0 });
    });

    it('takes an end user of any name', async () => {
      const [store, projectId] = [storeOf(), newUuid()];
      const names = [`o'hara`, `a\\'b`, `x", OR 1=1 --`, '{p0:String}', 'ü€😀', '%'];
      const spans = await write(names.map((userId) => ({ userId })), projectId); // prettier-ignore
      expect(await store.erase({ projectId, users: names.slice(1), before: at(60) })).toEqual({
        spans: 5,
        payloads: 10,
      });
      expect(await payload(spans[0])).toBe(`ask of o'hara`);
      expect((await store.listUsers({ projectId, ...hour })).items.map(({ userId }) => userId)).toEqual([
        `o'hara`,
      ]);
    });
  });
}
