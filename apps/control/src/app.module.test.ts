import 'reflect-metadata';
import { BlockList } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createLoomClient, type LoomClient } from '@loom/api-contract';
import { type ControlStore, openControlStore } from '@loom/control-store';
import { hashSecret, newApiKey, parseApiKey, unseal } from '@loom/control-store/secrets';
import { type CounterStore, openCounterStore } from '@loom/counter-store';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { type EventStream, openEventStream } from '@loom/event-stream';
import {
  EventStreamClient,
  type HttpApplication,
  keyPrincipal,
  startHttpApplication,
} from '@loom/service-kit';
import { createLogger, Metrics } from '@loom/telemetry';
import { type KeyScope } from '@loom/trace-schema';
import { AppModule } from './app.module.ts';
import { bootstrapControl, bundledPriceLists } from './bootstrap-control.ts';
import type { DeploymentWatchDeps } from './deployment-watch.ts';
import { readEnvironmentProviders } from './environment-providers.ts';

const masterKeys = new Map([['k1', Buffer.alloc(32, 7)]]);
const pepper = { version: 1, text: 'pepper' };
const [apiKey, operatorKey] = [newApiKey().text, newApiKey().text];
const env = { OPENAI_API_KEY: 'sk-canary-env' };

const keyOf = (id: string, organizationId: string, projectId: string, scopes: KeyScope[]) =>
  keyPrincipal({ id, name: id, organizationId, projectId, scopes });
const principals = new Map([
  ['operator', keyOf('op', 'default', 'default', ['call', 'read', 'administer'])],
  ['other', keyOf('ot', 'other', 'p-other', ['administer'])],
  ['manager', keyOf('ma', 'default', 'default', ['read', 'manage'])],
  ['reader', keyOf('re', 'default', 'default', ['call', 'read'])],
]);

const first = {
  firstPerson: { email: 'Admin@Loom.local', password: 'first password of all' },
  onFirstPasswordChanged: () => Promise.resolve(),
};
const deployment: DeploymentWatchDeps = {
  version: '1.2.3',
  runtimeFile: null,
  publicGatewayUrl: 'https://gateway.example.com',
  dataDirectories: [import.meta.dirname],
  ready: () => Promise.resolve(),
  enginesReady: () => store.ping(),
  ...{ name: 'backend', services: new Map(), groups: ['ingest'], lagOf: () => Promise.resolve(3) },
  lastErrors: () => [{ timeMs: 0, service: 'backend', message: 'went wrong' }],
};

const failures: unknown[] = [];
let stream: EventStream;
let counters: CounterStore;
let engines: TestEngines;
let store: ControlStore;
let http: HttpApplication;
let operator: LoomClient;
let other: LoomClient;

const bootstrap = (
  environment: Record<string, string> = env,
  priceLists: Awaited<ReturnType<typeof bundledPriceLists>> = [],
) =>
  bootstrapControl({
    ...{ store, masterKeys, pepper, apiKey, operatorKey, priceLists, ...first },
    providers: readEnvironmentProviders(environment),
  });

beforeAll(async () => {
  stream = await openEventStream(new URL('memory:'));
  counters = await openCounterStore(new URL('memory:'));
  engines = await startTestEngines();
  store = await openControlStore(new URL(engines.controlStoreUrl), { sessionSecret: 'x'.repeat(40) });
  await bootstrap();
  await store.createOrganization({ id: 'other', name: 'other' });
  await store.createProject({
    id: 'p-other',
    organizationId: 'other',
    name: 'x',
    capture: 'strict',
    content: 'searchable',
  });
  http = await startHttpApplication({
    module: AppModule.register({
      ...{ store, masterKeys, pepper, apiKey, operatorKey, env, ...first },
      onError: (error) => failures.push(error),
      outboundAllow: ['127.0.0.1'],
      signIn: { counters, secret: 'x'.repeat(40), trustedProxies: new BlockList() },
      verifyKey: (token) => principals.get(token) ?? null,
      stream,
      client: new EventStreamClient(stream),
      deployment,
    }),
    host: '127.0.0.1',
    port: 0,
    logger: createLogger({ service: 'control', level: 'silent' }),
    metrics: new Metrics({ processMetrics: false }),
    ready: () => store.ping(),
  });
  [operator, other] = [clientOf('operator'), clientOf('other')];
});

