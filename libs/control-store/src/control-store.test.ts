import { describe, expect, it } from '@jest/globals';
import { startTestEngines } from '@loom/engine-host/testing';
import { serverSuite } from '@loom/testkit';
import { openControlStore } from './open.ts';
import { controlStoreSuite } from './testing/control-store-suite.ts';

controlStoreSuite('the engine host', async () => {
  const engines = await startTestEngines();
  return { url: new URL(engines.controlStoreUrl), stop: () => engines.stop() };
});

serverSuite({ server: 'PostgreSQL', variable: 'LOOM_TEST_POSTGRES_URL', obtainable: true }, (url) => {
  controlStoreSuite('a PostgreSQL server', () => Promise.resolve({ url, stop: () => Promise.resolve() }));
});

describe('openControlStore', () => {
  it('names place and remedy, and not the password, when nothing answers', async () => {
    const failed = openControlStore(new URL('postgres://loom:hunter2@127.0.0.1:9/loom'));
    await expect(failed).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^(?!.*hunter2).*127\.0\.0\.1:9\/loom.*check that PostgreSQL runs/),
    });
  });

  it('names the schemes that it knows', async () => {
    await expect(openControlStore(new URL('mysql://host/db'))).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('postgres: postgresql:'),
    });
  });
});
