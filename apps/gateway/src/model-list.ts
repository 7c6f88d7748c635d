import { LoomError } from '@loom/errors';
import type { ListedModel } from '@loom/providers';
import { type ControlSnapshot, resolveModel, type Target } from '@loom/routing';
import type { ApiKeyRecord, ProviderRecord } from '@loom/trace-schema';

/** A model by the name that leads to it. */
export interface ModelEntry {
  readonly name: string;
  /** The name of the provider that it leads to. */
  readonly provider: string;
  /** What the provider tells of it; of a model that it does not list, its id alone. */
  readonly facts: ListedModel;
}

/** The models that a key may call, in the order in which they are listed. */
export class ModelCatalog {
  readonly #entries: ReadonlyMap<string, ModelEntry>;
  readonly #targetOf: (name: string) => Target | null;

  constructor(entries: readonly ModelEntry[], targetOf: (name: string) => Target | null) {
    this.#entries = new Map(entries.map((entry) => [entry.name, entry]));
    this.#targetOf = targetOf;
  }

  get entries(): readonly ModelEntry[] {
    return [...this.#entries.values()];
  }

  /** By its listed name, or by another one that leads to the same model. Throws `not_found`. */
  get(name: string): ModelEntry {
    const listed = this.#entries.get(name);
    if (listed) return listed;
    const target = this.#targetOf(name);
    const same = this.entries.find(
      ({ provider, facts }) => provider === target?.provider.name && facts.id === target.model,
    );
    if (same) return { ...same, name };
    throw new LoomError(
      'not_found',
      `the model "${name.slice(0, 256)}" does not exist; GET /v1/models lists all`,
      {
        ...{ param: 'model', reason: 'model_not_found' },
      },
    );
  }
}

export interface ModelListerOptions {
  readonly snapshot: ControlSnapshot;
  /** What a provider lists itself; rejects when it cannot be asked. */
  readonly ask: (provider: ProviderRecord) => Promise<readonly ListedModel[]>;
}

/** What a provider said is believed this long. Milliseconds. */
const keptMs = 60_000;
const modelsPerProviderMax = 2_000;

/** The aliases of the key's project and the models of its providers. */
export class ModelLister {
  readonly #options: ModelListerOptions;
  readonly #kept = new Map<string, { models: readonly ListedModel[]; atMs: number }>();

  constructor(options: ModelListerOptions) {
    this.#options = options;
  }

  async list(key: ApiKeyRecord): Promise<ModelCatalog> {
    const { snapshot } = this.#options;
    const providers = snapshot.providers(key.organizationId).filter((provider) => provider.enabled);
    const listed = await Promise.all(providers.map((provider) => this.#modelsOf(provider)));
    const modelsOf = new Map(providers.map(({ name }, index) => [name, listed[index] ?? []]));
    const aliases = snapshot.aliases(key.projectId).map(({ alias, provider, model }) => ({
      ...{ name: alias, provider },
      facts: modelsOf.get(provider)?.find(({ id }) => id === model) ?? unlisted(model),
    }));
    const models = providers.flatMap((provider) =>
      (modelsOf.get(provider.name) ?? []).map((facts) => ({
        ...{ name: this.#nameOf(key, provider, facts.id), provider: provider.name, facts },
      })),
    );
    return new ModelCatalog([...aliases, ...models], (name) => this.#targetOf(key, name));
  }

  // The bare name where it leads to this provider; `provider/model` where another one is meant by it.
  #nameOf(key: ApiKeyRecord, provider: ProviderRecord, id: string): string {
    return this.#targetOf(key, id)?.provider.id === provider.id ? id : `${provider.name}/${id}`;
  }

  #targetOf(key: ApiKeyRecord, name: string): Target | null {
    try {
      return resolveModel(this.#options.snapshot, key, name);
    } catch {
      return null; // it leads nowhere
    }
  }

  async #modelsOf(provider: ProviderRecord): Promise<readonly ListedModel[]> {
    const exact = provider.models.filter((name) => !name.endsWith('*')).map(unlisted);
    if (provider.kind === 'sim') return exact;
    const cacheKey = `${provider.id} ${provider.baseUrl}`;
    const kept = this.#kept.get(cacheKey);
    if (kept && Date.now() - kept.atMs < keptMs) return kept.models;
    try {
      const models = (await this.#options.ask(provider)).slice(0, modelsPerProviderMax);
      this.#kept.set(cacheKey, { models, atMs: Date.now() });
      return models;
    } catch {
      return kept?.models ?? exact; // a provider that is down does not empty the list of the others
    }
  }
}

function unlisted(id: string): ListedModel {
  return { id, displayName: null, created: null, contextLength: null, shutdownDate: null };
}