afterAll(async () => {
  await http.close();
  await stream.close();
  await counters.close();
  await store.close();
  expect(failures).toEqual([]);
  await engines.stop();
});

function clientOf(key: string | null): LoomClient {
  return createLoomClient({ queryUrl: http.url, controlUrl: http.url, apiKey: key });
}

describe('bootstrapControl', () => {
  it('makes organization, project, both keys and the providers, once', async () => {
    const operatorKeyId = { organizationId: 'default', id: parseApiKey(operatorKey)?.id ?? '' };
    await store.updateApiKey(operatorKeyId, { scopes: ['read', 'manage'] }); // as an older version made it
    await bootstrap();
    const keys = await store.listApiKeys({ organizationId: 'default' });
    expect(keys.map(({ name, scopes, secretHash }) => ({ name, scopes, secretHash }))).toEqual([
      {
        name: 'first key',
        scopes: ['call', 'read'],
        secretHash: hashSecret('pepper', parseApiKey(apiKey)?.secret ?? ''),
      },
      expect.objectContaining({ name: 'operator key', scopes: ['read', 'administer'] }),
    ]);
    expect((await store.listProjects({ organizationId: 'default' })).map(({ id }) => id)).toEqual([
      'default',
    ]);
    const providers = await store.listProviders({ organizationId: 'default' });
    expect(providers.map(({ id, enabled }) => [id, enabled]).sort()).toEqual([
      ['env-openai', true],
      ['env-sim', true],
    ]);
    const openai = providers.find(({ id }) => id === 'env-openai');
    const context = { organizationId: '', recordId: 'env-openai', field: 'credential' };
    expect(unseal(masterKeys, openai?.sealedCredential ?? '', context)).toBe('sk-canary-env');
  });

  it('disables a provider whose variable is gone, and enables it again', async () => {
    const enabled = async () =>
      (await store.listProviders({ organizationId: 'default' })).find(({ id }) => id === 'env-openai')
        ?.enabled;
    await bootstrap({});
    expect(await enabled()).toBe(false);
    await bootstrap();
    expect(await enabled()).toBe(true);
  });

  it('refuses a key file that is damaged', async () => {
    const options = { store, masterKeys, pepper, operatorKey, providers: [], priceLists: [], ...first };
    await expect(bootstrapControl({ ...options, apiKey: 'loom_live_x' })).rejects.toThrow(
      'the first key in the secrets folder is damaged',
    );
  });

  it('imports the price book of the installed package', async () => {
    const lists = await bundledPriceLists();
    expect(lists[0]?.version).toMatch(/^genai-prices-\d+\.\d+\.\d+\+\d+$/);
    const stored = await store.listPriceLists(); // the application's own start has put them there
    expect(stored.map(({ id }) => id).sort()).toEqual(lists.map(({ id }) => id).sort());
    const openai = lists.find(({ provider }) => provider === 'openai');
    expect(stored.find(({ id }) => id === openai?.id)).toEqual(openai);
  });
});

