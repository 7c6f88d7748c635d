import 'reflect-metadata';
import { BlockList, connect } from 'node:net';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  projectHeader,
  Role,
  rolePermissions,
  type Route,
  routes,
  scopePermissions,
} from '@loom/api-contract';
import { type ControlStore, openControlStore } from '@loom/control-store';
import { newApiKey } from '@loom/control-store/secrets';
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
import { KeyScope, topics } from '@loom/trace-schema';
import { AppModule } from './app.module.ts';

const password = 'correct horse battery';
const operatorEmail = 'admin@loom.local';
const dayMs = 86_400_000;
const controlRoutes = Object.entries<Route>(routes).filter(([, { service }]) => service === 'control');

let engines: TestEngines;
let stream: EventStream;
let counters: CounterStore;
let store: ControlStore;
let http: HttpApplication;
let skewMs = 0;
let firstPasswordChanges = 0;
/** Sessions of every role of both organizations, and of the operator. */
const cookies = new Map<string, string>();

beforeAll(async () => {
  engines = await startTestEngines();
  stream = await openEventStream(new URL('memory:'));
  counters = await openCounterStore(new URL('memory:'));
  store = await openControlStore(new URL(engines.controlStoreUrl), {
    sessionSecret: 'x'.repeat(40),
    now: () => Date.now() + skewMs,
  });
  http = await startHttpApplication({
    module: AppModule.register({
      ...{ store, stream, env: {}, outboundAllow: ['127.0.0.1'] },
      signIn: { counters, secret: 'x'.repeat(40), trustedProxies: new BlockList() },
      masterKeys: new Map([['k1', Buffer.alloc(32, 7)]]),
      pepper: { version: 1, text: 'pepper' },
      ...{ apiKey: newApiKey().text, operatorKey: newApiKey().text },
      client: new EventStreamClient(stream),
      onError: (error) => {
        throw error;
      },
      firstPerson: { email: operatorEmail, password },
      onFirstPasswordChanged: () => Promise.resolve(void (firstPasswordChanges += 1)),
      verifyKey: (token) => {
        const scope = KeyScope.safeParse(token).data;
        const place = { id: token, name: token, organizationId: 'alpha', projectId: 'p-alpha' };
        return scope ? keyPrincipal({ ...place, scopes: [scope] }) : null;
      },
      deployment: {
        ...{ version: '1.2.3', runtimeFile: null, publicGatewayUrl: 'https://gw', dataDirectories: [] },
        ready: () => Promise.resolve(),
        enginesReady: () => store.ping(),
        ...{ name: 'backend', services: new Map(), groups: ['ingest'], lagOf: () => Promise.resolve(3) },
        lastErrors: () => [{ timeMs: 0, service: 'backend', message: 'went wrong' }],
      },
    }),
    host: '127.0.0.1',
    port: 0,
    logger: createLogger({ service: 'control', level: 'silent' }),
    metrics: new Metrics({ processMetrics: false }),
    ready: () => store.ping(),
  });
  await found('alpha', 'acorn');
  await found('beta', 'zebra');
  cookies.set('operator', await signIn(operatorEmail));
});

afterAll(async () => {
  await http.close();
  await stream.close();
  await counters.close();
  await store.close();
  await engines.stop();
});

/** An organization with one of everything, all of it named by the mark, and a person of each role. */
async function found(id: string, mark: string) {
  const projectId = `p-${id}`;
  const project = { id: projectId, organizationId: id, name: `${mark} project`, capture: 'strict', content: 'searchable' } as const; // prettier-ignore
  await store.createOrganization({ id, name: `${mark} organization` });
  await store.createProject(project);
  const place = { organizationId: id, projectId, name: `${mark} key` };
  const key = { id: `key-${mark}`, secretHash: 'f'.repeat(64), pepperVersion: 1, createdAtMs: 1 };
  await store.createApiKey({ ...place, ...key, scopes: ['call'], expiresAtMs: null, revokedAtMs: null });
  const provider = { id: `provider-${mark}`, organizationId: id, name: mark, kind: 'openai-compatible' };
  await store.putProvider({ ...provider, baseUrl: `http://${mark}/v1`, sealedCredential: null, origin: 'console', enabled: true, models: [] }); // prettier-ignore
  await store.putAlias({ id: `alias-${mark}`, projectId, alias: mark, provider: mark, model: mark });
  await store.createPriceOverride({ id: `price-${mark}`, version: 'override', provider: mark, organizationId: id, entries: [] }); // prettier-ignore
  await store.createView({ id: `view-${mark}`, projectId, name: mark, search: mark, createdBy: mark, createdAtMs: 1 }); // prettier-ignore
  for (const role of Role.options) {
    const email = `${role}@${mark}.example.com`;
    await join(id, role, { name: `${mark} ${role}`, email, password });
    cookies.set(`${id} ${role}`, await signIn(email));
  }
}

