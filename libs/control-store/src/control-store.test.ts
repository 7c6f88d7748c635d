import { describe, expect, it } from '@jest/globals';
import { startTestEngines } from '@loom/engine-host/testing';
import { missingForPostgres, startedServerSuite, startPostgres } from '@loom/testkit';
import { openControlStore } from './open.ts';
import { controlStoreSuite } from './testing/control-store-suite.ts';
import { ledgerSuite } from './testing/ledger-suite.ts';
import { identitySuite } from './testing/identity-suite.ts';

const options = { sessionSecret: 'x'.repeat(32) };

async function startEmbedded() {
  const engines = await startTestEngines();
  return { url: new URL(engines.controlStoreUrl), stop: () => engines.stop() };
}

controlStoreSuite('the engine host', startEmbedded);
ledgerSuite('the engine host', startEmbedded);
identitySuite('the engine host', startEmbedded);

const postgres = { server: 'PostgreSQL', variable: 'LOOM_TEST_POSTGRES_URL' };
await startedServerSuite({ ...postgres, missing: missingForPostgres, start: startPostgres }, (url) => {
  const start = () => Promise.resolve({ url, stop: () => Promise.resolve() });
  controlStoreSuite('a PostgreSQL server', start);
  ledgerSuite('a PostgreSQL server', start);
  identitySuite('a PostgreSQL server', start);
});

describe('openControlStore', () => {
  it('names place and remedy, and not the password, when nothing answers', async () => {
    const failed = openControlStore(new URL('postgres://loom:hunter2@127.0.0.1:9/loom'), options);
    await expect(failed).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/^(?!.*hunter2).*127\.0\.0\.1:9\/loom.*check that PostgreSQL runs/),
    });
  });

  it('names the schemes that it knows', async () => {
    await expect(openControlStore(new URL('mysql://host/db'), options)).rejects.toMatchObject({
      code: 'config_invalid',
      message: expect.stringContaining('postgres: postgresql:'),
    });
  });
});
