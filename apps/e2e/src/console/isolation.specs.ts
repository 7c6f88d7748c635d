import { beforeAll, describe, expect, it } from '@jest/globals';
import { type Route, routes } from '@loom/api-contract';
import { eventually } from '../testing/deployment.ts';
import { type Person } from '../testing/console-world.ts';
import { type Stage } from '../testing/stage.ts';

const pages = [
  ...['', '/traces', '/live', '/sessions', '/users', '/keys', '/providers', '/models', '/prices', '/members'],
  ...['/projects', '/audit', '/health', '/start', '/account', '/compare'],
];
const reads = Object.entries<Route>(routes).filter(([, { method }]) => method === 'GET');
/** Nobody's project, of the length of a real one. */
const nobodys = 'no-such-project-0000';

/** What belongs to the other organization. Everything that has a name bears the mark. */
interface Other {
  readonly projectId: string;
  readonly ids: Readonly<Record<string, string>>;
  readonly traceId: string;
  readonly spanId: string;
  readonly owner: Person;
}

export function isolationSpecs(stage: () => Stage): void {
  describe('two organizations behind one console', () => {
    let other: Other;
    const wrong = new Map<string, { readonly cookie: string | null }>();
    beforeAll(async () => {
      const { world } = stage();
      other = await foundOther(stage());
      const admin = world.clientOf(await world.admin(), 'default');
      const leaver = await world.invite(admin, 'owner', 'leaver');
      await world.asked('control', '/v1/sign-out', leaver.cookie, { body: {} });
      wrong.set('nobody', { cookie: null });
      wrong.set('a session that was ended', leaver);
      wrong.set('an owner of the other organization', await world.invite(admin, 'owner', 'acorn'));
      wrong.set('a member of the other organization', await world.invite(admin, 'member', 'acorn'));
      wrong.set('a viewer of the other organization', await world.invite(admin, 'viewer', 'acorn'));
    }, 60_000);

    const revealing = (asked: string) => {
      const ids = Object.values(other.ids).filter((id) => !asked.includes(id));
      return new RegExp(['zebra', ...ids].join('|'), 'i');
    };
    const pathOf = ({ path }: Route, name: string) =>
      path
        .replace('{traceId}', other.traceId)
        .replace('{spanId}', other.spanId)
        .replace('{id}', other.ids[name] ?? 'nobody')
        .replace('{token}', 'nobody') + (name === 'getSpanRaw' ? '?part=response' : '');

    it('shows what is theirs to its owner: the marks are there to be found', async () => {
      const { world } = stage();
      const { cookie } = other.owner;
      const ask = async (service: 'query' | 'control', path: string) =>
        (await world.asked(service, path, cookie, { projectId: other.projectId })).text();
      expect(await ask('control', '/v1/keys')).toContain('zebra key');
      expect(await ask('query', `/v1/traces/${other.traceId}`)).toContain('zebra words');
      expect(await ask('control', '/v1/members')).toContain('zebra owner');
    });

    it.each([
      'nobody',
      'a session that was ended',
      'an owner of the other organization',
      'a member of the other organization',
      'a viewer of the other organization',
    ])('answers no route with anything of theirs: %s', async (who) => {
      const { world } = stage();
      const { cookie } = wrong.get(who)!;
      expect(reads.length).toBeGreaterThan(25);
      for (const [name, route] of reads) {
        const path = pathOf(route, name);
        for (const projectId of [other.projectId, 'default']) {
          const response = await world.asked(route.service, path, cookie, { projectId, signal: AbortSignal.timeout(5000) }); // prettier-ignore
          if (response.headers.get('content-type')?.startsWith('text/event-stream')) {
            expect([who, name, projectId]).toEqual([who, name, cookie && projectId === 'default' ? projectId : 'no stream']); // prettier-ignore
            await response.body?.cancel();
            continue;
          }
          const text = await response.text();
          expect([name, projectId, text]).toEqual([
            name,
            projectId,
            expect.not.stringMatching(revealing(path)),
          ]);
          if (projectId === other.projectId && route.permission.includes(':')) expect([name, response.status]).toEqual([name, cookie === null || who === 'a session that was ended' ? 401 : 404]); // prettier-ignore
        }
      }
    });

    it('streams none of their calls to anyone else', async () => {
      const { world } = stage();
      const { cookie } = wrong.get('an owner of the other organization')!;
      const stop = new AbortController();
      const response = await world.asked('query', '/v1/live', cookie, { projectId: 'default', signal: stop.signal }); // prettier-ignore
      let heard = '';
      const listening = (async () => {
        for await (const chunk of response.body!) heard += Buffer.from(chunk as Uint8Array).toString();
      })().catch(() => undefined);
      await world.call('loom-sim', { key: other.ids.secret!, text: 'zebra words again' });
      await world.call('loom-sim', { text: 'the last words' });
      await eventually(
        () => Promise.resolve(heard),
        (text) => text.includes('the last words') && text.includes('call.ended'),
      );
      stop.abort();
      await listening;
      expect(heard).not.toMatch(/zebra/i);
    });

    it.each(['nobody', 'a session that was ended', 'an owner of the other organization'])(
      'renders their pages on the server as those of no project: %s',
      async (who) => {
        const { consoleUrl } = stage().world.runtime;
        const cookie = wrong.get(who)?.cookie;
        const ask = async (path: string, headers: Record<string, string>) => {
          const session = cookie ? { cookie } : undefined;
          const response = await fetch(consoleUrl + path, { headers: { ...session, ...headers }, redirect: 'manual' }); // prettier-ignore
          return { status: response.status, text: await response.text() };
        };
        const ways: Readonly<Record<string, Record<string, string>>> = {
          plain: {},
          'past the middleware': { 'x-middleware-subrequest': 'src/proxy:src/proxy:src/proxy:src/proxy:src/proxy' }, // prettier-ignore
          'as a component': { rsc: '1' },
          'ahead of time': { rsc: '1', 'next-router-prefetch': '1' },
          'forged nonce': { 'x-nonce': '"><script>', 'x-forwarded-host': 'tracker.invalid' },
        };
        for (const page of [...pages, `/traces/${other.traceId}`, '/sessions/zoo-session']) {
          for (const [way, headers] of Object.entries(ways)) {
            const query = 'rsc' in headers ? '?_rsc=abcde' : '';
            const theirs = await ask(`/p/${other.projectId}${page}${query}`, headers);
            const none = await ask(`/p/${nobodys}${page}${query}`, headers);
            expect([page, way, theirs.status]).toEqual([page, way, none.status]);
            expect([page, way, theirs.text]).toEqual([page, way, expect.not.stringMatching(revealing(other.projectId + other.traceId))]); // prettier-ignore
          }
        }
      },
    );

    it('looks the same in the browser as a project that is not there', async () => {
      const { cookie } = wrong.get('a viewer of the other organization')!;
      await stage().visit(
        async (visit) => {
          visit.expectComplaint(/40[134]/);
          for (const page of ['', '/traces', '/keys', '/live', `/traces/${other.traceId}`]) {
            await visit.goto(`/p/${other.projectId}${page}`);
            await visit.sees('It does not exist, or it is not in this project.');
            expect(await visit.page.content()).not.toMatch(/zebra/i);
          }
        },
        { cookie },
      );
    });

    it('hides from a viewer what only owners may see, and from an owner what only the operator may', async () => {
      const cases = [
        ['a viewer of the other organization', '/audit'],
        ['an owner of the other organization', '/health'],
      ] as const;
      for (const [who, page] of cases) {
        await stage().visit(
          async (visit) => {
            visit.expectComplaint(/403/);
            await visit.goto(`/p/default${page}`);
            await visit.sees('Your role does not allow this');
          },
          { cookie: wrong.get(who)!.cookie },
        );
      }
    });
  });
}