async function join(
  organizationId: string,
  role: Role,
  person: { name: string; email: string; password: string },
) {
  const token = `${organizationId}-${person.email}`;
  await store.identity.createInvitation({ id: token, organizationId, role, email: null, token, expiresAtMs: Date.now() + dayMs }); // prettier-ignore
  return (await store.identity.acceptInvitation(token, person)).userId;
}

async function signIn(email: string, given = password): Promise<string> {
  const response = await send('POST', '/v1/sign-in', {}, { email, password: given });
  return response.headers.get('set-cookie')?.split(';')[0] ?? '';
}

function send(method: string, path: string, headers: Record<string, string> = {}, body?: object) {
  const content = body && { body: JSON.stringify(body) };
  const type = body && { 'content-type': 'application/json' };
  return fetch(http.url + path, { method, headers: { ...type, ...headers }, ...content });
}

function sessionHeaders(who: string, projectId: string | null): Record<string, string> {
  const project = projectId === null ? {} : { [projectHeader]: projectId };
  return { cookie: cookies.get(who) ?? '', origin: http.url, ...project };
}

/** A request that changes nothing where it is allowed: an empty body, ids of nobody. */
async function tryRoute({ method, path, scope }: Route, headers: Record<string, string>) {
  const withBody = method === 'POST' || method === 'PATCH';
  const id = typeof scope === 'object' && scope.projectIn === 'params.id' ? 'p-alpha' : 'nobody';
  const response = await send(method, path.replace(/\{\w+\}/, id), headers, withBody ? {} : undefined);
  return { status: response.status, text: await response.text() };
}

const refused = (status: number) => (status === 401 || status === 403 ? status : 'let in');
const isOfProject = ({ permission }: Route) => permission.includes(':');

describe('the matrix of routes and callers', () => {
  it.each(Role.options)(
    'lets a %s do what the role says, and shows nothing of another organization',
    async (role) => {
      expect(controlRoutes.length).toBeGreaterThan(30);
      for (const [name, route] of controlRoutes) {
        if (route.permission === 'public') continue;
        const { status, text } = await tryRoute(route, sessionHeaders(`alpha ${role}`, 'p-alpha'));
        const own = rolePermissions[role].some((one) => one === route.permission);
        expect([name, refused(status)]).toEqual([
          name,
          own || route.permission === 'person' ? 'let in' : 403,
        ]);
        expect([name, status < 500]).toEqual([name, true]);
        expect([name, text]).toEqual([name, expect.not.stringMatching(/zebra|p-beta/i)]);
      }
    },
  );

  it.each(Role.options)('knows no project of another organization, for a %s', async (role) => {
    const words = new Set<string>();
    for (const [name, route] of controlRoutes.filter(([, one]) => isOfProject(one))) {
      for (const projectId of ['p-beta', 'no-such-project']) {
        const { status, text } = await tryRoute(route, sessionHeaders(`alpha ${role}`, projectId));
        expect([name, projectId, status]).toEqual([name, projectId, 404]);
        words.add(text);
      }
    }
    expect([...words]).toEqual([expect.stringContaining('there is no project with this id')]);
  });

  it.each(KeyScope.options)(
    'lets a key with the scope %s do what it says, and nothing of people',
    async (scope) => {
      for (const [name, route] of controlRoutes) {
        if (route.permission === 'public') continue;
        const { status, text } = await tryRoute(route, { authorization: `Bearer ${scope}` });
        const own = scopePermissions[scope].some((one) => one === route.permission);
        expect([name, refused(status)]).toEqual([name, own ? 'let in' : 403]);
        expect([name, text]).toEqual([name, expect.not.stringMatching(/zebra|p-beta/i)]);
      }
    },
  );

  it('lets nobody in without one valid credential', async () => {
    const signedOut = await signIn('owner@acorn.example.com');
    await send('POST', '/v1/sign-out', { cookie: signedOut, origin: http.url });
    const owner = sessionHeaders('alpha owner', 'p-alpha');
    const cases: Record<string, Record<string, string>> = {
      none: {},
      'unknown key': { authorization: 'Bearer nobody' },
      'no bearer': { authorization: 'Basic manage' },
      'signed out': { ...owner, cookie: signedOut },
      'forged session': { ...owner, cookie: `${owner.cookie}x` },
      'the name for https': { ...owner, cookie: `__Host-${owner.cookie}` },
      'two credentials': { ...owner, authorization: 'Bearer manage' },
      'two sessions': { ...owner, cookie: `${owner.cookie}; ${cookies.get('beta owner')}` },
    };
    for (const [name, route] of controlRoutes) {
      for (const [given, headers] of Object.entries(cases)) {
        if (route.permission === 'public') continue;
        expect([name, given, (await tryRoute(route, headers)).status]).toEqual([name, given, 401]);
      }
      if (route.permission === 'public') continue;
      skewMs = 8 * dayMs;
      const { status } = await tryRoute(route, owner);
      skewMs = 0;
      expect([name, 'expired', status]).toEqual([name, 'expired', 401]);
    }
  });

  it('lets the operator alone see the deployment, without a project', async () => {
    for (const [name, route] of controlRoutes.filter(([, one]) => one.permission === 'operator')) {
      const { status } = await tryRoute(route, sessionHeaders('operator', null));
      expect([name, refused(status)]).toEqual([name, 'let in']);
    }
    const health = await (await send('GET', '/v1/health', sessionHeaders('operator', null))).json();
    expect(health).toMatchObject({ version: '1.2.3', lag: [{ group: 'ingest', records: 3 }], outbox: null });
  });

  it('wants a project where one is needed', async () => {
    const { status, text } = await tryRoute(routes.listKeys, sessionHeaders('alpha owner', null));
    expect([status, text]).toEqual([400, expect.stringContaining(projectHeader)]);
  });
});

