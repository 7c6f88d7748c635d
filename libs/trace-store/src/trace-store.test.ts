import { describe, expect, it } from '@jest/globals';
import { startTestEngines } from '@loom/engine-host/testing';
import { serverSuite } from '@loom/testkit';
import { newUuid } from '@loom/trace-schema';
import { openTraceStore } from './open.ts';
import type { SpanRow } from './rows.ts';
import { Rewriter } from './testing/rewriter.ts';
import { acceptedRow, batchOf, costRow, second, spanRow, testTime } from './testing/rows.ts';
import { traceStoreSuite } from './testing/trace-store-suite.ts';

traceStoreSuite('the engine host', async () => {
  const engines = await startTestEngines();
  return { url: new URL(engines.traceStoreUrl), crash: engines, stop: () => engines.stop() };
});

serverSuite({ server: 'ClickHouse', variable: 'LOOM_TEST_CLICKHOUSE_URL' }, (url) => {
  traceStoreSuite('a ClickHouse server', () =>
    Promise.resolve({ url, crash: null, stop: () => Promise.resolve() }),
  );
});

describe('an erasure on the engine host', () => {
  const commandsOf = async ({ origin, username, password }: URL) => {
    const query = `SELECT table, command FROM system.mutations WHERE match(command, 'DELETE|UPDATE')`;
    const authorization = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    const response = await fetch(`${origin}/?database=loom`, {
      method: 'POST',
      headers: { authorization },
      body: query,
    });
    return (await response.text()).split('\n').filter((line) => line !== '');
  };

  it('names nobody in a statement, and says how old the oldest is that is left of it', async () => {
    const engines = await startTestEngines();
    const url = new URL(engines.traceStoreUrl);
    const store = await openTraceStore(url);
    try {
      const projectId = newUuid();
      const span = spanRow({ projectId, userId: 'ann', sessionId: 'of ann', metadata: { name: 'ann' } });
      await store.writeBatch(
        batchOf({ spans: [span], accepted: [acceptedRow(span)], costs: [costRow(span)] }),
      );
      const before = String(testTime + 60n * second);
      const erased = await store.erase({ projectId, users: ['ann'], before });
      expect(erased).toEqual({ spans: 1, payloads: 0 });

      const commands = await commandsOf(url);
      expect(commands.length).toBeGreaterThanOrEqual(8); // a table each
      expect(commands.filter((command) => command.includes('ann'))).toEqual([]);
      expect(await store.sweep(3_600_000)).toBeGreaterThanOrEqual(1000); // what was replaced just now
      expect(await commandsOf(url)).toHaveLength(commands.length);
      await store.sweep(0);
      expect(await commandsOf(url)).toEqual([]);
    } finally {
      await store.close();
      await engines.stop();
    }
  });
});

describe('a trace store of the version before usage had details', () => {
  it('is upgraded in place, and its rows say what they said', async () => {
    const engines = await startTestEngines();
    const url = new URL(engines.traceStoreUrl);
    const old = new Rewriter(url);
    const [span, later] = [1, 2].map(() => spanRow({ projectId: 'p1' })) as [SpanRow, SpanRow];
    const before = await openTraceStore(url);
    await before.writeBatch(batchOf({ spans: [span], costs: [costRow(span)] }));
    await before.close();
    await old.run('ALTER TABLE spans DROP COLUMN usage_details');
    await old.run('ALTER TABLE costs DROP COLUMN missing, DROP COLUMN reported_usd');
    await old.run(`ALTER TABLE schema_migrations DELETE WHERE name LIKE '0015%'`);

    const store = await openTraceStore(url);
    try {
      const details = { uses: { webSearches: 1 } };
      await store.writeBatch(batchOf({ spans: [{ ...later, usageDetails: details }] }));
      expect(await store.readSpan(span)).toMatchObject({
        ...{ usageDetails: {}, costState: 'priced', cost: { missing: [], reportedUsd: '' } },
      });
      expect(await store.readSpan(later)).toMatchObject({ usageDetails: details });
    } finally {
      await store.close();
      await engines.stop();
    }
  });
});

describe('openTraceStore', () => {
  it('names place and remedy, and not the password, when nothing answers', async () => {
    const failed = openTraceStore(new URL('http://loom:hunter2@127.0.0.1:9/loom'));
    await expect(failed).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^(?!.*hunter2).*127\.0\.0\.1:9\/loom.*check that ClickHouse runs/),
    });
  });

  it('names the schemes that it knows', async () => {
    await expect(openTraceStore(new URL('mysql://host/db'))).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('http: https:'),
    });
  });
});

describe('a trace store of the version before unknown costs were counted', () => {
  it('is upgraded in place, and its hours count each call once, however often the migration runs', async () => {
    const engines = await startTestEngines();
    const url = new URL(engines.traceStoreUrl);
    const old = new Rewriter(url);
    const spans = [1, 2, 3].map((n) => spanRow({ projectId: 'p1', requestModel: `m${n}` }));
    const states = [
      {},
      { state: 'partial', reason: 'incomplete_price' },
      { state: 'unpriced', reason: 'no_price', totalUsd: '0' },
    ] as const;
    const before = await openTraceStore(url);
    await before.writeBatch(batchOf({ spans, costs: spans.map((span, n) => costRow(span, states[n])) }));
    await before.close();
    await old.run('DROP VIEW costs_hourly_of_costs');
    await old.run(
      'ALTER TABLE costs_hourly DROP COLUMN priced, DROP COLUMN without_price, DROP COLUMN partly_priced',
    );
    for (let run = 0; run < 2; run += 1) {
      await old.run(`ALTER TABLE schema_migrations DELETE WHERE name LIKE '0016%'`);
      const store = await openTraceStore(url);
      const month = { from: String(testTime - 2_592_000n * second), to: String(testTime + 3600n * second) };
      const groups = await store.summary({ projectId: 'p1', ...month, groupBy: 'model' });
      expect(groups.map(({ group, costUsd, withoutPrice, partlyPriced }) => [group, costUsd, withoutPrice, partlyPriced]).toSorted()).toEqual([
        ['m1', '0.0000123', 0, 0],
        ['m2', '0.0000123', 0, 1],
        ['m3', null, 1, 0],
      ]); // prettier-ignore
      await store.close();
    }
    await engines.stop();
  });
});