/** An organization with one of everything, all of it named by the mark. */
async function foundOther({ world }: Stage): Promise<Other> {
  const admin = await world.admin();
  const organization = await world.clientOf(admin, 'default').createOrganization({ body: { name: 'zebra organization' } }); // prettier-ignore
  const me = await world.clientOf(admin, 'default').getMe();
  const projectId = me.organizations.find(({ id }) => id === organization.id)?.projects[0]?.id ?? '';
  const client = world.clientOf(admin, projectId);
  await client.updateProject({ params: { id: projectId }, body: { name: 'zebra project' } });
  const { key, secret } = await client.createKey({ body: { name: 'zebra key', scopes: ['call', 'read'] } });
  const provider = await client.createProvider({ body: { name: 'zebra-provider', kind: 'openai', baseUrl: `${world.providerUrl}/zebra`, credential: 'zebra-credential' } }); // prettier-ignore
  const alias = await client.createAlias({ body: { alias: 'zebra-alias', provider: 'zebra-provider', model: 'zebra-model' } }); // prettier-ignore
  const view = await client.createView({ body: { name: 'zebra view', search: 'filter=zebra' } });
  const traceId = await eventually(
    () => world.call('loom-sim', { key: secret, text: 'zebra words', session: 'zebra-session', user: 'zebra-user', metadata: { zebra: 'zebra' } }), // prettier-ignore
    (id) => id !== '',
  );
  const { spans } = await eventually(
    () => client.getTraceOutline({ params: { traceId } }),
    ({ spans }) => spans.length > 0,
  );
  const spanId = spans[0]?.spanId ?? '';
  const owner = await world.invite(client, 'owner', 'zebra');
  const ids = { organization: organization.id, projectId, key: key.id, provider: provider.id, alias: alias.id, view: view.id, secret, traceId, spanId }; // prettier-ignore
  return { projectId, traceId, spanId, owner, ids };
}
