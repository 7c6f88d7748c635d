import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { newTraceId, newUuid } from '@loom/trace-schema';
import { columnOf, type StoredTable, storedTables } from '@loom/trace-schema/stored-columns';
import { openTraceStore } from './open.ts';
import { Rewriter } from './testing/rewriter.ts';
import {
  acceptedRow,
  batchOf,
  costRow,
  headRow,
  second,
  spanRow,
  testTime,
  textRow,
} from './testing/rows.ts';
import type { TraceStore } from './trace-store.ts';

/** What makes of a row of each derived table one that nothing derives. */
const strayKey: Readonly<Record<string, string>> = {
  ...{
    facets: `'stray' AS value`,
    sessions_daily: `'stray' AS session_id`,
    users_daily: `'stray' AS user_id`,
  },
  ...{
    calls_hourly: `'stray' AS key_id`,
    costs_hourly: `'stray' AS key_id`,
    trace_index: `'stray' AS trace_id`,
  },
  ...{ spans_by_trace: `'stray' AS trace_id`, costs_by_trace: `'stray' AS trace_id` },
};

const everything = { retainedSince: null, erasedUntil: null, contentSince: null };
const derivedTables = Object.entries<StoredTable>(storedTables).filter(([table]) => table in strayKey);

let engines: TestEngines;
let store: TraceStore;
let rewriter: Rewriter;
const projectId = newUuid();

beforeAll(async () => {
  engines = await startTestEngines();
  store = await openTraceStore(new URL(engines.traceStoreUrl));
  rewriter = new Rewriter(new URL(engines.traceStoreUrl));
  const traceId = newTraceId();
  for (let round = 0; round < 3; round += 1) {
    const spans = Array.from({ length: 40 }, (_, n) =>
      spanRow({
        ...{
          projectId,
          userId: `user ${n % 3}`,
          sessionId: `session ${n % 5}`,
          metadata: { team: `t${n % 2}` },
        },
        ...(n % 4 === 0 ? { traceId } : {}),
        startTime: String(testTime + BigInt(n * 1000 + round) * second),
        ...{
          durationNanos: (n * 37 + 11) * 1_000_000,
          gatewayOverheadNanos: n * 1000,
          status: n === 5 ? 500 : 200,
        },
      }),
    );
    await store.writeBatch(batchOf({ spans, costs: spans.map((span) => costRow(span)) }));
  }
}, 60_000);
afterEach(() => rewriter.restore());
afterAll(async () => {
  await store.close();
  await engines.stop();
});

describe('the list of stored columns', () => {
  it('has every column of every table, and no other', async () => {
    const stored = (await rewriter.columns()).map(({ table, name }) => `${table}.${name}`);
    const listed = Object.entries<StoredTable>(storedTables).flatMap(([table, { columns }]) =>
      Object.keys(columns).map((field) => `${table}.${columnOf(field)}`),
    );
    expect(listed.sort()).toEqual(stored.sort());
  });
});

describe('findDeviations', () => {
  it('finds nothing in a store as it was written, however its parts are merged', async () => {
    expect(await store.findDeviations({ projectId, ...everything })).toEqual([]);
    for (const [table] of derivedTables) await rewriter.run(`OPTIMIZE TABLE ${table} FINAL`);
    expect(await store.findDeviations({ projectId, ...everything })).toEqual([]);
    expect(await store.findDeviations({ projectId: newUuid(), ...everything })).toEqual([]);
  });

  it.each(
    derivedTables.flatMap(([table, { columns }]) =>
      Object.keys(columns).map((field) => [table, field] as const),
    ),
  )('finds a changed %s.%s', async (table, field) => {
    await rewriter.keep(table);
    await rewriter.run(`OPTIMIZE TABLE ${table} FINAL`);
    await rewriter.rewrite(table, [{ column: columnOf(field), where: oneRowOf(table) }]);
    const found = await store.findDeviations({ projectId, ...everything });
    expect(found.map((deviation) => deviation.table)).toContain(table);
    const changed = found.filter(({ what }) => what === 'changed').flatMap(({ fields }) => fields);
    if (changed.length > 0) expect(changed).toEqual([field]);
    else expect(found.some(({ what }) => what === 'missing' || what === 'added')).toBe(true);
  });

  it('finds rows that were taken out and rows that were added', async () => {
    for (const [table] of derivedTables) {
      await rewriter.keep(table);
      await rewriter.run(`ALTER TABLE ${table} DELETE WHERE ${oneRowOf(table)}`);
      const found = await store.findDeviations({ projectId, ...everything });
      expect(found.map((one) => one.table)).toContain(table);
      await rewriter.restore();
      await rewriter.keep(table);
      await rewriter.run(
        `INSERT INTO ${table} SELECT * REPLACE(${strayKey[table] ?? ''}) FROM ${table} LIMIT 1`,
      );
      const added = await store.findDeviations({ projectId, ...everything });
      expect(added).toMatchObject([{ table, what: 'added' }]);
      await rewriter.restore();
    }
  });

  it.each(['model', 'is_error', 'input_tokens', 'output_tokens', 'attempt_count'])(
    'finds a changed spans.%s, which the engine derived',
    async (column) => {
      await rewriter.keep('spans');
      const [span] = await rewriter.select<{ id: string }>('SELECT max(span_id) AS id FROM spans');
      await rewriter.rewrite('spans', [{ column, where: `span_id = '${span?.id ?? ''}'` }]);
      const field = column.replace(/_(\w)/, (_, letter: string) => letter.toUpperCase());
      const expected = { table: 'spans', row: { spanId: span?.id }, what: 'changed', fields: [field] };
      expect(await store.findDeviations({ projectId, ...everything })).toEqual([expected]);
    },
  );

  it('finds the same when somebody has changed the view as well', async () => {
    await rewriter.keep('trace_index');
    await rewriter.run('ALTER TABLE trace_index_of_spans MODIFY QUERY SELECT project_id, trace_id, min(start_time) AS first_start, max(start_time) AS last_start, 7 AS spans FROM spans GROUP BY project_id, trace_id'); // prettier-ignore
    const span = spanRow({ projectId, startTime: String(testTime) });
    await store.writeBatch(batchOf({ spans: [span] }));
    const found = await store.findDeviations({ projectId, ...everything });
    expect(found).toMatchObject([
      { table: 'trace_index', row: { traceId: span.traceId }, fields: ['spans'] },
    ]);
  });
});

