import type { Erasure, NewErasure } from '@loom/api-contract';
import type { ControlStore, Erasure as StoredErasure } from '@loom/control-store';
import { type MasterKeys, sealErasedUser } from '@loom/control-store/secrets';
import type { Principal } from '@loom/service-kit';
import { newUuid } from '@loom/trace-schema';
import type { z } from 'zod';
import { ownProjectId } from './project-registry.ts';

export interface ErasureDeskDeps {
  readonly store: ControlStore;
  readonly masterKeys: MasterKeys;
}

/** Takes requests for erasure in; the ledger carries them out. */
export class ErasureDesk {
  readonly #deps: ErasureDeskDeps;

  constructor(deps: ErasureDeskDeps) {
    this.#deps = deps;
  }

  async list({ projectId }: Principal): Promise<{ erasures: Erasure[] }> {
    return { erasures: (await this.#deps.store.ledger.listErasures(projectId)).map(toErasure) };
  }

  /** The audit log tells of it without the end user's id. */
  async create(caller: Principal, body: z.output<typeof NewErasure>): Promise<Erasure> {
    const { store, masterKeys } = this.#deps;
    const projectId = await ownProjectId(store, caller, body.projectId);
    const id = newUuid();
    const sealedUser = sealErasedUser(masterKeys, id, body.userId);
    const erasure = { id, projectId, sealedUser, requestedBy: caller.actor.id, requestedAtMs: Date.now() };
    await store.ledger.createErasure(erasure);
    const resource = { id, name: projectId };
    await store
      .actingAs(caller.actor)
      .noteAction({ organizationId: caller.organizationId, projectId, action: 'erasure.create', resource });
    const none = {
      buckets: [],
      spans: 0,
      payloads: 0,
      beforeMs: null,
      keysGoneAtMs: null,
      rowsGoneAtMs: null,
      completeAtMs: null,
    };
    return toErasure({ ...erasure, ...none, state: 'requested' });
  }
}

function toErasure(erasure: StoredErasure): Erasure {
  const { id, projectId, state, spans, payloads } = erasure;
  return {
    ...{ id, projectId, state, spans, payloads },
    requestedAt: new Date(erasure.requestedAtMs).toISOString(),
    before: instantOf(erasure.beforeMs),
    keysGoneAt: instantOf(erasure.keysGoneAtMs),
    rowsGoneAt: instantOf(erasure.rowsGoneAtMs),
    completeAt: instantOf(erasure.completeAtMs),
  };
}

function instantOf(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
