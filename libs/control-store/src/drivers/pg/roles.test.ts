import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { missingForPostgres, startedServerSuite, startPostgres } from '@loom/testkit';
import pg from 'pg';
import { openControlStore } from '../../open.ts';
import { controlStoreSuite, type SuiteDatabase } from '../../testing/control-store-suite.ts';
import { identitySuite } from '../../testing/identity-suite.ts';
import { ledgerSuite } from '../../testing/ledger-suite.ts';

const roles = ['loom_control', 'loom_ledger', 'loom_query'] as const;
type Role = (typeof roles)[number];
const sessionSecret = 'x'.repeat(32);
const password = 'secret-of-the-role';

/** Each service as a database user of its own: what it needs works, and the rest is refused. */
const postgres = { server: 'PostgreSQL', variable: 'LOOM_TEST_POSTGRES_URL' };
await startedServerSuite({ ...postgres, missing: missingForPostgres, start: startPostgres }, (url) => {
  const as = (role: Role): URL => {
    const own = new URL(url);
    [own.username, own.password] = [role, password];
    return own;
  };
  const asControl = async (): Promise<SuiteDatabase> => {
    await makeRoles(url);
    const urls = { url: as('loom_control'), ledgerUrl: as('loom_ledger') };
    return { ...urls, schema: 'expect', stop: () => Promise.resolve() };
  };
  controlStoreSuite('PostgreSQL as loom_control', asControl);
  identitySuite('PostgreSQL as loom_control', asControl);
  ledgerSuite('PostgreSQL as loom_ledger', asControl);

  describe('the roles of the services', () => {
    const pools = new Map<Role, pg.Pool>();
    beforeAll(async () => {
      await makeRoles(url);
      for (const role of roles) pools.set(role, new pg.Pool({ connectionString: as(role).href, max: 1 }));
    });
    afterAll(() => Promise.all([...pools.values()].map((pool) => pool.end())));

    const may = async (role: Role, statement: string) => {
      try {
        await pools.get(role)?.query(`BEGIN; ${statement}; ROLLBACK`);
        return true;
      } catch (error) {
        await pools.get(role)?.query('ROLLBACK');
        expect([role, statement, (error as { code?: string }).code]).toEqual([role, statement, '42501']);
        return false;
      }
    };

    it.each([
      ['SELECT sealed_credential FROM providers', ['loom_control']],
      ['SELECT password FROM accounts', ['loom_control']],
      ['SELECT secret_hash FROM api_keys', ['loom_control']],
      ['DELETE FROM members', ['loom_control']],
      ['DELETE FROM sessions', ['loom_control']],
      ['UPDATE sessions SET user_id = user_id', ['loom_control']],
      ['UPDATE sessions SET expires_at = now()', ['loom_control', 'loom_query']],
      ['DELETE FROM audit_entries', []],
      ['SELECT id FROM audit_entries', [...roles]],
      ['DELETE FROM ledger_leaves', []],
      ['SELECT * FROM ledger_leaves', ['loom_ledger', 'loom_query']],
      ['DELETE FROM ledger_checkpoints', ['loom_ledger']],
      ['DELETE FROM bucket_keys', ['loom_ledger']],
      ['SELECT * FROM bucket_keys', ['loom_ledger', 'loom_query']],
      ['UPDATE projects SET name = name', ['loom_control']],
      ['CREATE TABLE intruder (id text)', []],
      ['DROP TABLE erasures', []],
    ] as const)('%s: for %j alone', async (statement, allowed) => {
      for (const role of roles)
        expect([role, await may(role, statement)]).toEqual([role, allowed.some((one) => one === role)]);
    });

    it('let query read sessions and logs', async () => {
      const store = await openControlStore(as('loom_query'), { sessionSecret, schema: 'expect' });
      expect(await store.identity.readSession('unknown.token', 'p1')).toBeNull();
      expect(await store.ledger.readHead('nobody')).toMatchObject({ size: 0 });
      expect((await store.ledger.readBucketKeys(['nobody'])).size).toBe(0);
      await store.close();
    });
  });
});

/** As deploy/postgres/roles.sql says, whose psql commands are none of SQL's. Then the owner brings the schema forward. */
async function makeRoles(owner: URL): Promise<void> {
  const text = await readFile(new URL('../../../../../deploy/postgres/roles.sql', import.meta.url), 'utf8');
  const [making = '', passwords = ''] = text.split('\\gexec');
  const client = new pg.Client({ connectionString: owner.href });
  await client.connect();
  await client.query('SELECT pg_advisory_lock(1)');
  const { rows } = await client.query<{ format: string }>(making);
  for (const { format } of rows) await client.query(format);
  await client.query(passwords.replaceAll(/:'\w+'/g, `'${password}'`));
  await client.end();
  const store = await openControlStore(owner, { sessionSecret });
  await store.close();
}
