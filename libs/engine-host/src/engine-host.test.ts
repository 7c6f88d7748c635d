import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { lockDirectory } from './directory-lock.ts';
import { startTestEngines, type TestEngines } from './testing/index.ts';

let engines: TestEngines;
const clickhouse = () =>
  createClient({
    url: engines.traceStoreUrl,
    log: { level: ClickHouseLogLevel.OFF },
    max_open_connections: 20,
  });

beforeAll(async () => {
  engines = await startTestEngines();
});
afterAll(() => engines.stop());

async function select<Row>(query: string, params: Record<string, unknown> = {}): Promise<Row[]> {
  const client = clickhouse();
  try {
    return await (await client.query({ query, query_params: params, format: 'JSONEachRow' })).json<Row>();
  } finally {
    await client.close();
  }
}

describe('the ClickHouse side', () => {
  it('answers pings, binds parameters and quotes 64-bit numbers', async () => {
    const client = clickhouse();
    expect(await client.ping()).toMatchObject({ success: true });
    await client.close();
    const text = `quote ' backslash \\ newline \n {p:String} ; DROP`;
    expect(
      await select('SELECT {p:String} AS p, {n:UInt64} AS n', { p: text, n: '18446744073709551615' }),
    ).toEqual([{ p: text, n: '18446744073709551615' }]);
  });

  it('keeps the settings and parameters of concurrent calls apart', async () => {
    const client = clickhouse();
    const answers = await Promise.all(
      Array.from({ length: 60 }, async (_, n) => {
        const result = await client.query({
          query: `SELECT {n:UInt32} AS n, getSetting('max_block_size') AS size`,
          query_params: { n },
          clickhouse_settings: n % 2 ? { max_block_size: String(1000 + n) } : {},
          format: 'JSONEachRow',
        });
        return (await result.json<{ n: number; size: number }>())[0];
      }),
    );
    await client.close();
    const byDefault = answers[0]?.size;
    answers.forEach((answer, n) => {
      expect(answer).toEqual({ n, size: n % 2 ? 1000 + n : byDefault });
    });
  });

  it('takes gzipped inserts and reports engine errors with their code', async () => {
    const client = createClient({
      url: engines.traceStoreUrl,
      compression: { request: true },
      log: { level: ClickHouseLogLevel.OFF },
    });
    await client.command({ query: 'CREATE TABLE zipped (k UInt64) ENGINE = MergeTree ORDER BY k' });
    await client.insert({
      table: 'zipped',
      columns: ['k'],
      values: [{ k: 1 }, { k: 2 }],
      format: 'JSONEachRow',
    });
    await expect(client.query({ query: 'SELECT * FROM nowhere' })).rejects.toMatchObject({ code: '60' });
    await client.close();
    expect(await select('SELECT count() AS n FROM zipped')).toEqual([{ n: '2' }]);
  });

  it('turns away a wrong password', async () => {
    const url = new URL(engines.traceStoreUrl);
    url.password = 'wrong';
    const client = createClient({ url, log: { level: ClickHouseLogLevel.OFF } });
    await expect(client.query({ query: 'SELECT 1' })).rejects.toMatchObject({ code: '516' });
    await client.close();
  });

  it('stops a query whose caller has left', async () => {
    const abort = new AbortController();
    const client = clickhouse();
    const query = `SELECT count() FROM numbers(100000000000) WHERE sipHash64(number) = 42 -- leaving`;
    const running = client.query({ query, abort_signal: abort.signal });
    const left = expect(running).rejects.toThrow();
    const isRunning = async () =>
      (await select(`SELECT 1 FROM system.processes WHERE query LIKE '%numbers(100000000000)%' AND query NOT LIKE '%system.%'`))
        .length > 0; // prettier-ignore
    while (!(await isRunning()));
    abort.abort();
    await left;
    while (await isRunning());
    await client.close();
  });

  it.each([
    { table: 'cut', window: 100, batches: [1, 2, 3] },
    { table: 'cut_where_a_log_ends', window: 2, batches: [1, 2, 3, 4] }, // four lines fill it, and the next one is begun
  ])(
    'takes a batch again that a crash has $table between its id and its part',
    async ({ table, window, batches }) => {
      const client = clickhouse();
      await client.command({
        query: `CREATE TABLE ${table} (k UInt64) ENGINE = MergeTree ORDER BY k
              SETTINGS non_replicated_deduplication_window = ${window}`,
      });
      const insert = (k: number) =>
        client.insert({
          table,
          values: [{ k }],
          format: 'JSONEachRow',
          clickhouse_settings: { insert_deduplicate: 1, insert_deduplication_token: `batch ${k}` },
        });
      for (const k of batches) await insert(k);
      const [{ path } = { path: '' }] = await select<{ path: string }>(
        `SELECT data_paths[1] AS path FROM system.tables WHERE database = 'loom' AND name = '${table}'`,
      );
      await engines.kill();
      const [newest = ''] = (await readdir(path)).filter((name) => name.startsWith(`all_${batches.length}_`));
      await rename(join(path, newest), join(path, `tmp_insert_${newest}`));
      await engines.restart();

      for (const k of batches.slice(-2)) await insert(k);
      expect(await select(`SELECT k FROM ${table} ORDER BY k`)).toEqual(
        batches.map((k) => ({ k: String(k) })),
      );
      await client.close();
    },
  );

  it('loses no acknowledged row to SIGKILL', async () => {
    const settings = 'SETTINGS fsync_after_insert = 1, fsync_part_directory = 1';
    const client = clickhouse();
    await client.command({ query: `CREATE TABLE kept (k UInt64) ENGINE = MergeTree ORDER BY k ${settings}` });
    const acknowledged: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      let running = true;
      const writers = [0, 1].map(async (writer) => {
        for (let n = 0; running; n += 1) {
          const k = round * 1_000_000 + writer * 100_000 + n;
          await client
            .insert({ table: 'kept', values: [{ k }], format: 'JSONEachRow' })
            .then(() => acknowledged.push(k))
            .catch(() => undefined);
        }
      });
      const before = acknowledged.length;
      while (acknowledged.length < before + 20) await new Promise((resolve) => setTimeout(resolve, 5));
      await engines.kill();
      running = false;
      await Promise.all(writers);
      await engines.restart();
    }
    await client.close();
    const stored = new Set((await select<{ k: string }>('SELECT k FROM kept')).map((row) => Number(row.k)));
    expect(acknowledged.filter((k) => !stored.has(k))).toEqual([]);
  });
});