describe('a key and the other projects of its organization', () => {
  const other = { id: 'p-sibling', organizationId: 'alpha', name: 'sibling project' } as const;
  const asKey = (scope: KeyScope) => ({ authorization: `Bearer ${scope}` });
  beforeAll(async () => {
    await store.createProject({ ...other, capture: 'strict', content: 'searchable' });
    const place = { organizationId: 'alpha', projectId: other.id, name: 'sibling key' };
    const key = { id: 'key-sibling', secretHash: 'f'.repeat(64), pepperVersion: 1, createdAtMs: 1 };
    await store.createApiKey({ ...place, ...key, scopes: ['call'], expiresAtMs: null, revokedAtMs: null });
    await store.putAlias({ id: 'alias-sibling', projectId: other.id, alias: 'sibling', provider: 'acorn', model: 'm' }); // prettier-ignore
  });

  const named = controlRoutes.flatMap(([name, route]) =>
    typeof route.scope === 'object' ? [{ name, route, projectIn: route.scope.projectIn }] : [],
  );
  const naming = ({ route, projectIn }: (typeof named)[number], projectId: string, scope: KeyScope) => {
    const path = projectIn === 'params.id' ? route.path.replace('{id}', projectId) : route.path;
    const bodies = { name: 'n', userId: 'u', alias: `a-${projectId}`, provider: 'acorn', model: 'm' };
    const fields = Object.keys(route.body?.shape ?? {});
    const body = Object.fromEntries(Object.entries(bodies).filter(([field]) => fields.includes(field)));
    return send(
      route.method,
      path,
      asKey(scope),
      projectIn === 'body.projectId' ? { ...body, projectId } : body,
    );
  };

  it('is held to its own by every route that names one, and learns of no other', async () => {
    expect(named.map(({ name }) => name).sort()).toEqual([
      ...['createAlias', 'createErasure', 'createKey', 'updateProject'],
    ]);
    for (const one of named) {
      const answers = new Set<string>();
      for (const projectId of [other.id, 'p-beta', 'nobody']) {
        const response = await naming(one, projectId, 'manage');
        answers.add(`${response.status} ${await response.text()}`);
      }
      expect([one.name, ...answers]).toEqual([one.name, expect.stringMatching(/^403 .*of another project/)]);
    }
    const projects = await store.listProjects({ organizationId: 'alpha' });
    expect(projects.find(({ id }) => id === other.id)).toMatchObject({ name: 'sibling project' });
    expect(await store.ledger.listErasures(other.id)).toEqual([]);
  });

  it('finds nothing of another project by its id, and lists nothing of it', async () => {
    const byId = [
      ['PATCH', '/v1/keys/key-sibling', { limits: { requestsPerMinute: 1 } }],
      ['DELETE', '/v1/keys/key-sibling', undefined],
      ['PATCH', '/v1/aliases/alias-sibling', { model: 'stolen' }],
      ['DELETE', '/v1/aliases/alias-sibling', undefined],
    ] as const;
    for (const [method, path, body] of byId) {
      const there = await send(method, path, asKey('manage'), body);
      const gone = await send(method, path.replace('sibling', 'nobody'), asKey('manage'), body);
      expect([path, there.status, await there.text()]).toEqual([path, 404, await gone.text()]);
    }
    for (const path of ['/v1/keys', '/v1/aliases', '/v1/projects', '/v1/audit'])
      expect(await (await send('GET', path, asKey('manage'))).text()).not.toContain('sibling');
  });

  it('reaches all of them with the scope administer, and none of another organization', async () => {
    for (const one of named) {
      expect([one.name, (await naming(one, other.id, 'administer')).status]).toEqual([one.name, 200]);
      expect([one.name, (await naming(one, 'p-beta', 'administer')).status]).toEqual([one.name, 404]);
    }
    expect(await (await send('GET', '/v1/keys', asKey('administer'))).text()).toContain('key-sibling');
    expect(await (await send('GET', '/v1/audit', asKey('administer'))).text()).toContain('sibling');
  });

  it('makes no key that may do more than itself', async () => {
    const key = (scope: KeyScope, wanted: KeyScope) =>
      send('POST', '/v1/keys', asKey(scope), { name: 'k', scopes: [wanted] });
    expect((await key('manage', 'administer')).status).toBe(403);
    expect((await key('manage', 'manage')).status).toBe(200);
    expect((await key('administer', 'administer')).status).toBe(200);
  });
});

