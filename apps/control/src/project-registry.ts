import type {
  ModelAlias,
  ModelAliasChange,
  NewModelAlias,
  NewProject,
  Project,
  ProjectChange,
} from '@loom/api-contract';
import type { ControlStore } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import { type AliasRecord, newUuid, type ProjectRecord, type RouteSettings } from '@loom/trace-schema';
import type { z } from 'zod';
import type { Principal } from '@loom/service-kit';

/** The project that a change is for: the caller's, or another one of its organization. */
export async function ownProjectId(
  store: Pick<ControlStore, 'listProjects'>,
  { organizationId, projectId }: Principal,
  wanted: string | undefined,
): Promise<string> {
  if (wanted === undefined || wanted === projectId) return projectId;
  const projects = await store.listProjects({ organizationId });
  if (projects.some(({ id }) => id === wanted)) return wanted;
  throw new LoomError('not_found', 'there is no project with this id', { param: 'projectId' });
}

/**
 * The project that something is taken out of for good: a key's own alone, unless it is the operator's; a session's, or
 * another one of its organization.
 */
export async function ownRecordProjectId(
  store: Pick<ControlStore, 'listProjects'>,
  caller: Principal,
  { wanted, operatorKeyId }: { readonly wanted: string | undefined; readonly operatorKeyId: string | null },
): Promise<string> {
  const { actor, projectId } = caller;
  const isForeign = wanted !== undefined && wanted !== projectId;
  if (isForeign && actor.type === 'key' && actor.id !== operatorKeyId) {
    const message = 'this key is of another project; use a key of this one, or the operator key';
    throw new LoomError('permission_denied', message, { param: 'projectId' });
  }
  return ownProjectId(store, caller, wanted);
}

/** Projects of the caller's organization and the model aliases in them. */
export class ProjectRegistry {
  readonly #store: ControlStore;

  constructor(store: ControlStore) {
    this.#store = store;
  }

  async listProjects({ organizationId }: Principal): Promise<{ projects: Project[] }> {
    return { projects: (await this.#store.listProjects({ organizationId })).map(toProject) };
  }

  async createProject(
    { organizationId, actor }: Principal,
    body: z.output<typeof NewProject>,
  ): Promise<Project> {
    const project: ProjectRecord = { id: newUuid(), organizationId, ...body };
    await this.#store.actingAs(actor).createProject(project);
    return toProject(project);
  }

  async updateProject(
    { organizationId, actor }: Principal,
    id: string,
    change: z.output<typeof ProjectChange>,
  ): Promise<Project> {
    const { name, capture, content, cacheTtlSeconds, retention } = change;
    const present = {
      ...(name !== undefined && { name }),
      ...(capture !== undefined && { capture }),
      ...(content !== undefined && { content }),
      ...(retention !== undefined && { retention }),
      ...(cacheTtlSeconds !== undefined && { cacheTtlMs: cacheTtlSeconds && cacheTtlSeconds * 1000 }),
    };
    return toProject(await this.#store.actingAs(actor).updateProject({ organizationId, id }, present));
  }

  async listAliases({ organizationId }: Principal): Promise<{ aliases: ModelAlias[] }> {
    return { aliases: (await this.#store.listAliases({ organizationId })).map(toAlias) };
  }

  async createAlias(caller: Principal, body: z.output<typeof NewModelAlias>): Promise<ModelAlias> {
    const { alias, provider, model, route } = body;
    const projectId = await ownProjectId(this.#store, caller, body.projectId);
    await this.#checkProviders(caller, provider, route);
    const record = { id: newUuid(), projectId, alias, provider, model, route };
    await this.#store.actingAs(caller.actor).putAlias(record);
    return record;
  }

  /** Members that are left out stay; `route` is replaced as a whole. */
  async updateAlias(
    caller: Principal,
    id: string,
    change: z.output<typeof ModelAliasChange>,
  ): Promise<ModelAlias> {
    const { organizationId, actor } = caller;
    const known = (await this.#store.listAliases({ organizationId })).find((alias) => alias.id === id);
    if (!known) throw new LoomError('not_found', 'there is no alias with this id');
    const { provider = known.provider, model = known.model, route = known.route ?? null } = change;
    await this.#checkProviders(caller, provider, route);
    const record = { ...known, provider, model, route };
    await this.#store.actingAs(actor).putAlias(record);
    return toAlias(record);
  }

  async #checkProviders(
    { organizationId }: Principal,
    provider: string,
    route: RouteSettings | null,
  ): Promise<void> {
    const names = (await this.#store.listProviders({ organizationId })).map(({ name }) => name);
    const check = (name: string, param: string) => {
      if (names.includes(name)) return;
      const message = `there is no provider "${name}"; known: ${names.join(', ')}`;
      throw new LoomError('invalid_request', message, { param });
    };
    check(provider, 'provider');
    for (const list of ['balance', 'fallbacks'] as const)
      for (const [index, target] of (route?.[list] ?? []).entries())
        check(target.provider, `route.${list}.${index}.provider`);
  }

  async deleteAlias({ organizationId, actor }: Principal, id: string): Promise<{ ok: true }> {
    await this.#store.actingAs(actor).deleteAlias({ organizationId, id });
    return { ok: true };
  }
}

function toAlias(alias: AliasRecord): ModelAlias {
  return { ...alias, route: alias.route ?? null };
}

function toProject({
  id,
  name,
  capture,
  content,
  cacheTtlMs = null,
  retention = null,
}: ProjectRecord): Project {
  const cacheTtlSeconds = cacheTtlMs === null ? null : cacheTtlMs / 1000;
  return { id, name, capture, content, cacheTtlSeconds, retention };
}
