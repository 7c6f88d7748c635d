import {
  type Permission,
  projectHeader,
  rolePermissions,
  type Route,
  routes,
  scopePermissions,
} from '@loom/api-contract';
import type { ConsoleWorld } from '../testing/console-world.ts';
import type { Tenant, Tenants } from './tenants.ts';

/** Where a request aims: at the project that its caller belongs to, or at things of another one. */
const aims = ['own', 'sister', 'zebra', 'nobody', 'stray sister', 'stray zebra', 'stray nobody'] as const;
type Aim = (typeof aims)[number];
const ways = ['direct', 'through the console'] as const;
type Way = (typeof ways)[number];

export interface Caller {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Null: no valid credential. */
  readonly permissions: readonly (Permission | 'person' | 'operator')[] | null;
  /** Keys name no project in a header, and do not pass the console. */
  readonly isKey: boolean;
  /** The project of a key; for a session the one that it names when it strays. */
  readonly home: 'own' | 'zebra';
  /** Those that a session is let into. */
  readonly organizations: readonly string[];
}

export interface Cell {
  readonly name: keyof typeof routes;
  readonly route: Route;
  readonly caller: Caller;
  readonly aim: Aim;
  readonly way: Way;
}

/** `in`: let in; a request that changes something is then made so that it cannot be carried out. */
export type Verdict = 'in' | 'public' | 401 | 403 | 404;

type Target = 'own' | 'sister' | 'zebra' | 'nobody';
const nobody: Pick<Tenant, 'projectId' | 'ids'> = { projectId: 'no-such-project', ids: {} };
const organizationOf = { own: 'acorn', sister: 'acorn', zebra: 'zebra', nobody: 'none' } as const;

export async function callersOf(world: ConsoleWorld, { own, zebra, people }: Tenants): Promise<Caller[]> {
  const { consoleUrl } = world.runtime;
  const session = (name: string, cookie: string, permissions: Caller['permissions'], at: Partial<Caller> = {}): Caller => ({
    ...{ name, permissions, isKey: false, home: 'own', organizations: ['acorn'], ...at },
    headers: { cookie, origin: consoleUrl },
  }); // prettier-ignore
  const key = (name: string, secret: string, permissions: Caller['permissions'], home: Caller['home'] = 'own'): Caller => ({
    ...{ name, permissions, isKey: true, home, organizations: [] },
    headers: { authorization: `Bearer ${secret}` },
  }); // prettier-ignore
  const { owner } = rolePermissions;
  return [
    { ...session('nobody', '', null), headers: {} },
    session('a made-up session', `loom_session=${'x'.repeat(43)}.${'y'.repeat(43)}`, null),
    session('a session that was ended', people.ended.cookie, null),
    key('a made-up key', `${own.keys.manage.slice(0, -3)}AAA`, null),
    key('a revoked key', own.keys.revoked, null),
    key('an expired key', own.keys.expired, null),
    ...(['call', 'read', 'manage', 'administer'] as const).map((scope) =>
      key(`a key that may ${scope}`, own.keys[scope], scopePermissions[scope]),
    ),
    key("another organization's key", zebra.keys.administer, scopePermissions.administer, 'zebra'),
    ...(['owner', 'member', 'viewer'] as const).map((role) =>
      session(`a session of a ${role}`, people[role].cookie, ['person', ...rolePermissions[role]]),
    ),
    session("another organization's owner", people.zebra.cookie, ['person', ...owner], {
      ...{ home: 'zebra', organizations: ['zebra'] },
    }),
    session('one who was removed', people.removed.cookie, ['person'], { organizations: [] }),
    session('the operator', await world.admin(), ['person', 'operator', ...owner], {
      organizations: ['acorn', 'zebra'],
    }),
  ];
}

/** All cells; without `all` the way through the console is tried for every third pair of route and caller. */
export function cellsOf(callers: readonly Caller[], all: boolean): Cell[] {
  const table = Object.entries<Route>(routes) as [keyof typeof routes, Route][];
  const pairs = table
    .filter(([name]) => name !== 'signOut') // it ends the session that asks
    .flatMap(([name, route]) => callers.map((caller) => ({ name, route, caller })));
  return pairs.flatMap((pair, index) =>
    aims
      .filter((aim) => !pair.caller.isKey || !isStray(aim)) // a key strays whenever it names a project
      .flatMap((aim) => ways.map((way): Cell => ({ ...pair, aim, way })))
      .filter(({ way }) => all || way === 'direct' || index % 3 === 0),
  );
}

const isStray = (aim: Aim) => aim.startsWith('stray');
const namesSomething = ({ route: { path, scope } }: Cell) => path.includes('{') || typeof scope === 'object';
const targetOf = (aim: Aim) => aim.replace('stray ', '') as Target;