describe('changes by a session', () => {
  const body = JSON.stringify({ name: '' }); // refused by its schema once it is let in
  const post = (headers: Record<string, string>, content = body) => {
    const all = {
      ...sessionHeaders('alpha owner', 'p-alpha'),
      'content-type': 'application/json',
      ...headers,
    };
    return new Promise<number>((resolve, reject) => {
      const socket = connect(Number(new URL(http.url).port), '127.0.0.1');
      let answer = '';
      socket.on('data', (data) => (answer += data.toString()));
      socket.on('end', () => resolve(Number(answer.split(' ')[1])));
      socket.on('error', reject);
      const lines = Object.entries({ host: new URL(http.url).host, ...all, connection: 'close' });
      const head = lines.filter(([, value]) => value !== '').map(([name, value]) => `${name}: ${value}`);
      const length = `content-length: ${content.length}`;
      socket.write(['POST /v1/views HTTP/1.1', ...head, length, '', content].join('\r\n'));
    });
  };

  it.each([
    ['the console itself', {}, 400],
    ['a browser that says so', { 'sec-fetch-site': 'same-origin' }, 400],
    [
      'the console behind a proxy',
      { origin: 'https://loom.acme.com', 'x-forwarded-host': 'loom.acme.com' },
      400,
    ],
    ['no origin', { origin: '' }, 403],
    ['another origin', { origin: 'https://evil.example' }, 403],
    ['an opaque origin', { origin: 'null' }, 403],
    ['another port of the host', { origin: 'http://127.0.0.1:1' }, 403],
    ['a host that only begins alike', { origin: 'http://127.0.0.1.evil.example' }, 403],
    ['another site', { 'sec-fetch-site': 'cross-site' }, 403],
    ['a sibling', { 'sec-fetch-site': 'same-site' }, 403],
    ['a form', { 'content-type': 'text/plain' }, 403],
    ['an encoded form', { 'content-type': 'application/x-www-form-urlencoded' }, 403],
    ['another host behind the proxy', { 'x-forwarded-host': 'loom.acme.com' }, 403],
  ])('from %s', async (_, headers: Record<string, string>, status) => {
    expect(await post(headers)).toBe(status);
  });

  it('are checked at sign-in, sign-out and accept too, when a browser asks', async () => {
    for (const path of ['/v1/sign-in', '/v1/sign-out', '/v1/invitation-offers/x/accept']) {
      const response = await send('POST', path, { origin: 'https://evil.example' }, {});
      expect([path, response.status]).toEqual([path, 403]);
    }
  });
});

