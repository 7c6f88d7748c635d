import {
  type ApiKey,
  type ApiKeyChange,
  type CreatedApiKey,
  type NewApiKey,
  scopePermissions,
} from '@loom/api-contract';
import type { ControlStore } from '@loom/control-store';
import { hashSecret, newApiKey } from '@loom/control-store/secrets';
import { LoomError } from '@loom/errors';
import type { ApiKeyRecord, KeyLimits, KeyScope } from '@loom/trace-schema';
import type { z } from 'zod';
import { type Principal, reachesProject } from '@loom/service-kit';
import type { Pepper } from './bootstrap-control.ts';
import { ownProjectId } from './project-registry.ts';

export interface KeyRegistryDeps {
  readonly store: ControlStore;
  readonly pepper: Pepper;
  readonly now?: () => number;
}

/** API keys of the projects within the caller's reach. */
export class KeyRegistry {
  readonly #store: ControlStore;
  readonly #pepper: Pepper;
  readonly #now: () => number;

  constructor({ store, pepper, now }: KeyRegistryDeps) {
    this.#store = store;
    this.#pepper = pepper;
    this.#now = now ?? Date.now;
  }

  async list(caller: Principal): Promise<{ keys: ApiKey[] }> {
    return { keys: (await this.#keysOf(caller)).map(toApiKey) };
  }

  /** The secret is in the answer and, as a keyed hash, in the store; nowhere else. */
  async create(caller: Principal, body: z.output<typeof NewApiKey>): Promise<CreatedApiKeyValue> {
    const expiresAtMs = this.#expiryOf(body.expiresAt);
    refuseMoreThanOwn(caller, body.scopes, 'make');
    const { id, secret, text } = newApiKey();
    const record: ApiKeyRecord = {
      id,
      organizationId: caller.organizationId,
      projectId: await ownProjectId(this.#store, caller, body.projectId),
      name: body.name,
      scopes: [...new Set(body.scopes)],
      secretHash: hashSecret(this.#pepper.text, secret),
      pepperVersion: this.#pepper.version,
      expiresAtMs,
      revokedAtMs: null,
      createdAtMs: this.#now(),
      limits: limitsOf(body.limits),
      createdBy: caller.actor,
      ownerId: await this.#ownerOf(caller),
    };
    await this.#store.actingAs(caller.actor).createApiKey(record);
    return { key: toApiKey(record), secret: text };
  }

  /** `conflict` on a key that has ended: an expired one cannot be extended, as a revoked one cannot be restored. */
  async update(caller: Principal, id: string, body: z.output<typeof ApiKeyChange>): Promise<ApiKey> {
    const { organizationId, actor } = caller;
    const known = await this.#keyToAlter(caller, id, 'change');
    if (known.revokedAtMs === null && known.expiresAtMs !== null && known.expiresAtMs <= this.#now()) {
      const expiredAt = new Date(known.expiresAtMs).toISOString();
      throw new LoomError('conflict', `API key ${id} expired at ${expiredAt}; create a new one`, {
        param: 'id',
      });
    }
    const change = {
      ...(body.name !== undefined && { name: body.name }),
      ...(body.expiresAt !== undefined && { expiresAtMs: this.#expiryOf(body.expiresAt) }),
      ...(body.limits && { limits: definedOf(body.limits) }),
    };
    return toApiKey(await this.#store.actingAs(actor).updateApiKey({ organizationId, id }, change));
  }

  async revoke(caller: Principal, id: string): Promise<ApiKey> {
    const { organizationId, actor } = caller;
    await this.#keyToAlter(caller, id, 'revoke');
    return toApiKey(
      await this.#store.actingAs(actor).revokeApiKey({ organizationId, id, atMs: this.#now() }),
    );
  }

  /** Unix milliseconds; null: never. */
  #expiryOf(expiresAt: string | null): number | null {
    if (expiresAt === null) return null;
    const expiresAtMs = Date.parse(expiresAt);
    if (expiresAtMs > this.#now()) return expiresAtMs;
    throw new LoomError(
      'invalid_request',
      `expiresAt ${expiresAt} is in the past; enter a later time, or revoke the key to end it now`,
      { param: 'expiresAt' },
    );
  }

  /** A key that is made by a key answers to the same person. */
  async #ownerOf({ organizationId, actor }: Principal): Promise<string | null> {
    if (actor.type === 'user') return actor.id;
    const keys = await this.#store.listApiKeys({ organizationId });
    return keys.find(({ id }) => id === actor.id)?.ownerId ?? null;
  }

  async #keysOf(caller: Principal): Promise<ApiKeyRecord[]> {
    const keys = await this.#store.listApiKeys(caller);
    return keys.filter(({ projectId }) => reachesProject(caller, projectId));
  }

  async #keyToAlter(caller: Principal, id: string, action: 'change' | 'revoke'): Promise<ApiKeyRecord> {
    const { type, id: ownId } = caller.actor;
    if (type === 'key' && id === ownId) {
      throw new LoomError('conflict', `this is the key that asks; ${action} it with another one`, {
        param: 'id',
      });
    }
    const known = (await this.#keysOf(caller)).find((key) => key.id === id);
    if (!known) throw new LoomError('not_found', 'there is no API key with this id');
    refuseMoreThanOwn(caller, known.scopes, action);
    return known;
  }
}

/** Nobody hands out, or takes away, what they may not do themselves; calling models is what keys are for. */
function refuseMoreThanOwn(
  { permissions }: Principal,
  scopes: readonly KeyScope[],
  action: 'make' | 'change' | 'revoke',
): void {
  const more = scopes.find((scope) => !scopePermissions[scope].every((one) => permissions.includes(one)));
  if (more === undefined) return;
  throw new LoomError(
    'permission_denied',
    `you may not ${action} a key with the scope "${more}": it may do more than you`,
    { param: action === 'make' ? 'scopes' : 'id' },
  );
}

type GivenLimits = { readonly [Limit in keyof KeyLimits]?: number | null | undefined };

function limitsOf({ requestsPerMinute, tokensPerMinute, concurrentCalls }: GivenLimits): KeyLimits {
  return {
    requestsPerMinute: requestsPerMinute ?? null,
    tokensPerMinute: tokensPerMinute ?? null,
    concurrentCalls: concurrentCalls ?? null,
  };
}

function definedOf(limits: GivenLimits): Partial<KeyLimits> {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined));
}

type CreatedApiKeyValue = z.output<typeof CreatedApiKey>;

/** What may be shown of a key: not its hash. */
function toApiKey(record: ApiKeyRecord): ApiKey {
  const { id, projectId, name, scopes, createdAtMs, expiresAtMs, revokedAtMs, limits } = record;
  const { createdBy = null, ownerId = null } = record;
  const timeOf = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());
  const createdAt = new Date(createdAtMs).toISOString();
  return {
    id,
    projectId,
    name,
    scopes,
    createdAt,
    expiresAt: timeOf(expiresAtMs),
    revokedAt: timeOf(revokedAtMs),
    limits: limitsOf(limits ?? {}),
    ...{ createdBy, ownerId },
  };
}