/** What the contract says of the cell; two where a caller must not learn which of them it was. */
export function verdictsOf(cell: Cell): readonly Verdict[] {
  const { route, caller, aim, way } = cell;
  const { permission, scope, service } = route;
  const { permissions, isKey, home, organizations } = caller;
  if (permission === 'public') return ['public'];
  if (permissions === null || (isKey && way === 'through the console')) return [401];
  if (permission === 'person' || permission === 'operator')
    return permissions.includes(permission) ? ['in'] : [403];
  const target = targetOf(aim);
  const effective = isKey || isStray(aim) ? home : target;
  if (!isKey && !organizations.includes(organizationOf[effective])) return [404];
  if (!permissions.includes(permission)) return [403];
  if (!namesSomething(cell) || target === effective) return ['in'];
  if (organizationOf[target] !== organizationOf[effective]) return [403, 404];
  if (scope === 'organization' || (typeof scope === 'object' && !isKey)) return ['in'];
  // What is left is another project of the organization: found by its ids, or named, where the caller reaches there.
  const isKeptByProject = service === 'query' || route.path.startsWith('/v1/views');
  return permissions.includes('projects:all') && !isKeptByProject ? ['in'] : [403, 404];
}

/** Of what a caller may see no trace in any answer of the cell. */
export function hiddenMarks({ route, caller, aim }: Cell): readonly string[] {
  const { permissions, isKey, home, organizations } = caller;
  if (permissions?.includes('operator') && ['person', 'operator'].includes(route.permission)) return [];
  const effective = isKey || isStray(aim) ? home : targetOf(aim);
  const sees = isKey
    ? [organizationOf[home]]
    : organizations.filter((one) => one === organizationOf[effective]);
  const isHeld = isKey && !permissions?.includes('projects:all') && route.scope !== 'organization';
  const ofPerson = route.permission === 'person' ? organizations : [];
  const seen = permissions === null ? [] : [...sees, ...ofPerson];
  return ['acorn', 'zebra']
    .filter((mark) => !seen.includes(mark))
    .concat(isHeld || !seen.includes('acorn') ? ['sister'] : []);
}

const valid: Partial<Record<keyof typeof routes, object>> = {
  createKey: { name: 'intruder', scopes: ['call'] },
  updateKey: { limits: { requestsPerMinute: 1 } },
  createProvider: { name: 'intruder', kind: 'openai', baseUrl: 'https://example.com', credential: 'x' },
  updateProvider: { enabled: false },
  createAlias: { alias: 'intruder', provider: 'sim', model: 'm' },
  updateAlias: { model: 'intruder' },
  createProject: { name: 'intruder' },
  updateProject: { retention: { contentDays: 1, metadataDays: 1, hold: false } },
  createErasure: { userId: 'intruder' },
  createPrice: { provider: 'openai', model: 'intruder', from: '2026-01-01', inputPerMillionUsd: '1', outputPerMillionUsd: '2' }, // prettier-ignore
  createView: { name: 'intruder', search: '' },
  createOrganization: { name: 'intruder' },
  updateOrganization: { name: 'intruder' },
  updateMember: { role: 'viewer' },
  createInvitation: { role: 'owner' },
};
const queries: Partial<Record<keyof typeof routes, string>> = {
  getSpanRaw: 'part=response',
  exportBundle: 'from=2026-01-01T00:00:00Z',
  listLedgerLeaves: 'kinds=capture.gap',
  previewRetention: 'contentDays=1',
};
const refusedBody = { 'no such member': true };

export interface Asked {
  readonly path: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** The request of a cell. One that shall be let in changes nothing, one that shall not would change what is named. */
export function requestOf(cell: Cell, tenants: Tenants): Asked {
  const { name, route, caller, aim } = cell;
  const target = targetOf(aim) === 'nobody' ? nobody : tenants[targetOf(aim) as 'own' | 'sister' | 'zebra'];
  const isLetIn = verdictsOf(cell).some((verdict) => verdict === 'in' || verdict === 'public');
  const isChange = route.method !== 'GET';
  const hasBody = route.method === 'POST' || route.method === 'PATCH';
  const id = (parameter: string) => target.ids[name] ?? target.ids[parameter] ?? 'nobody';
  const idNamed = isChange && isLetIn && !route.body ? () => 'nobody' : id;
  const path = route.path.replaceAll(/\{(\w+)\}/g, (_, parameter: string) =>
    named(parameter, idNamed(parameter)),
  );
  const projectIn = typeof route.scope === 'object' ? route.scope.projectIn : '';
  const query = [
    queries[name],
    projectIn === 'query.projectId' ? `userId=u&projectId=${target.projectId}` : '',
  ]
    .filter(Boolean)
    .join('&');
  const body = {
    ...(isLetIn ? refusedBody : valid[name]),
    ...(projectIn === 'body.projectId' && { projectId: target.projectId }),
  };
  const header = isStray(aim) ? tenants[caller.home].projectId : target.projectId;
  return {
    path: query === '' ? path : `${path}?${query}`,
    method: route.method,
    headers: {
      ...caller.headers,
      ...(!caller.isKey && { [projectHeader]: header }),
      ...(hasBody && { 'content-type': 'application/json' }),
    },
    ...(hasBody && { body: JSON.stringify(body) }),
  };
}

/** A path parameter of the form that its schema asks for. */
function named(parameter: string, id: string): string {
  if (id !== 'nobody') return encodeURIComponent(id);
  return parameter === 'traceId' ? 'e'.repeat(32) : parameter === 'spanId' ? 'e'.repeat(16) : 'nobody';
}