describe('sign-in', () => {
  it('sets a cookie for this host alone, with its secure name under https', async () => {
    const give = (headers: Record<string, string>) =>
      send('POST', '/v1/sign-in', headers, { email: operatorEmail, password });
    const cookiesOf = async (headers: Record<string, string>) => (await give(headers)).headers.getSetCookie();
    const plain = (name: string) =>
      new RegExp(`^${name}=[^;]+; Path=/; HttpOnly; SameSite=Lax; Max-Age=\\d+$`);
    expect(await cookiesOf({})).toEqual([
      expect.stringMatching(plain('loom_session')),
      expect.stringMatching(plain('loom_device')),
    ]);
    const [secure = '', device] = await cookiesOf({ 'x-forwarded-proto': 'https' });
    for (const [cookie, name] of [
      [secure, '__Host-loom_session'],
      [device, '__Host-loom_device'],
    ] as const)
      expect(cookie).toMatch(
        new RegExp(`^${name}=[^;]+; Path=/; HttpOnly; SameSite=Lax; Max-Age=\\d+; Secure$`),
      );
    const cookie = secure.split(';')[0] ?? '';
    expect((await send('GET', '/v1/me', { cookie, 'x-forwarded-proto': 'https' })).status).toBe(200);
    expect((await send('GET', '/v1/me', { cookie })).status).toBe(401);
  });

  it('says the same of an unknown address and a wrong password, and stops guessing', async () => {
    const attempt = async (email: string) => {
      const response = await send('POST', '/v1/sign-in', {}, { email, password: 'wrong' });
      return {
        status: response.status,
        text: await response.text(),
        after: response.headers.get('retry-after'),
      };
    };
    const known = await attempt('viewer@zebra.example.com');
    expect(known).toMatchObject({ status: 401, text: (await attempt('nobody@example.com')).text });
    const many = await Promise.all(Array.from({ length: 19 }, () => attempt('viewer@zebra.example.com')));
    expect(many.filter(({ status }) => status === 429)).toHaveLength(15);
    expect(Number(many.find(({ status }) => status === 429)?.after)).toBeGreaterThan(1);
    const right = { email: 'viewer@zebra.example.com', password };
    expect((await send('POST', '/v1/sign-in', {}, right)).status).toBe(429);
  });

  it('lets an owner in on a device that they have used before, while others guess', async () => {
    const body = (email: string, given: string) => ({ email: `${email}@acorn.example.com`, password: given });
    const signInAs = (email: string, given: string, cookie = '') =>
      send('POST', '/v1/sign-in', cookie === '' ? {} : { cookie, origin: http.url }, body(email, given));
    const deviceOf = async (answer: Promise<Response>) =>
      (await answer).headers.getSetCookie()[1]?.split(';')[0] ?? '';
    const own = await deviceOf(signInAs('member', password));
    const foreign = await deviceOf(signInAs('viewer', password));
    for (let index = 0; index < 100; index += 1) await signInAs('member', `wrong ${index}`);
    expect((await signInAs('member', password)).status).toBe(429);
    expect((await signInAs('member', password, foreign)).status).toBe(429);
    expect((await signInAs('member', password, `${own}x`)).status).toBe(429);
    expect((await signInAs('member', password, own.replace(/\.\d+\./, '.9999999999.'))).status).toBe(429);
    expect((await signInAs('viewer', password)).status).toBe(200);
    const again = signInAs('member', password, own);
    expect((await again).status).toBe(200);
    expect((await deviceOf(again)).split('.')[0]).toBe(own.split('.')[0]);
    const session = (await again).headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const newPassword = 'quite another horse';
    const change = (currentPassword: string, newPassword: string) =>
      send(
        'POST',
        '/v1/me/password',
        { cookie: session, origin: http.url },
        { currentPassword, newPassword },
      );
    expect((await change(password, newPassword)).status).toBe(200);
    expect((await change(newPassword, password)).status).toBe(200);
  });

  it('tells when the first password was changed, and ends the other sessions', async () => {
    const [one, two] = [await signIn(operatorEmail), await signIn(operatorEmail)];
    const change = (cookie: string, currentPassword: string, newPassword: string) =>
      send('POST', '/v1/me/password', { cookie, origin: http.url }, { currentPassword, newPassword });
    expect((await change(one, 'wrong', 'another password')).status).toBe(403);
    expect((await change(one, password, 'short')).status).toBe(400);
    expect((await change(one, password, 'password1234')).status).toBe(400);
    expect((await change(one, password, password)).status).toBe(400);
    expect((await change(one, password, 'another password')).status).toBe(200);
    expect(firstPasswordChanges).toBe(1);
    expect((await send('GET', '/v1/me', { cookie: two })).status).toBe(401);
    expect((await send('GET', '/v1/me', { cookie: one })).status).toBe(200);
    expect((await change(one, 'another password', password)).status).toBe(200);
    cookies.set('operator', one);
  });
});

