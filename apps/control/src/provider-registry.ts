import type { NewProvider, ProviderChange, ProviderSettings, ProviderTest } from '@loom/api-contract';
import type { ControlStore } from '@loom/control-store';
import { type MasterKeys, seal } from '@loom/control-store/secrets';
import { LoomError } from '@loom/errors';
import { providerKinds } from '@loom/providers';
import { newUuid, type ProviderRecord } from '@loom/trace-schema';
import type { z } from 'zod';
import type { Principal } from '@loom/service-kit';
import type { OutboundGuard } from '@loom/service-kit';
import type { ProviderProbe } from './provider-probe.ts';

export interface ProviderRegistryDeps {
  readonly store: ControlStore;
  readonly masterKeys: MasterKeys;
  readonly guard: OutboundGuard;
  readonly probe: ProviderProbe;
}

/** Providers of the caller's organization, and those of the environment to look at. Credentials go in, never out. */
export class ProviderRegistry {
  readonly #deps: ProviderRegistryDeps;

  constructor(deps: ProviderRegistryDeps) {
    this.#deps = deps;
  }

  async list({ organizationId }: Principal): Promise<{ providers: ProviderSettings[] }> {
    return { providers: (await this.#deps.store.listProviders({ organizationId })).map(toSettings) };
  }

  async create(caller: Principal, body: z.output<typeof NewProvider>): Promise<ProviderSettings> {
    const { organizationId } = caller;
    const { name, kind, enabled, models, credential, options } = body;
    if (kind === 'sim' || !providerKinds.includes(kind)) {
      const known = providerKinds.filter((known) => known !== 'sim').join(', ');
      throw new LoomError('invalid_request', `unknown provider kind "${kind}"; known: ${known}`, {
        param: 'kind',
      });
    }
    const record: ProviderRecord = {
      ...{
        id: newUuid(),
        organizationId,
        name,
        kind,
        enabled,
        models,
        options,
        origin: 'console',
        sealedCredential: null,
      },
      baseUrl: await this.#deps.guard.checkBaseUrl(body.baseUrl),
    };
    return this.#put(caller, record, credential);
  }

  /** A stored credential is never sent to an address that it was not entered for. */
  async update(
    caller: Principal,
    id: string,
    change: z.output<typeof ProviderChange>,
  ): Promise<ProviderSettings> {
    const known = await this.#own(caller, id);
    const { credential, enabled, models, options = known.options ?? {} } = change;
    const baseUrl =
      change.baseUrl === undefined ? known.baseUrl : await this.#deps.guard.checkBaseUrl(change.baseUrl);
    if (baseUrl !== known.baseUrl && known.sealedCredential !== null && credential === undefined) {
      throw new LoomError('invalid_request', 'a new base URL needs the credential again', {
        param: 'credential',
      });
    }
    const record = {
      ...{ ...known, baseUrl, options },
      ...{ enabled: enabled ?? known.enabled, models: models ?? known.models },
    };
    return this.#put(caller, record, credential);
  }

  async delete(caller: Principal, id: string): Promise<{ ok: true }> {
    await this.#own(caller, id);
    await this.#deps.store
      .actingAs(caller.actor)
      .deleteProvider({ organizationId: caller.organizationId, id });
    return { ok: true };
  }

  async test(caller: Principal, id: string): Promise<z.output<typeof ProviderTest>> {
    return this.#deps.probe.test(await this.#visible(caller, id));
  }

  /** Undefined leaves the credential as it is, null takes it away. */
  async #put(
    { actor }: Principal,
    record: ProviderRecord,
    credential: string | null | undefined,
  ): Promise<ProviderSettings> {
    const context = { organizationId: record.organizationId ?? '', recordId: record.id, field: 'credential' };
    const sealed =
      typeof credential === 'string'
        ? seal(this.#deps.masterKeys, credential, context)
        : (credential ?? null);
    const changed = credential === undefined ? record : { ...record, sealedCredential: sealed };
    await this.#deps.store.actingAs(actor).putProvider(changed);
    return toSettings(changed);
  }

  async #visible({ organizationId }: Principal, id: string): Promise<ProviderRecord> {
    const providers = await this.#deps.store.listProviders({ organizationId });
    const known = providers.find((provider) => provider.id === id);
    if (!known) throw new LoomError('not_found', 'there is no provider with this id');
    return known;
  }

  async #own(caller: Principal, id: string): Promise<ProviderRecord> {
    const known = await this.#visible(caller, id);
    if (known.origin === 'environment') {
      throw new LoomError(
        'conflict',
        `provider ${known.name} comes from the environment; change its variables instead`,
      );
    }
    return known;
  }
}

function toSettings(record: ProviderRecord): ProviderSettings {
  const { id, name, kind, baseUrl, origin, enabled, models, options, sealedCredential } = record;
  const hasCredential = sealedCredential !== null;
  return { id, name, kind, baseUrl, origin, enabled, models, options: options ?? {}, hasCredential };
}
