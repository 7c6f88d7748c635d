import type {
  AliasRecord,
  ApiKeyRecord,
  ControlChanged,
  ControlEvent,
  PriceListRecord,
  ProjectRecord,
  ProviderRecord,
} from '@loom/trace-schema';

interface Versioned<Value> {
  readonly version: number;
  readonly value: Value | null;
}

type Entities = {
  project: ProjectRecord;
  apiKey: ApiKeyRecord;
  provider: ProviderRecord;
  alias: AliasRecord;
  priceList: PriceListRecord;
};

/** What is written beside the outbox: credentials in it are still encrypted. */
export interface ControlSnapshotFile {
  readonly format: 1;
  readonly changes: readonly ControlChanged[];
}

/**
 * Everything that control has said, in memory: the newest version of each entity, whatever the order in which the
 * events came. Readers ask it at every call and never wait.
 */
export class ControlSnapshot {
  readonly #entities: { [Entity in keyof Entities]: Map<string, Versioned<Entities[Entity]>> } = {
    project: new Map(),
    apiKey: new Map(),
    provider: new Map(),
    alias: new Map(),
    priceList: new Map(),
  };
  #version = 0;
  #complete = false;
  #providers: readonly ProviderRecord[] | null = null;
  #aliases: ReadonlyMap<string, AliasRecord> | null = null;

  /** The highest version seen. */
  get version(): number {
    return this.#version;
  }

  /** True once a whole snapshot was seen: before that, an unknown key may be one not heard of yet. */
  get complete(): boolean {
    return this.#complete;
  }

  /** Takes one event of the control topic. False when it brought nothing new. */
  apply(event: ControlEvent): boolean {
    if (event.type === 'control.snapshot-completed') {
      this.#complete = true;
      this.#version = Math.max(this.#version, event.version);
      return true;
    }
    const known = this.#entities[event.entity] as Map<string, Versioned<unknown>>;
    if ((known.get(event.entityId)?.version ?? 0) >= event.version) return false;
    known.set(event.entityId, { version: event.version, value: event.value });
    this.#version = Math.max(this.#version, event.version);
    this.#providers = null;
    this.#aliases = null;
    return true;
  }

  apiKey(id: string): ApiKeyRecord | null {
    return this.#entities.apiKey.get(id)?.value ?? null;
  }

  project(id: string): ProjectRecord | null {
    return this.#entities.project.get(id)?.value ?? null;
  }

  alias(projectId: string, name: string): AliasRecord | null {
    this.#aliases ??= new Map(
      present(this.#entities.alias).map((alias) => [`${alias.projectId}\0${alias.alias}`, alias]),
    );
    return this.#aliases.get(`${projectId}\0${name}`) ?? null;
  }

  aliases(projectId: string): AliasRecord[] {
    return present(this.#entities.alias).filter((alias) => alias.projectId === projectId);
  }

  /** Providers that an organization may use, its own before those of the deployment, each by name. */
  providers(organizationId: string): ProviderRecord[] {
    this.#providers ??= present(this.#entities.provider).sort(
      (a, b) =>
        Number(a.organizationId === null) - Number(b.organizationId === null) || a.name.localeCompare(b.name),
    );
    return this.#providers.filter(
      (found) => found.organizationId === null || found.organizationId === organizationId,
    );
  }

  priceLists(): PriceListRecord[] {
    return present(this.#entities.priceList);
  }

  toFile(): ControlSnapshotFile {
    const changes: unknown[] = [];
    for (const [entity, entries] of Object.entries(this.#entities)) {
      for (const [entityId, { version, value }] of entries) {
        changes.push({
          id: `${entity}/${entityId}/${version}`,
          type: 'control.changed',
          entity,
          entityId,
          version,
          value,
        });
      }
    }
    return { format: 1, changes: changes as ControlChanged[] };
  }

  static fromFile(file: ControlSnapshotFile): ControlSnapshot {
    const snapshot = new ControlSnapshot();
    for (const change of file.changes) snapshot.apply(change);
    snapshot.#complete = true;
    return snapshot;
  }
}

function present<Value>(entries: ReadonlyMap<string, Versioned<Value>>): Value[] {
  return [...entries.values()].flatMap(({ value }) => (value === null ? [] : [value]));
}
