import { type LoomClient } from '@loom/api-contract';
import { type ConsoleWorld, type Person } from '../testing/console-world.ts';
import { eventually } from '../testing/deployment.ts';

/** A project with one of everything that a route can name, all of it named by a mark. */
export interface Tenant {
  readonly mark: string;
  readonly projectId: string;
  /** By the route that has them in its path or body, or by the parameter's own name. */
  readonly ids: Readonly<Record<string, string>>;
  /** Secrets of keys by scope. */
  readonly keys: Readonly<Record<KeyName, string>>;
  readonly client: LoomClient;
}

const scopesOf = {
  call: ['call'],
  read: ['read'],
  manage: ['manage'],
  administer: ['administer'],
  revoked: ['read', 'manage'],
  expired: ['read', 'manage'],
} as const;
type KeyName = keyof typeof scopesOf;

/** Two projects of one organization, and one of another; people of every role in the first. */
export interface Tenants {
  readonly own: Tenant;
  readonly sister: Tenant;
  readonly zebra: Tenant;
  readonly people: Readonly<Record<'owner' | 'member' | 'viewer' | 'zebra' | 'ended' | 'removed', Person>>;
}

export async function foundTenants(world: ConsoleWorld): Promise<Tenants> {
  const acorn = await foundOrganization(world, 'acorn');
  const client = world.clientOf(await world.admin(), acorn);
  const sister = (await client.createProject({ body: { name: 'sister project' } })).id;
  const zebra = await foundOrganization(world, 'zebra');
  const people = {
    owner: await world.invite(client, 'owner', 'acorn'),
    member: await world.invite(client, 'member', 'acorn'),
    viewer: await world.invite(client, 'viewer', 'acorn'),
    zebra: await world.invite(world.clientOf(await world.admin(), zebra), 'owner', 'zebra'),
    ended: await world.invite(client, 'owner', 'ended'),
    removed: await world.invite(client, 'owner', 'removed'),
  };
  await world.asked('control', '/v1/sign-out', people.ended.cookie, { body: {} });
  const { members } = await client.listMembers();
  const gone = members.find(({ email }) => email === people.removed.email);
  await client.removeMember({ params: { id: gone?.userId ?? '' } });
  return {
    own: await furnish(world, 'acorn', acorn),
    sister: await furnish(world, 'sister', sister),
    zebra: await furnish(world, 'zebra', zebra),
    people,
  };
}

async function foundOrganization(world: ConsoleWorld, mark: string): Promise<string> {
  const admin = world.clientOf(await world.admin(), 'default');
  const { id } = await admin.createOrganization({ body: { name: `${mark} organization` } });
  const { organizations } = await admin.getMe();
  const projectId = organizations.find((one) => one.id === id)?.projects[0]?.id ?? '';
  const client = world.clientOf(await world.admin(), projectId);
  await client.updateProject({ params: { id: projectId }, body: { name: `${mark} project` } });
  return projectId;
}

async function furnish(world: ConsoleWorld, mark: string, projectId: string): Promise<Tenant> {
  const client = world.clientOf(await world.admin(), projectId);
  const made = await makeKeys(client, mark);
  const provider = await client.createProvider({ body: { name: `${mark}-provider`, kind: 'openai', baseUrl: `${world.providerUrl}/${mark}`, credential: `${mark}-credential` } }); // prettier-ignore
  const alias = await client.createAlias({ body: { alias: `${mark}-alias`, provider: 'sim', model: `${mark}-model` } }); // prettier-ignore
  const view = await client.createView({ body: { name: `${mark} view`, search: `filter=${mark}` } });
  const price = await client.createPrice({ body: { provider: 'openai', model: `${mark}-model`, from: '2026-01-01', inputPerMillionUsd: '1', outputPerMillionUsd: '2' } }); // prettier-ignore
  const { invitation } = await client.createInvitation({ body: { role: 'viewer' } });
  const { members } = await client.listMembers();
  const member = members.find(({ email }) => email !== world.runtime.adminEmail); // who is a member everywhere
  const traceId = await eventually(
    () => world.call('loom-sim', { key: made.secrets.call, text: `${mark} words`, session: `${mark}-session`, user: `${mark}-user`, metadata: { [mark]: mark } }), // prettier-ignore
    (id) => id !== '',
  );
  const { spans } = await eventually(
    () => client.getTraceOutline({ params: { traceId } }),
    ({ spans }) => spans.length > 0,
  );
  const [span] = spans;
  const detail = await client.getSpan({ params: { spanId: span?.spanId ?? '' } });
  const ids = {
    ...{ traceId, spanId: detail.spanId, getReceipt: detail.callId ?? '' },
    ...{ updateProject: projectId, updateKey: made.id, revokeKey: made.id },
    ...{ updateProvider: provider.id, deleteProvider: provider.id, testProvider: provider.id },
    ...{ updateAlias: alias.id, deleteAlias: alias.id, deleteView: view.id, deletePrice: price.id ?? '' },
    ...{ updateMember: member?.userId ?? '', removeMember: member?.userId ?? '' },
    deleteInvitation: invitation.id,
  };
  return { mark, projectId, ids, keys: made.secrets, client };
}

/** The id is that of the key that calls. */
async function makeKeys(client: LoomClient, mark: string) {
  const secrets: Partial<Record<KeyName, string>> = {};
  let id = '';
  for (const [name, scopes] of Object.entries(scopesOf) as [KeyName, (typeof scopesOf)[KeyName]][]) {
    const expiresAt = name === 'expired' ? new Date(Date.now() + 1_000).toISOString() : null;
    const { key, secret } = await client.createKey({ body: { name: `${mark} ${name}`, scopes: [...scopes], expiresAt } }); // prettier-ignore
    secrets[name] = secret;
    if (name === 'call') id = key.id;
    if (name === 'revoked') await client.revokeKey({ params: { id: key.id } });
  }
  return { id, secrets: secrets as Record<KeyName, string> };
}
