import type { NewSavedView, SavedView } from '@loom/api-contract';
import type { ControlStore, SavedViewRecord } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import type { Principal } from '@loom/service-kit';
import { newUuid } from '@loom/trace-schema';
import type { z } from 'zod';

const viewsMax = 200;

/** Saved views of the caller's project. */
export class ViewRegistry {
  readonly #store: ControlStore;

  constructor(store: ControlStore) {
    this.#store = store;
  }

  async list({ projectId }: Principal): Promise<{ views: SavedView[] }> {
    return { views: (await this.#store.listViews(projectId)).map(toView) };
  }

  async create({ projectId, actor }: Principal, body: z.output<typeof NewSavedView>): Promise<SavedView> {
    if ((await this.#store.listViews(projectId)).length >= viewsMax)
      throw new LoomError('conflict', `a project has at most ${viewsMax} saved views; remove one first`);
    const record = { id: newUuid(), projectId, ...body, createdBy: actor.name, createdAtMs: Date.now() };
    await this.#store.actingAs(actor).createView(record);
    return toView(record);
  }

  async delete({ projectId, actor }: Principal, id: string): Promise<{ ok: true }> {
    await this.#store.actingAs(actor).deleteView({ projectId, id });
    return { ok: true };
  }
}

function toView({ id, name, search, createdBy, createdAtMs }: SavedViewRecord): SavedView {
  return { id, name, search, createdBy, createdAt: new Date(createdAtMs).toISOString() };
}