/** A condition that selects a row or some, but not all. */
function oneRowOf(table: string): string {
  const key = { facets: 'value', calls_hourly: 'hour', costs_hourly: 'hour', sessions_daily: 'session_id', users_daily: 'user_id' }[table] ?? 'trace_id'; // prettier-ignore
  return `${key} = (SELECT max(${key}) FROM ${table})`;
}

describe('listStrays', () => {
  it('finds what was put to a call that was refused, has not ended, or is erased', async () => {
    const own = newUuid();
    const [whole, refused, open, nothing, erased] = [1, 2, 3, 4, 5].map(() => spanRow({ projectId: own }));
    const calls = [whole!, refused!, open!, nothing!, erased!];
    await store.writeBatch(
      batchOf({
        spans: [
          whole!,
          { ...refused!, outcome: 'refused', requestHash: '', responseHash: '' },
          { ...erased!, requestHash: '', responseHash: '' },
        ],
        accepted: [
          ...[whole!, open!].map((span) => acceptedRow(span)),
          acceptedRow({ ...erased!, requestHash: '' }),
        ],
        payloads: calls.flatMap((span) => [headRow(span, 'request', Buffer.from('a')), headRow(span, 'response', Buffer.from('b'))]), // prettier-ignore
        texts: calls.flatMap((span) => [textRow(span, 'request', 'a'), textRow(span, 'response', 'b')]),
      }),
    );
    const expected = [
      { spanId: refused?.spanId, part: 'request' },
      { spanId: refused?.spanId, part: 'response' },
      { spanId: open?.spanId, part: 'response' },
      ...(['request', 'response'] as const).map((part) => ({ spanId: erased?.spanId, part })),
      { spanId: nothing?.spanId, part: 'request' },
      { spanId: nothing?.spanId, part: 'response' },
    ];
    const inOrder = (strays: readonly { spanId?: string | undefined; part: string }[]) =>
      strays.map(({ spanId, part }) => `${spanId} ${part}`).toSorted();
    for (const table of ['span_payloads', 'span_texts'] as const)
      expect(inOrder(await store.listStrays({ projectId: own, table }))).toEqual(inOrder(expected));
  });
});

describe('findDeviations after an erasure', () => {
  // A store of its own: the tests above put whole tables back.
  let engines: TestEngines;
  let store: TraceStore;
  let rewriter: Rewriter;
  beforeAll(async () => {
    engines = await startTestEngines();
    store = await openTraceStore(new URL(engines.traceStoreUrl));
    rewriter = new Rewriter(new URL(engines.traceStoreUrl));
  });
  afterAll(async () => {
    await store.close();
    await engines.stop();
  });

  it('finds nothing of what it left, and what was made up of others', async () => {
    const own = newUuid();
    const say = (userId: string, sessionId: string, n: number) =>
      spanRow({
        projectId: own,
        userId,
        sessionId,
        metadata: { team: 'all' },
        startTime: String(testTime + BigInt(n) * second),
      });
    const spans = [say('ann', 's1', 1), say('bob', 's1', 2), say('bob', 's2', 3), say('ann', 's3', 4)];
    await store.writeBatch(batchOf({ spans, costs: spans.map((span) => costRow(span)) }));
    const before = String(testTime + 60n * second);
    await store.erase({ projectId: own, users: ['ann'], before });
    const query = { projectId: own, ...everything, erasedUntil: before };
    expect(await store.findDeviations(query)).toEqual([]);
    for (const [table, change, where] of [
      ['users_daily', 'tokens = tokens + 1', `user_id = 'bob'`],
      ['sessions_daily', 'errors = errors + 1', `session_id = 's2'`],
      ['facets', 'spans = spans + 5', `attribute = 'user' AND value = 'bob'`],
    ] as const) {
      await rewriter.keep(table);
      await rewriter.run(`ALTER TABLE ${table} UPDATE ${change} WHERE project_id = '${own}' AND ${where}`);
      expect((await store.findDeviations(query)).map((found) => found.table)).toEqual([table]);
      await rewriter.restore();
    }
  }, 60_000);
});
