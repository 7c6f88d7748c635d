import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { withReadScope } from '../../read-scope.ts';
import { ClickHouseConnection } from './clickhouse-connection.ts';

const limits = {
  ...{
    connectionsMax: 16,
    readsMax: 2,
    readsOfOwnerMax: 1,
    waitingOfOwnerMax: 2,
    readThreadsMax: 1,
    readSecondsMax: 20,
  },
  ...{ readBytesMax: 200_000_000, resultBytesMax: 1_000_000, resultRowsMax: 10_000, writeMsMax: 10_000 },
};
const slow = 'SELECT sleepEachRow(0.1) FROM numbers(100) SETTINGS max_block_size = 1';

describe('reads of the trace store', () => {
  let engines: TestEngines;
  let connection: ClickHouseConnection;
  beforeAll(async () => {
    engines = await startTestEngines();
    connection = new ClickHouseConnection(new URL(engines.traceStoreUrl), limits);
  });
  afterAll(async () => {
    await connection.close();
    await engines.stop();
  });

  const running = async () =>
    (await connection.select(`SELECT query FROM system.processes WHERE query LIKE '%sleepEachRow%'`)).filter(
      ({ query }) => !String(query).includes('system.processes'),
    ).length;
  const runningBecomes = async (count: number) => {
    for (let tries = 0; tries < 100 && (await running()) !== count; tries += 1) await delay(50);
    return running();
  };
  const read = (owner: string, query: string, signal: AbortSignal) =>
    withReadScope({ owner, signal }, () => connection.select(query));

  it('end in the engine when their reader has left, and those that wait never begin', async () => {
    const reader = new AbortController();
    const first = read('a', slow, reader.signal);
    const second = read('a', slow, reader.signal);
    expect(await runningBecomes(1)).toBe(1);
    reader.abort(new Error('left'));
    await expect(first).rejects.toThrow('left');
    await expect(second).rejects.toThrow('left');
    expect(await runningBecomes(0)).toBe(0);
  });

  it('of one owner leave room for those of another', async () => {
    const reader = new AbortController();
    const reads = [1, 2, 3].map(() => read('a', slow, reader.signal).catch(() => 'ended'));
    await expect(read('a', 'SELECT 1', reader.signal)).rejects.toMatchObject({ code: 'rate_limited' });
    expect(await read('b', 'SELECT 1 AS one', new AbortController().signal)).toEqual([{ one: 1 }]);
    reader.abort();
    expect(await Promise.all(reads)).toEqual(['ended', 'ended', 'ended']);
  });

  it.each([
    ['rows', 'SELECT number FROM numbers(20000)'],
    ['bytes', "SELECT repeat('x', 10000 + number) FROM numbers(1000)"],
    ['memory', 'SELECT length(groupArray(number)) AS n FROM numbers(100000000)'],
  ])('that need more %s than one may take are refused, with the remedy', async (_, query) => {
    await expect(connection.select(query)).rejects.toMatchObject({
      code: 'payload_too_large',
      message: expect.stringContaining('shorter time range'),
    });
  });

  it('are sent once more where the server closed the connection that they were sent on, writes are not', async () => {
    const { port, hostname } = new URL(engines.traceStoreUrl);
    const server = createServer((client) => {
      const upstream = connect(Number(port), hostname);
      client.pipe(upstream).pipe(client);
      upstream.once('data', () => client.once('data', () => client.resetAndDestroy()));
      for (const socket of [client, upstream]) socket.on('error', () => upstream.destroy());
      client.once('close', () => upstream.destroy());
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(engines.traceStoreUrl);
    url.port = String((server.address() as AddressInfo).port);
    const closing = new ClickHouseConnection(url, limits);
    expect(await closing.select('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(await closing.select('SELECT 2 AS two')).toEqual([{ two: 2 }]);
    await expect(closing.command('SELECT 3')).rejects.toMatchObject({ code: 'unavailable' });
    await closing.close();
    server.close();
  });
});