describe('members and invitations', () => {
  const asOwner = () => sessionHeaders('alpha owner', 'p-alpha');
  const json = async <Answer>(response: Promise<Response>) => (await (await response).json()) as Answer;

  it('join by a link, and lose everything with it at the next request', async () => {
    const { token } = await json<{ token: string }>(
      send('POST', '/v1/invitations', asOwner(), { role: 'member' }),
    );
    const path = `/v1/invitation-offers/${token}`;
    expect(await json(send('GET', path))).toMatchObject({
      organizationName: 'acorn organization',
      role: 'member',
    });
    const missing = await send('POST', `${path}/accept`, {}, { name: 'Dee' });
    expect(missing.status).toBe(400);
    expect((await send('POST', `${path}/accept`, {}, {})).status).toBe(401);
    const person = { name: 'Dee', email: 'dee@example.com', password };
    const weak = await send('POST', `${path}/accept`, {}, { ...person, password: 'aaaaaaaaaaaa' });
    expect([weak.status, await weak.text()]).toEqual([400, expect.stringContaining('easy to guess')]);
    const accepted = await send('POST', `${path}/accept`, {}, person);
    const me = (await accepted.json()) as { user: { id: string }; organizations: unknown };
    expect(me).toMatchObject({
      user: { isOperator: false },
      organizations: [{ id: 'alpha', role: 'member' }],
    });
    expect((await send('GET', path)).status).toBe(404);
    const cookie = accepted.headers.get('set-cookie')?.split(';')[0] ?? '';
    const headers = { cookie, origin: http.url, [projectHeader]: 'p-alpha' };
    const views = async () => (await send('GET', '/v1/views', headers)).status;
    expect(await views()).toBe(200);
    const member = `/v1/members/${me.user.id}`;
    const key = (scopes: string[]) => send('POST', '/v1/keys', headers, { name: 'k', scopes });
    expect((await key(['manage'])).status).toBe(403);
    const strong = { name: 'strong', scopes: ['call', 'manage'] };
    const made = await json<{ key: { id: string } }>(send('POST', '/v1/keys', asOwner(), strong));
    const refused = await send('DELETE', `/v1/keys/${made.key.id}`, headers);
    expect([refused.status, await refused.text()]).toEqual([
      403,
      expect.stringContaining('you may not revoke a key with the scope \\"manage\\"'),
    ]);
    const limits = { limits: { requestsPerMinute: 1 } };
    expect((await send('PATCH', `/v1/keys/${made.key.id}`, headers, limits)).status).toBe(403);
    expect((await send('DELETE', `/v1/keys/${made.key.id}`, asOwner())).status).toBe(200);
    expect((await key(['call', 'read'])).status).toBe(200);
    expect((await send('PATCH', member, asOwner(), { role: 'viewer' })).status).toBe(200);
    expect((await key(['call'])).status).toBe(403);
    expect((await send('DELETE', member, asOwner())).status).toBe(200);
    expect(await views()).toBe(404);
    const { entries } = await json<{ entries: { action: string; actor: { name: string } }[] }>(
      send('GET', '/v1/audit?limit=8', asOwner()),
    );
    expect(entries.map(({ action, actor }) => [action, actor.name])).toEqual([
      ['member.remove', 'acorn owner'],
      ['key.revoke', 'acorn owner'],
      ['member.update', 'acorn owner'],
      ['key.create', 'Dee'],
      ['key.revoke', 'acorn owner'],
      ['key.create', 'acorn owner'],
      ['member.add', 'Dee'],
      ['invitation.create', 'acorn owner'],
    ]);
  });

  it('leave with their keys, those that their keys have made too, or hand them over', async () => {
    const { token } = await json<{ token: string }>(
      send('POST', '/v1/invitations', asOwner(), { role: 'owner' }),
    );
    const person = { name: 'Fay', email: 'gil@example.com', password };
    const accepted = await send('POST', `/v1/invitation-offers/${token}/accept`, {}, person);
    const { user } = (await accepted.json()) as { user: { id: string } };
    const cookie = accepted.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    const asFay = { cookie, origin: http.url, [projectHeader]: 'p-alpha' };
    interface Key {
      readonly id: string;
      readonly createdBy: { readonly type: string; readonly name: string } | null;
      readonly ownerId: string | null;
      readonly revokedAt: string | null;
    }
    const { key } = await json<{ key: Key }>(send('POST', '/v1/keys', asFay, { name: 'of Fay' }));
    expect(key).toMatchObject({ createdBy: { type: 'user', id: user.id, name: 'Fay' }, ownerId: user.id });
    // As if the key that asks were hers.
    const place = {
      organizationId: 'alpha',
      projectId: 'p-alpha',
      secretHash: 'f'.repeat(64),
      pepperVersion: 1,
    };
    const asked = { id: 'manage', name: 'manage', scopes: ['manage' as const], createdAtMs: 1 };
    await store.createApiKey({ ...place, ...asked, expiresAtMs: null, revokedAtMs: null, ownerId: user.id });
    const made = await json<{ key: Key }>(send('POST', '/v1/keys', { authorization: 'Bearer manage' }, { name: 'by a key' })); // prettier-ignore
    expect(made.key).toMatchObject({ createdBy: { type: 'key', id: 'manage' }, ownerId: user.id });
    expect((await send('DELETE', `/v1/members/${user.id}?keys=keep`, asOwner())).status).toBe(400);
    expect((await send('DELETE', `/v1/members/${user.id}`, asOwner())).status).toBe(200);
    const { keys } = await json<{ keys: Key[] }>(send('GET', '/v1/keys', asOwner()));
    const owned = keys.filter(({ ownerId }) => ownerId === user.id);
    expect(owned.map(({ id, revokedAt }) => [id, revokedAt !== null]).sort()).toEqual(
      [
        [key.id, true],
        ['manage', true],
        [made.key.id, true],
      ].sort(),
    );
  });

  it('join a second organization as who they are', async () => {
    const { token } = await json<{ token: string }>(
      send('POST', '/v1/invitations', asOwner(), { role: 'viewer' }),
    );
    const cookie = cookies.get('beta viewer') ?? '';
    const accept = () =>
      send('POST', `/v1/invitation-offers/${token}/accept`, { cookie, origin: http.url }, {});
    const me = (await (await accept()).json()) as { organizations: { id: string }[] };
    expect(me.organizations.map(({ id }) => id)).toEqual(['beta', 'alpha']);
    expect((await accept()).status).toBe(404);
  });

  it('leave an organization with an owner', async () => {
    const { members } = await json<{ members: { userId: string; role: string }[] }>(
      send('GET', '/v1/members', asOwner()),
    );
    const owner = members.find(({ role }) => role === 'owner')?.userId ?? '';
    expect((await send('DELETE', `/v1/members/${owner}`, asOwner())).status).toBe(409);
    expect((await send('PATCH', `/v1/members/${owner}`, asOwner(), { role: 'viewer' })).status).toBe(409);
  });

  it('of an organization that the operator makes', async () => {
    const headers = sessionHeaders('operator', null);
    const made = await json<{ id: string }>(send('POST', '/v1/organizations', headers, { name: 'gamma' }));
    const me = await json<{ organizations: unknown[] }>(send('GET', '/v1/me', headers));
    expect(me.organizations).toContainEqual({ id: made.id, name: 'gamma', role: 'owner', projects: [expect.objectContaining({ name: 'default' })] }); // prettier-ignore
  });
});

