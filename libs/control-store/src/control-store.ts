import type {
  AliasRecord,
  ApiKeyRecord,
  ControlChanged,
  KeyLimits,
  PriceListRecord,
  ProjectRecord,
  ProviderRecord,
} from '@loom/trace-schema';
import type { LedgerStore } from './ledger-store.ts';
import type { Actor, AuditQuery, AuditRecord, IdentityStore, SavedViewRecord } from './identity-store.ts';

/**
 * The control store port: what people configure. Every change is one transaction that writes the record and the event
 * that tells of it, under the next number of one counter for the whole deployment: no change without its event, no
 * event without its change, versions in the order of the commits. The same transaction writes an audit entry of who
 * made it, with the record before and after, without secrets.
 *
 * Records are stored as given: ids, times and secrets are made by the caller. Lists are in the order of creation
 * (ids of equal times by id) and hold at most {@link listMax} records.
 * Errors: `not_found` for an id that is not there (or another organization's), `conflict` for a name that is taken or
 * a record that is not to be changed, `invalid_request` for a parent that is not there, `unavailable` when the
 * database is.
 */
export interface ControlStore {
  /** The same store, whose changes are this one's. At first they are those of Loom itself (`system`). */
  actingAs(actor: Actor): ControlStore;
  readonly identity: IdentityStore;
  readonly ledger: LedgerStore;

  /** With an owner and a project in the same transaction, when they are given. */
  createOrganization(organization: Organization, founding?: Founding): Promise<void>;
  renameOrganization(organization: Organization): Promise<void>;
  listOrganizations(): Promise<Organization[]>;

  createProject(project: ProjectRecord): Promise<void>;
  updateProject(key: RecordKey, change: ProjectUpdate): Promise<ProjectRecord>;
  listProjects(scope: OrganizationScope): Promise<ProjectRecord[]>;

  createApiKey(key: ApiKeyRecord): Promise<void>;
  listApiKeys(scope: OrganizationScope): Promise<ApiKeyRecord[]>;
  /** Members and limits that are left out stay. `conflict` on a revoked key. */
  updateApiKey(key: RecordKey, change: ApiKeyUpdate): Promise<ApiKeyRecord>;
  /** Revoking twice keeps the first time. */
  revokeApiKey(key: RecordKey & { readonly atMs: number }): Promise<ApiKeyRecord>;

  /** Adds or replaces by id. `conflict` on a record of origin `environment`, or when the name is taken. */
  putProvider(provider: ProviderRecord): Promise<void>;
  /** Those of the organization and those of every organization. */
  listProviders(scope: OrganizationScope): Promise<ProviderRecord[]>;
  /** `conflict` on a record of origin `environment`. */
  deleteProvider(key: RecordKey): Promise<void>;
  /**
   * Makes the records of origin `environment` what the list says: given ones are added or replaced (by id), the
   * others are disabled. One transaction.
   */
  syncEnvironmentProviders(providers: readonly ProviderRecord[]): Promise<void>;

  /** Adds or replaces by id. `conflict` when the project has the alias under another id. */
  putAlias(alias: AliasRecord): Promise<void>;
  listAliases(scope: OrganizationScope): Promise<AliasRecord[]>;
  deleteAlias(key: RecordKey): Promise<void>;

  /** Adds or replaces lists of the deployment's book by id; the number that were not there just so, and are told. */
  putPriceBook(lists: readonly PriceListRecord[]): Promise<number>;
  /** Adds an organization's own list. */
  createPriceOverride(list: PriceListRecord & OrganizationScope): Promise<void>;
  deletePriceOverride(key: RecordKey): Promise<void>;
  listPriceLists(): Promise<PriceListRecord[]>;
  /** The counter of changes: as long as it stays, so do the records that are told to the stream, prices among them. */
  currentVersion(): Promise<number>;

  createView(view: SavedViewRecord): Promise<void>;
  listViews(projectId: string): Promise<SavedViewRecord[]>;
  deleteView(key: { readonly projectId: string; readonly id: string }): Promise<void>;

  /** Tells of what was done outside this store, such as a record that was put back on its topic. */
  noteAction(note: ActionNote): Promise<void>;
  /** Changes of the organization and of the deployment as a whole, newest first. */
  listAudit(query: AuditQuery): Promise<{ entries: AuditRecord[]; nextCursor: string | null }>;
  /** When the action was last done to each of the resources, by id. Unix milliseconds. */
  lastActions(action: string, resourceIds: readonly string[]): Promise<ReadonlyMap<string, number>>;

  /** Every record with the version of its last change, and the counter, as of one moment: for a full dump. */
  currentEntities(): Promise<{ readonly version: number; readonly changes: ControlChanged[] }>;

  /** Events after a version, in order; at most `limit`. */
  readOutbox(afterVersion: number, limit: number): Promise<ControlChanged[]>;
  /** What was published is forgotten up to this version; publishing may be repeated, never skipped. */
  markPublished(version: number): Promise<void>;
  /** The highest version that was marked; 0 at first. */
  publishedVersion(): Promise<number>;

  /**
   * Runs `work` while no other process does; false without running it when one does. The signal aborts when the lock
   * is lost (the database could not be reached in time): then stop publishing.
   */
  withPublisherLock(work: (signal: AbortSignal) => Promise<void>): Promise<boolean>;

  ping(): Promise<void>;
  close(): Promise<void>;
}

export interface ControlStoreOptions {
  /** Signs console sessions; another one ends them all. At least 32 characters. */
  readonly sessionSecret: string;
  readonly now?: () => number;
  /** `migrate` (default) brings the schema forward, `expect` refuses a store whose schema is not this version's. */
  readonly schema?: 'migrate' | 'expect';
}

export const listMax = 10_000;

export interface Organization {
  readonly id: string;
  readonly name: string;
}

export interface OrganizationScope {
  readonly organizationId: string;
}

export interface RecordKey extends OrganizationScope {
  readonly id: string;
}

/** What an organization begins with. */
export interface Founding {
  readonly ownerId: string;
  readonly project: ProjectRecord;
}

export interface ActionNote {
  /** Null: of the deployment. */
  readonly organizationId: string | null;
  /** `<resource>.<verb>`. */
  readonly action: string;
  readonly resource: { readonly id: string; readonly name: string };
  /** The project that it concerns. */
  readonly projectId?: string;
}

export interface ApiKeyUpdate extends Partial<Pick<ApiKeyRecord, 'name' | 'scopes' | 'expiresAtMs'>> {
  readonly limits?: Partial<KeyLimits>;
}

export type ProjectUpdate = Partial<
  Pick<ProjectRecord, 'name' | 'capture' | 'content' | 'cacheTtlMs' | 'retention'>
>;
