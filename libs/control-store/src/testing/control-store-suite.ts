import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ApiKeyRecord, PriceListRecord, ProviderRecord } from '@loom/trace-schema';
import type { ControlStore } from '../control-store.ts';
import { openControlStore } from '../open.ts';

export interface SuiteDatabase {
  readonly url: URL;
  /** As the ledger connects, when that is another user. */
  readonly ledgerUrl?: URL;
  /** `expect` for users who own no tables. */
  readonly schema?: 'expect';
  stop(): Promise<void>;
}

/** What every driver of the control store does, on a running database. Each case has an organization of its own. */
export function controlStoreSuite(name: string, start: () => Promise<SuiteDatabase>): void {
  describe(`control store on ${name}`, () => {
    let database: SuiteDatabase;
    let store: ControlStore;
    let other: ControlStore;
    beforeAll(async () => {
      database = await start();
      // Two at once on an empty database: both must find it migrated.
      const { url, schema = 'migrate' } = database;
      const open = () => openControlStore(url, { sessionSecret: 'x'.repeat(32), schema });
      [store, other] = await Promise.all([open(), open()]);
    });
    afterAll(async () => {
      await store.close();
      await other.close();
      await database.stop();
    });

    async function newProject() {
      const organizationId = randomUUID();
      await store.createOrganization({ id: organizationId, name: 'Acme' });
      const project = {
        id: randomUUID(),
        organizationId,
        name: 'main',
        capture: 'strict',
        content: 'searchable',
        cacheTtlMs: 3_600_000,
        retention: null,
      } as const;
      await store.createProject(project);
      return { organizationId, project };
    }
    const version = async () => (await store.currentEntities()).version;
    const keyOf = (projectId: string, organizationId: string): ApiKeyRecord => ({
      id: randomUUID(),
      organizationId,
      projectId,
      name: 'ci',
      scopes: ['call', 'read'],
      secretHash: 'a'.repeat(64),
      pepperVersion: 1,
      expiresAtMs: null,
      revokedAtMs: null,
      createdAtMs: 1_772_600_400_123,
      limits: null,
      createdBy: { type: 'user', id: 'u1', name: 'Ann' },
      ownerId: 'u1',
    });
    const providerOf = (provider: Partial<ProviderRecord>): ProviderRecord => ({
      id: randomUUID(),
      organizationId: null,
      name: `p-${randomUUID()}`,
      kind: 'openai',
      baseUrl: 'https://api.openai.com/v1',
      sealedCredential: 'lk1.k.iv.ct',
      options: { region: 'eu-west-1' },
      origin: 'console',
      enabled: true,
      models: ['gpt-4o', "o'*"],
      ...provider,
    });

    it('tells of every change in one sequence and keeps the records', async () => {
      const before = await version();
      const { organizationId, project } = await newProject();
      const key = keyOf(project.id, organizationId);
      await store.createApiKey(key);
      const alias = {
        id: randomUUID(),
        projectId: project.id,
        alias: 'fast',
        provider: 'openai',
        model: 'gpt-4o-mini',
      };
      await store.putAlias(alias);
      const renamed = await store.updateProject(
        { id: project.id, organizationId },
        { capture: 'best_effort' },
      );
      await store.deleteAlias({ id: alias.id, organizationId });

      expect(renamed).toEqual({ ...project, capture: 'best_effort' });
      expect(await store.listProjects({ organizationId })).toEqual([renamed]);
      expect(await store.listApiKeys({ organizationId })).toEqual([key]);
      expect(await store.listAliases({ organizationId })).toEqual([]);
      const told = await store.readOutbox(before, 100);
      expect(
        told.map(({ version: at, entity, entityId, value }) => [at - before, entity, entityId, value]),
      ).toEqual([
        [1, 'project', project.id, project],
        [2, 'apiKey', key.id, key],
        [3, 'alias', alias.id, alias],
        [4, 'project', project.id, renamed],
        [5, 'alias', alias.id, null],
      ]);
      const { changes } = await store.currentEntities();
      const own = changes.filter((change) => [project.id, key.id, alias.id].includes(change.entityId));
      expect(own.map((change) => [change.entityId, change.version - before])).toEqual([[project.id, 4], [key.id, 2]]); // prettier-ignore
    });

    it('counts without gaps or repeats when many change at once', async () => {
      const { organizationId, project } = await newProject();
      const before = await version();
      await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          (n % 2 ? store : other).createApiKey(keyOf(project.id, organizationId)),
        ),
      );
      const told = await store.readOutbox(before, 100);
      expect(told.map((change) => change.version - before)).toEqual(
        Array.from({ length: 20 }, (_, n) => n + 1),
      );
    });

    it('says which name is taken', async () => {
      const { organizationId, project } = await newProject();
      const provider = providerOf({ organizationId });
      await store.putProvider(provider);
      await expect(store.putProvider({ ...provider, id: randomUUID() })).rejects.toMatchObject({
        ...{ code: 'conflict', param: 'name' },
        message: `there is already a provider named "${provider.name}"`,
      });
      const alias = { id: randomUUID(), projectId: project.id, alias: 'fast', provider: 'p', model: 'm' };
      await store.putAlias(alias);
      await expect(store.putAlias({ ...alias, id: randomUUID() })).rejects.toMatchObject({
        ...{ code: 'conflict', param: 'alias' },
        message: 'there is already an alias named "fast"',
      });
    });

    it('tells nothing of a change that failed', async () => {
      const { organizationId, project } = await newProject();
      const before = await version();
      const twin = { ...project, id: randomUUID() };
      await expect(store.createProject(twin)).rejects.toMatchObject({ code: 'conflict' });
      const orphan = keyOf('no-such-project', organizationId);
      await expect(store.createApiKey(orphan)).rejects.toMatchObject({ code: 'invalid_request' });
      expect(await version()).toBe(before);
      expect(await store.readOutbox(before, 10)).toEqual([]);
    });

    it('revokes a key once, and not for another organization', async () => {
      const { organizationId, project } = await newProject();
      const key = keyOf(project.id, organizationId);
      await store.createApiKey(key);
      const stranger = { id: key.id, organizationId: 'other', atMs: 5 };
      await expect(store.revokeApiKey(stranger)).rejects.toMatchObject({ code: 'not_found' });
      await store.revokeApiKey({ ...stranger, organizationId });
      expect(await store.revokeApiKey({ id: key.id, organizationId, atMs: 9 })).toEqual({
        ...key,
        revokedAtMs: 5,
      });
    });

    it('changes the limits of a key that are named, tells of it and keeps before and after', async () => {
      const { organizationId, project } = await newProject();
      const made = { requestsPerMinute: 60, tokensPerMinute: null, concurrentCalls: 4 };
      const key = { ...keyOf(project.id, organizationId), limits: made };
      await store.createApiKey(key);
      expect(await store.listApiKeys({ organizationId })).toEqual([key]);
      const before = await version();
      const own = { id: key.id, organizationId };
      const limits = { requestsPerMinute: 60, tokensPerMinute: 9000, concurrentCalls: null };
      const change = { limits: { tokensPerMinute: 9000, concurrentCalls: null } };
      expect(await store.updateApiKey(own, change)).toEqual({ ...key, limits });
      const told = await store.readOutbox(before, 10);
      expect(told.map(({ entityId, value }) => [entityId, value])).toEqual([[key.id, { ...key, limits }]]);
      expect(await other.listApiKeys({ organizationId })).toEqual([{ ...key, limits }]);
      const { entries } = await store.listAudit({ organizationId, withDeployment: false, limit: 1 });
      expect(entries).toMatchObject([{ action: 'key.update', before: { limits: made }, after: { limits } }]);
      const stranger = store.updateApiKey({ ...own, organizationId: 'other' }, change);
      await expect(stranger).rejects.toMatchObject({ code: 'not_found' });
      await store.revokeApiKey({ ...own, atMs: 5 });
      await expect(store.updateApiKey(own, change)).rejects.toMatchObject({ code: 'conflict' });
    });

    it('changes the name and the expiry of a key, which keeps everything else', async () => {
      const { organizationId, project } = await newProject();
      const key = keyOf(project.id, organizationId);
      await store.createApiKey(key);
      const own = { id: key.id, organizationId };
      const limits = { requestsPerMinute: null, tokensPerMinute: null, concurrentCalls: null };
      const renamed = await store.updateApiKey(own, { name: 'checkout', expiresAtMs: 9_000 });
      expect(renamed).toEqual({ ...key, limits, name: 'checkout', expiresAtMs: 9_000 });
      expect(await other.listApiKeys({ organizationId })).toEqual([renamed]);
      expect(await store.updateApiKey(own, { expiresAtMs: null })).toEqual({ ...renamed, expiresAtMs: null });
      const { entries } = await store.listAudit({ organizationId, withDeployment: false, limit: 2 });
      expect(entries).toMatchObject([
        { action: 'key.update', before: { expiresAtMs: 9_000 }, after: { expiresAtMs: null } },
        { action: 'key.update', before: { name: key.name }, after: { name: 'checkout' } },
      ]);
    });

    it('shows an organization nothing of another', async () => {
      const { organizationId, project } = await newProject();
      await store.createApiKey(keyOf(project.id, organizationId));
      const own = providerOf({ organizationId });
      await store.putProvider(own);
      const scope = { organizationId: (await newProject()).organizationId };
      expect(await store.listApiKeys(scope)).toEqual([]);
      expect((await store.listProviders(scope)).map((provider) => provider.id)).not.toContain(own.id);
      expect(await store.listProviders({ organizationId })).toContainEqual(own);
      await expect(store.deleteProvider({ ...scope, id: own.id })).rejects.toMatchObject({
        code: 'not_found',
      });
      await expect(store.updateProject({ ...scope, id: project.id }, { name: 'x' })).rejects.toMatchObject({ code: 'not_found' }); // prettier-ignore
    });

    it('makes the providers of the environment what the list says', async () => {
      const { organizationId } = await newProject();
      const [first, second] = [1, 2].map(() => providerOf({ origin: 'environment' }));
      const state = async () => {
        const all = await store.listProviders({ organizationId });
        return all.filter((one) => [first!.id, second!.id].includes(one.id)).map((one) => [one.id, one.enabled, one.baseUrl]); // prettier-ignore
      };
      await store.syncEnvironmentProviders([first!, second!]);
      await store.syncEnvironmentProviders([{ ...second!, baseUrl: 'http://proxy' }]);
      expect(await state()).toEqual([
        [first!.id, false, first!.baseUrl],
        [second!.id, true, 'http://proxy'],
      ]);
      await expect(store.putProvider({ ...second!, origin: 'console' })).rejects.toMatchObject({
        code: 'conflict',
      });
      const before = await version();
      await store.syncEnvironmentProviders([]);
      await store.syncEnvironmentProviders([]);
      expect((await store.readOutbox(before, 10)).map((change) => change.entityId)).toEqual([second!.id]);
    });

    it('tells of a price list only when it changed', async () => {
      const list: PriceListRecord = {
        id: randomUUID(),
        version: 'book-1',
        provider: 'openai',
        organizationId: null,
        entries: [
          {
            model: 'gpt-4o',
            match: [{ op: 'starts_with', value: 'gpt-4o' }],
            from: null,
            serviceTier: 'default',
            prices: { outputText: { base: '10', tiers: [] }, inputUncached: { base: '2.5', tiers: [] } },
          },
        ],
      };
      const twin = { ...list, id: randomUUID() };
      expect(await store.putPriceBook([list, twin])).toBe(2);
      expect(await store.putPriceBook([list, twin])).toBe(0);
      expect(await store.putPriceBook([{ ...list, version: 'book-2' }, twin])).toBe(1);
      expect(await store.listPriceLists()).toContainEqual({ ...list, version: 'book-2' });
    });

    it('takes back a price of the own organization alone', async () => {
      const { organizationId } = await newProject();
      const list = { id: randomUUID(), version: 'override', provider: 'openai', organizationId, entries: [] };
      await store.createPriceOverride(list);
      expect(await store.listPriceLists()).toContainEqual(list);
      const stranger = store.deletePriceOverride({ id: list.id, organizationId: 'other' });
      await expect(stranger).rejects.toMatchObject({ code: 'not_found' });
      const before = await version();
      await store.deletePriceOverride({ id: list.id, organizationId });
      expect(await store.readOutbox(before, 10)).toMatchObject([
        { entity: 'priceList', entityId: list.id, value: null },
      ]);
      expect((await store.listPriceLists()).map(({ id }) => id)).not.toContain(list.id);
    });

    it('publishes again what was not marked, and forgets what was', async () => {
      const { project } = await newProject();
      const start = await store.publishedVersion();
      const unmarked = await store.readOutbox(start, 1000);
      expect(unmarked.at(-1)?.entityId).toBe(project.id);
      expect(await store.readOutbox(start, 1000)).toEqual(unmarked);
      const last = unmarked.at(-1)!.version;
      await store.markPublished(last);
      await store.markPublished(last - 1);
      expect(await store.publishedVersion()).toBe(last);
      expect(await store.readOutbox(0, 1000)).toEqual([]);
    });

    it('lets one publisher work at a time and the next one after it', async () => {
      let inside = false;
      const ran = await store.withPublisherLock(async () => {
        inside = true;
        expect(await other.withPublisherLock(() => Promise.reject(new Error('two publishers')))).toBe(false);
        expect(await store.withPublisherLock(() => Promise.reject(new Error('two publishers')))).toBe(false);
      });
      expect([ran, inside]).toEqual([true, true]);
      await expect(other.withPublisherLock(() => Promise.reject(new Error('broken')))).rejects.toThrow(
        'broken',
      );
      expect(await store.withPublisherLock(() => Promise.resolve())).toBe(true);
    });

    it('lets one process at a time erase, whoever publishes', async () => {
      const erase = () => other.ledger.withEraserLock(() => Promise.resolve());
      await store.withPublisherLock(async () => expect(await erase()).toBe(true));
      await store.ledger.withEraserLock(async () => expect(await erase()).toBe(false));
      expect(await erase()).toBe(true);
    });

    it('takes any text as a value', async () => {
      const { organizationId, project } = await newProject();
      const key = { ...keyOf(project.id, organizationId), name: `'; DROP TABLE api_keys; -- "\\ $1 {x} ü` };
      await store.createApiKey(key);
      expect(await store.listApiKeys({ organizationId })).toEqual([key]);
    });
  });
}