describe('the audit log', () => {
  it('shows what operators did to the deployment to an operator in the first organization alone', async () => {
    const note = { organizationId: null, action: 'dead-letter.replay', resource: { id: 'd1', name: 'd1' } };
    await store.actingAs({ type: 'user', id: 'op', name: 'Op' }).noteAction(note);
    const replays = async (who: string, projectId: string) => {
      const path = '/v1/audit?action=dead-letter.replay';
      const response = await send('GET', path, sessionHeaders(who, projectId));
      return ((await response.json()) as { entries: unknown[] }).entries;
    };
    expect(await replays('operator', 'default')).toMatchObject([{ resource: { id: 'd1' } }]);
    const person = { name: 'Fay', email: 'fay@example.com', password };
    await join('default', 'owner', person);
    cookies.set('default owner', await signIn(person.email));
    expect(await replays('default owner', 'default')).toEqual([]);
    expect(await replays('alpha owner', 'p-alpha')).toEqual([]);
  });
});

describe('prices', () => {
  it('of the organization go before the book, and can be taken back', async () => {
    const headers = sessionHeaders('alpha owner', 'p-alpha');
    const price = { provider: 'openai', model: 'GPT-4o', from: '2026-01-01', inputPerMillionUsd: '1.5', outputPerMillionUsd: '6' }; // prettier-ignore
    const created = await send('POST', '/v1/prices', headers, price);
    const { id } = (await created.json()) as { id: string };
    expect((await send('POST', '/v1/prices', headers, price)).status).toBe(409);
    const list = async () => {
      const response = await send('GET', '/v1/prices?provider=openai&search=gpt-4o&limit=200', headers);
      const { prices } = (await response.json()) as {
        prices: { id: string | null; model: string; inForce: boolean }[];
      };
      return prices.filter(({ model }) => model === 'gpt-4o').map((one) => [one.id, one.inForce]);
    };
    expect(await list()).toEqual([[id, true], [null, false]]); // prettier-ignore
    expect((await send('DELETE', `/v1/prices/${id}`, headers)).status).toBe(200);
    expect(await list()).toEqual([[null, true]]);
    const first = await send('GET', '/v1/prices?limit=3', headers);
    const page = (await first.json()) as { prices: object[]; nextCursor: string };
    expect(page.prices).toHaveLength(3);
    const next = await send('GET', `/v1/prices?limit=3&cursor=${page.nextCursor}`, headers);
    expect(((await next.json()) as { prices: object[] }).prices[0]).not.toEqual(page.prices[0]);
  });
});

