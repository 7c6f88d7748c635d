import { type ControlSnapshot, resolveModel } from '@loom/routing';
import type { ApiKeyRecord, ProviderRecord } from '@loom/trace-schema';

export interface ModelList {
  readonly object: 'list';
  readonly data: readonly { id: string; object: 'model'; created: number; owned_by: string }[];
}

export interface ModelListerOptions {
  readonly snapshot: ControlSnapshot;
  /** The ids that a provider lists itself; rejects when it cannot be asked. */
  readonly ask: (provider: ProviderRecord) => Promise<readonly string[]>;
}

/** What a provider said is believed this long. Milliseconds. */
const keptMs = 60_000;
const modelsPerProviderMax = 2_000;

/** `GET /v1/models`: the aliases of the key's project and the models of its providers, by the name that leads there. */
export class ModelLister {
  readonly #options: ModelListerOptions;
  readonly #kept = new Map<string, { ids: readonly string[]; atMs: number }>();

  constructor(options: ModelListerOptions) {
    this.#options = options;
  }

  async list(key: ApiKeyRecord): Promise<ModelList> {
    const { snapshot } = this.#options;
    const models = new Map<string, string>();
    for (const alias of snapshot.aliases(key.projectId)) models.set(alias.alias, alias.provider);
    const providers = snapshot.providers(key.organizationId).filter((provider) => provider.enabled);
    const listed = await Promise.all(providers.map((provider) => this.#idsOf(provider)));
    for (const [index, provider] of providers.entries()) {
      for (const id of listed[index] ?? []) models.set(this.#nameOf(key, provider, id), provider.name);
    }
    const data = [...models].map(([id, owner]) => ({
      id,
      object: 'model' as const,
      created: 0,
      owned_by: owner,
    }));
    return { object: 'list', data };
  }

  // The bare name where it leads to this provider; `provider/model` where another one is meant by it.
  #nameOf(key: ApiKeyRecord, provider: ProviderRecord, id: string): string {
    try {
      if (resolveModel(this.#options.snapshot, key, id).provider.id === provider.id) return id;
    } catch {
      // no bare name leads anywhere
    }
    return `${provider.name}/${id}`;
  }

  async #idsOf(provider: ProviderRecord): Promise<readonly string[]> {
    const exact = provider.models.filter((name) => !name.endsWith('*'));
    if (provider.kind === 'sim') return exact;
    const cacheKey = `${provider.id} ${provider.baseUrl}`;
    const kept = this.#kept.get(cacheKey);
    if (kept && Date.now() - kept.atMs < keptMs) return kept.ids;
    try {
      const ids = (await this.#options.ask(provider)).slice(0, modelsPerProviderMax);
      this.#kept.set(cacheKey, { ids, atMs: Date.now() });
      return ids;
    } catch {
      return kept?.ids ?? exact; // a provider that is down does not empty the list of the others
    }
  }
}