describe('the PostgreSQL side', () => {
  it('keeps unnamed statements of concurrent connections apart', async () => {
    const pool = new pg.Pool({ connectionString: engines.controlStoreUrl, max: 8 });
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, n) =>
        n % 2
          ? pool.query<{ v: number }>('SELECT $1::int AS v', [n])
          : pool.query<{ v: number }>('SELECT 7 AS other, $1::int + 0 AS v', [n]),
      ),
    );
    await pool.end();
    expect(answers.map((answer) => answer.rows[0]?.v)).toEqual(Array.from({ length: 120 }, (_, n) => n));
  });

  it('runs transactions one after another and rolls back that of a lost connection', async () => {
    const pool = new pg.Pool({ connectionString: engines.controlStoreUrl, max: 4 });
    await pool.query('CREATE TABLE counter (n int)');
    await pool.query('INSERT INTO counter VALUES (0)');
    await Promise.all(
      Array.from({ length: 20 }, async (_, n) => {
        const client = await pool.connect();
        await client.query('BEGIN');
        const { rows } = await client.query<{ n: number }>('SELECT n FROM counter');
        await client.query('UPDATE counter SET n = $1', [(rows[0]?.n ?? 0) + 1]);
        const cutsConnection = n % 4 === 0; // without a COMMIT
        if (!cutsConnection) await client.query('COMMIT');
        client.release(cutsConnection);
      }),
    );
    const { rows } = await pool.query<{ n: number }>('SELECT n FROM counter');
    await pool.end();
    expect(rows).toEqual([{ n: 15 }]);
  });

  it('turns away a wrong password', async () => {
    const url = new URL(engines.controlStoreUrl);
    url.password = 'wrong';
    const client = new pg.Client({ connectionString: url.href });
    await expect(client.connect()).rejects.toMatchObject({ code: '28P01' });
  });
});

describe('lockDirectory', () => {
  it('turns away a second holder of a directory that a process has open', async () => {
    await expect(lockDirectory(engines.directory)).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(engines.directory),
    });
  });
});

describe('the process', () => {
  const start = (directory: string) =>
    spawn(
      process.execPath,
      [
        '--conditions=loom:source',
        fileURLToPath(new URL('main.ts', import.meta.url)),
        JSON.stringify({ directory }),
      ],
      { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] },
    );

  it('says why it can not start', async () => {
    const child = start(engines.directory);
    const exited = once(child, 'exit');
    const [message] = (await once(child, 'message')) as [unknown];
    expect(message).toEqual({
      failed: expect.stringContaining(`${engines.directory} is in use by another engine host`),
    });
    expect(await exited).toEqual([1, null]);
  });

  it.each(['a parent that is gone', 'SIGTERM'])('ends cleanly at %s', async (cause) => {
    const child = start(join(engines.directory, 'nested', cause));
    const exited = once(child, 'exit');
    expect(await once(child, 'message')).toEqual([expect.objectContaining({ ready: true }), undefined]);
    if (cause === 'SIGTERM') child.kill('SIGTERM');
    else child.disconnect();
    expect(await exited).toEqual([0, null]);
  });
});
