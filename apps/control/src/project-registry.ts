import type { ModelAlias, NewModelAlias, NewProject, Project, ProjectChange } from '@loom/api-contract';
import type { ControlStore } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import { newUuid, type ProjectRecord } from '@loom/trace-schema';
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
    const project: ProjectRecord = { id: newUuid(), organizationId, content: 'searchable', ...body };
    await this.#store.actingAs(actor).createProject(project);
    return toProject(project);
  }

  async updateProject(
    { organizationId, actor }: Principal,
    id: string,
    change: z.output<typeof ProjectChange>,
  ): Promise<Project> {
    const { name, capture } = change;
    const present = { ...(name !== undefined && { name }), ...(capture !== undefined && { capture }) };
    return toProject(await this.#store.actingAs(actor).updateProject({ organizationId, id }, present));
  }

  async listAliases({ organizationId }: Principal): Promise<{ aliases: ModelAlias[] }> {
    return { aliases: await this.#store.listAliases({ organizationId }) };
  }

  async createAlias(caller: Principal, body: z.output<typeof NewModelAlias>): Promise<ModelAlias> {
    const { alias, provider, model } = body;
    const { organizationId } = caller;
    const projectId = await ownProjectId(this.#store, caller, body.projectId);
    const names = (await this.#store.listProviders({ organizationId })).map(({ name }) => name);
    if (!names.includes(provider)) {
      throw new LoomError(
        'invalid_request',
        `there is no provider "${provider}"; known: ${names.join(', ')}`,
        {
          param: 'provider',
        },
      );
    }
    const record = { id: newUuid(), projectId, alias, provider, model };
    await this.#store.actingAs(caller.actor).putAlias(record);
    return record;
  }

  async deleteAlias({ organizationId, actor }: Principal, id: string): Promise<{ ok: true }> {
    await this.#store.actingAs(actor).deleteAlias({ organizationId, id });
    return { ok: true };
  }
}

function toProject({ id, name, capture, content }: ProjectRecord): Project {
  return { id, name, capture, content };
}