describe('a custom price of what is sold by the piece', () => {
  it('is entered by the names that a partial cost lists', async () => {
    const headers = sessionHeaders('alpha owner', 'p-alpha');
    const price = { provider: 'openai', model: 'piecewise', from: '2026-01-01', inputPerMillionUsd: '1', outputPerMillionUsd: '6' }; // prettier-ignore
    const further = (prices: object) =>
      send('POST', '/v1/prices', headers, { ...price, furtherPerMillionUsd: prices });
    expect((await further({ 'web searches': '1' })).status).toBe(400);
    expect((await further({ webSearches: '-1' })).status).toBe(400);
    const created = await further({ webSearches: '10000', cacheWrite1h: '6', inputUncached: '9' });
    const { id, prices } = (await created.json()) as { id: string; prices: object };
    expect(prices).toMatchObject({
      ...{ webSearches: { base: '10000' }, cacheWrite1h: { base: '6' }, inputUncached: { base: '1' } },
    });
    expect((await send('DELETE', `/v1/prices/${id}`, headers)).status).toBe(200);
  });
});

describe('the test of a provider', () => {
  it('asks for the models with the credential and never shows it', async () => {
    const seen: unknown[] = [];
    const server = createServer((request, response) => {
      seen.push([request.url, request.headers.authorization]);
      if (seen.length === 1) response.end(JSON.stringify({ data: [{ id: 'm1' }, { id: 'sk-canary' }] }));
      else if (seen.length === 2) response.writeHead(401).end('bad key sk-canary');
      else response.writeHead(302, { location: `http://127.0.0.1:1/` }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const headers = sessionHeaders('alpha owner', 'p-alpha');
    const body = { name: 'local', kind: 'openai-compatible', baseUrl: `http://127.0.0.1:${port}/v1`, credential: 'sk-canary' }; // prettier-ignore
    const { id } = (await (await send('POST', '/v1/providers', headers, body)).json()) as { id: string };
    const test = async () => (await send('POST', `/v1/providers/${id}/test`, headers)).json();
    expect(await test()).toMatchObject({ ok: true, status: 200, models: ['m1', '[credential]'] });
    expect(await test()).toMatchObject({ ok: false, status: 401, message: expect.stringContaining('bad key [credential]') }); // prettier-ignore
    expect(await test()).toMatchObject({ ok: false, status: 302 });
    expect(seen).toEqual(Array.from({ length: 3 }, () => ['/v1/models', 'Bearer sk-canary']));
    await new Promise((resolve) => server.close(resolve));
    expect(await test()).toMatchObject({ ok: false, status: null, message: expect.stringContaining('ECONNREFUSED') }); // prettier-ignore
  });
});

describe('dead letters', () => {
  it('are listed, shown and put back as they were', async () => {
    const headers = sessionHeaders('operator', null);
    const value = Buffer.from('{"broken": ü');
    const letter = {
      ...{
        id: `${topics.traces}/p/7/dead/ingest`,
        type: 'dead-letter',
        group: 'ingest',
        topic: topics.traces,
      },
      ...{ partition: 'p', offset: 7, reason: 'malformed', message: 'no json', time: '1772600400123000000' },
      ...{ headers: { ce_type: 'loom.call.accepted' }, value: value.toString('base64') },
    };
    const producer = await stream.producer(topics.deadLetters);
    const record = { key: 'k', headers: {}, value: Buffer.from(JSON.stringify(letter)) };
    await producer.append([record, record, { ...record, value: Buffer.from('?') }]);
    const list = async () => (await send('GET', '/v1/dead-letters', headers)).json();
    const back: unknown[] = [];
    await stream.tail({ topics: [topics.traces], from: 'beginning' }, (records) => {
      back.push(...records.map((one) => [one.headers, one.value.toString()]));
    });
    expect(await list()).toMatchObject({ deadLetters: [{ consumer: 'ingest', bytes: value.length, replayedAt: null }] }); // prettier-ignore
    const path = `/v1/dead-letters/${encodeURIComponent(letter.id)}`;
    expect(await (await send('GET', path, headers)).json()).toMatchObject({ encoding: 'utf8', value: value.toString(), truncated: false }); // prettier-ignore
    const replayed = (await (await send('POST', `${path}/replay`, headers)).json()) as { replayedAt: string };
    expect(replayed.replayedAt).toMatch(/^\d{4}-.*Z$/);
    expect(await list()).toMatchObject({ deadLetters: [{ replayedAt: replayed.replayedAt }] });
    expect(back).toEqual([[letter.headers, value.toString()]]);
  });
});
