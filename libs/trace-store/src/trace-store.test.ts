import { describe, expect, it } from '@jest/globals';
import { startTestEngines } from '@loom/engine-host/testing';
import { serverSuite } from '@loom/testkit';
import { openTraceStore } from './open.ts';
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