describe('keys', () => {
  it('shows the secret once and stores its hash', async () => {
    const { key, secret } = await operator.createKey({ body: { name: 'app' } });
    expect(key).toMatchObject({ name: 'app', scopes: ['call'], projectId: 'default', revokedAt: null });
    const listed = JSON.stringify(await operator.listKeys());
    expect(listed).toContain(key.id);
    expect(listed).not.toContain(parseApiKey(secret)?.secret ?? secret);
    expect(listed).not.toContain('secretHash');
    const revoked = await operator.revokeKey({ params: { id: key.id } });
    expect(revoked.revokedAt).not.toBeNull();
  });

  it('have limits, which can be changed one by one and taken away', async () => {
    const none = { requestsPerMinute: null, tokensPerMinute: null, concurrentCalls: null };
    const { key: free } = await operator.createKey({ body: { name: 'free' } });
    expect(free.limits).toEqual(none);
    const { key } = await operator.createKey({ body: { name: 'app', limits: { requestsPerMinute: 60 } } });
    expect(key.limits).toEqual({ ...none, requestsPerMinute: 60 });
    const params = { id: key.id };
    const change = (limits: object) => operator.updateKey({ params, body: { limits } });
    const both = { ...none, requestsPerMinute: 60, concurrentCalls: 2 };
    expect((await change({ concurrentCalls: 2 })).limits).toEqual(both);
    expect((await operator.listKeys()).keys.find(({ id }) => id === key.id)?.limits).toEqual(both);
    expect((await change({ requestsPerMinute: null, concurrentCalls: null })).limits).toEqual(none);
    const { entries } = await operator.listAudit({ query: { action: 'key.update', limit: 1 } });
    expect(entries).toMatchObject([{ before: { limits: both }, after: { limits: none } }]);
  });

  it.each([
    [{ requestsPerMinute: 0 }, 'limits.requestsPerMinute'],
    [{ tokensPerMinute: 1.5 }, 'limits.tokensPerMinute'],
    [{ concurrentCalls: -1 }, 'limits.concurrentCalls'],
    [{ concurrentCalls: '2' }, 'limits.concurrentCalls'],
    [{ requestsPerMinute: 2e9 }, 'limits.requestsPerMinute'],
    [{ requestsPerHour: 1 }, 'limits'],
  ])('refuse the limits %j by the name of the field', async (limits, param) => {
    const made = operator.createKey({ body: { name: 'x', limits: limits as object } });
    await expect(made).rejects.toMatchObject({ code: 'invalid_request', param });
    const changed = operator.updateKey({ params: { id: 'op' }, body: { limits: limits as object } });
    await expect(changed).rejects.toMatchObject({ code: 'invalid_request', param });
  });

  it('are renamed and get another expiry, with an audit entry', async () => {
    const { key } = await operator.createKey({ body: { name: 'old', limits: { requestsPerMinute: 60 } } });
    const params = { id: key.id };
    const expiresAt = '2999-01-01T00:00:00.000Z';
    const changed = await operator.updateKey({ params, body: { name: ' new ', expiresAt } });
    expect(changed).toEqual({ ...key, name: 'new', expiresAt });
    expect((await operator.listKeys()).keys.find(({ id }) => id === key.id)).toEqual(changed);
    const { entries } = await operator.listAudit({ query: { action: 'key.update', limit: 1 } });
    expect(entries).toMatchObject([
      {
        resource: { id: key.id, name: 'new' },
        before: { name: 'old', expiresAtMs: null },
        after: { name: 'new', expiresAtMs: Date.parse(expiresAt) },
      },
    ]);
    expect(await operator.updateKey({ params, body: { expiresAt: null } })).toEqual({ ...key, name: 'new' });
  });

  it.each<[object, string | undefined]>([
    [{ name: '' }, 'name'],
    [{ name: '   ' }, 'name'],
    [{ name: 'x'.repeat(101) }, 'name'],
    [{ name: null }, 'name'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    [{ expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ expiresAt: '2999-02-30T00:00:00Z' }, 'expiresAt'],
    [{ expiresAt: 4_102_444_800_000 }, 'expiresAt'],
    [{ scopes: ['manage'] }, undefined],
    [{}, undefined],
  ])('refuse the change %j and stay as they are', async (body, param) => {
    const { key } = await operator.createKey({ body: { name: 'same' } });
    const changed = operator.updateKey({ params: { id: key.id }, body });
    await expect(changed).rejects.toMatchObject({ code: 'invalid_request', ...(param && { param }) });
    expect((await operator.listKeys()).keys.find(({ id }) => id === key.id)).toEqual(key);
  });

  it('that have expired say so, and cannot be extended', async () => {
    const expiresAt = new Date(Date.now() + 300).toISOString();
    const { key } = await operator.createKey({ body: { name: 'short' } });
    const params = { id: key.id };
    await operator.updateKey({ params, body: { expiresAt } });
    await new Promise((resolve) => setTimeout(resolve, 350));
    await expect(operator.updateKey({ params, body: { expiresAt: null } })).rejects.toMatchObject({
      code: 'conflict',
      message: `API key ${key.id} expired at ${expiresAt}; create a new one`,
    });
    expect((await operator.listKeys()).keys.find(({ id }) => id === key.id)).toMatchObject({
      expiresAt,
      revokedAt: null,
    });
  });

  it('are for a project of the own organization alone', async () => {
    await expect(operator.createKey({ body: { name: 'x', projectId: 'p-other' } })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(operator.revokeKey({ params: { id: 'op' } })).rejects.toMatchObject({ code: 'conflict' });
    const past = { name: 'x', expiresAt: '2020-01-01T00:00:00Z' };
    await expect(operator.createKey({ body: past })).rejects.toMatchObject({ param: 'expiresAt' });
  });
});

describe('providers', () => {
  const local = {
    name: 'local',
    kind: 'openai-compatible',
    baseUrl: 'http://127.0.0.1:9/v1',
    credential: 'sk-canary',
  };

  it('never give a credential back, and want it again for a new base URL', async () => {
    const created = await operator.createProvider({ body: local });
    expect(created).toMatchObject({ hasCredential: true, origin: 'console', enabled: true });
    const params = { id: created.id };
    await expect(
      operator.updateProvider({ params, body: { baseUrl: 'http://127.0.0.1:10/v1' } }),
    ).rejects.toMatchObject({ code: 'invalid_request', param: 'credential' });
    const moved = await operator.updateProvider({
      params,
      body: { baseUrl: 'http://127.0.0.1:10/v1', credential: 'sk-new' },
    });
    expect(moved.baseUrl).toBe('http://127.0.0.1:10/v1');
    const kept = await operator.updateProvider({ params, body: { models: ['m-*'], enabled: false } });
    expect(kept).toMatchObject({ hasCredential: true, models: ['m-*'], enabled: false });
    expect(JSON.stringify([created, moved, kept, await operator.listProviders()])).not.toMatch(
      /canary|sk-new|lk1\./,
    );
    await expect(other.updateProvider({ params, body: { enabled: true } })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(other.deleteProvider({ params })).rejects.toMatchObject({ code: 'not_found' });
    expect(await operator.deleteProvider({ params })).toEqual({ ok: true });
  });

  it.each([
    [{ ...local, baseUrl: 'https://10.0.0.1/v1' }, 'baseUrl'],
    [{ ...local, kind: 'sim' }, 'kind'],
    [{ ...local, name: 'Not A Name' }, 'name'],
    [{ ...local, __proto__x: 1 }, ''],
  ])('refuses %j', async (body, param) => {
    await expect(operator.createProvider({ body })).rejects.toMatchObject({
      code: 'invalid_request',
      ...(param && { param }),
    });
  });

  it('of the environment cannot be changed here', async () => {
    const params = { id: 'env-openai' };
    await expect(operator.updateProvider({ params, body: { enabled: false } })).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(operator.deleteProvider({ params })).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('projects and aliases', () => {
  it('belong to the organization', async () => {
    const project = await operator.createProject({ body: { name: 'second', capture: 'best_effort' } });
    const params = { id: project.id };
    expect(await operator.updateProject({ params, body: { capture: 'strict' } })).toMatchObject({
      name: 'second',
      capture: 'strict',
    });
    await expect(other.updateProject({ params, body: { name: 'mine' } })).rejects.toMatchObject({
      code: 'not_found',
    });
    expect((await other.listProjects()).projects.map(({ id }) => id)).toEqual(['p-other']);
    await expect(operator.createProject({ body: { name: 'second' } })).rejects.toMatchObject({
      code: 'conflict',
    });
    const alias = await operator.createAlias({ body: { alias: 'fast', provider: 'sim', model: 'loom-sim' } });
    expect((await operator.listAliases()).aliases).toEqual([alias]);
    expect((await other.listAliases()).aliases).toEqual([]);
    await expect(other.deleteAlias({ params: { id: alias.id } })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(
      operator.createAlias({ body: { alias: 'x', provider: 'nobody', model: 'm' } }),
    ).rejects.toMatchObject({ param: 'provider' });
    expect(await operator.deleteAlias({ params: { id: alias.id } })).toEqual({ ok: true });
  });
});

describe('erasures', () => {
  it('are of the own project of a key; the operator key may name another', async () => {
    const { id: projectId } = await operator.createProject({ body: { name: 'of others' } });
    const createErasure = (key: string, project: string) =>
      clientOf(key).createErasure({ body: { userId: 'ann', projectId: project } });
    for (const project of [projectId, 'p-other', 'nobody'])
      await expect(createErasure('manager', project)).rejects.toMatchObject({
        ...{ code: 'permission_denied', param: 'projectId' },
      });
    expect(await createErasure('manager', 'default')).toMatchObject({ projectId: 'default' });
    expect(await createErasure('operator', projectId)).toMatchObject({ projectId });
    await expect(createErasure('operator', 'p-other')).rejects.toMatchObject({ code: 'not_found' });
    expect(await store.ledger.listErasures(projectId)).toHaveLength(1);
  });
});
