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
import { type Principal, reachesProject } from '@loom/service-kit';
import { type AliasRecord, newUuid, type ProjectRecord, type RouteSettings } from '@loom/trace-schema';
import type { z } from 'zod';

/** The project that a change is for: the caller's, or the one it names. The guard has checked that it reaches there. */
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

/** Projects within the caller's reach and the model aliases in them. */
export class ProjectRegistry {
  readonly #store: ControlStore;

  constructor(store: ControlStore) {
    this.#store = store;
  }

  async listProjects(caller: Principal): Promise<{ projects: Project[] }> {
    const projects = await this.#store.listProjects(caller);
    return { projects: projects.filter(({ id }) => reachesProject(caller, id)).map(toProject) };
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

  async listAliases(caller: Principal): Promise<{ aliases: ModelAlias[] }> {
    return { aliases: (await this.#aliasesOf(caller)).map(toAlias) };
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
    const known = await this.#alias(caller, id);
    const { provider = known.provider, model = known.model, route = known.route ?? null } = change;
    await this.#checkProviders(caller, provider, route);
    const record = { ...known, provider, model, route };
    await this.#store.actingAs(caller.actor).putAlias(record);
    return toAlias(record);
  }

  async #aliasesOf(caller: Principal): Promise<AliasRecord[]> {
    const aliases = await this.#store.listAliases(caller);
    return aliases.filter(({ projectId }) => reachesProject(caller, projectId));
  }

  async #alias(caller: Principal, id: string): Promise<AliasRecord> {
    const known = (await this.#aliasesOf(caller)).find((alias) => alias.id === id);
    if (known) return known;
    throw new LoomError('not_found', 'there is no alias with this id');
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

  async deleteAlias(caller: Principal, id: string): Promise<{ ok: true }> {
    const { organizationId, actor } = caller;
    await this.#alias(caller, id);
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
