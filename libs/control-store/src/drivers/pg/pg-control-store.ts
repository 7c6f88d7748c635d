import { isDeepStrictEqual } from 'node:util';
import { LoomError, messageOf } from '@loom/errors';
import type { AliasRecord, ApiKeyRecord, PriceListRecord, ProjectRecord } from '@loom/trace-schema';
import { and, asc, eq, isNull, or, sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import {
  type ActionNote,
  type ControlStore,
  type ControlStoreOptions,
  type Founding,
  listMax,
  type Organization,
  type OrganizationScope,
  type ProjectUpdate,
  type RecordKey,
} from '../../control-store.ts';
import type { Actor, AuditQuery, SavedViewRecord } from '../../identity-store.ts';
import { ApiKeyRecords } from './api-key-records.ts';
import { AuditLog, systemActor } from './audit-log.ts';
import { asLoomError, ChangeLog, changeOf, nameTaken, type Transaction } from './change-log.ts';
import { openAccounts } from './accounts.ts';
import { members, savedViews } from './identity-tables.ts';
import { expectSchema, migrate } from './migrate.ts';
import { type IdentityDeps, PgIdentityStore } from './pg-identity-store.ts';
import { PgLedgerStore } from './pg-ledger-store.ts';
import { ProviderRecords, recordOf } from './provider-records.ts';
import { withLease } from './lease.ts';
import {
  aliases,
  apiKeys,
  controlState,
  organizations,
  priceLists,
  projects,
  providers,
  withoutVersion,
} from './tables.ts';

const connectionsMax = 4;

/** Connects to `postgres://user:password@host:port/database` and brings the schema forward or expects it. */
export async function openPgControlStore(url: URL, options: ControlStoreOptions): Promise<ControlStore> {
  const pool = new pg.Pool({
    connectionString: url.href,
    max: connectionsMax,
    connectionTimeoutMillis: 10_000,
    application_name: 'loom',
  });
  pool.on('error', () => undefined); // an idle connection was lost; the next call makes another or says what is wrong
  try {
    await (options.schema === 'expect' ? expectSchema(pool) : migrate(pool));
  } catch (error) {
    await pool.end();
    if (error instanceof LoomError && error.code === 'config_invalid') throw error;
    const where = `${url.protocol}//${url.host}${url.pathname}`;
    throw new LoomError(
      'unavailable',
      `cannot open the control store at ${where}: ${messageOf(error)}; check that PostgreSQL runs there, that the ` +
        'database exists and that user and password are right',
      { cause: error },
    );
  }
  const db = drizzle(pool);
  const { sessionSecret: secret, now = Date.now } = options;
  return new PgControlStore(pool, { db, secret, now, auth: openAccounts(db, secret) }, systemActor);
}

const notFound = (what: string, id: string) => new LoomError('not_found', `there is no ${what} ${id}`);

type Shared = Omit<IdentityDeps, 'log'> & { readonly auth: ReturnType<typeof openAccounts> };

class PgControlStore implements ControlStore {
  readonly identity: PgIdentityStore;
  readonly ledger: PgLedgerStore;
  readonly #pool: pg.Pool;
  readonly #shared: Shared;
  readonly #db: NodePgDatabase;
  readonly #log: ChangeLog;
  readonly #providers: ProviderRecords;
  readonly #keys: ApiKeyRecords;

  constructor(pool: pg.Pool, shared: Shared, actor: Actor) {
    this.#pool = pool;
    this.#shared = shared;
    this.#db = shared.db;
    this.#log = new ChangeLog(this.#db, actor);
    this.#providers = new ProviderRecords(this.#log);
    this.#keys = new ApiKeyRecords(this.#db, this.#log);
    this.ledger = new PgLedgerStore(this.#db);
    this.identity = new PgIdentityStore({ ...shared, log: this.#log }, shared.auth);
  }

  actingAs(actor: Actor): ControlStore {
    return new PgControlStore(this.#pool, this.#shared, actor);
  }

  createOrganization({ id, name }: Organization, founding?: Founding): Promise<void> {
    return this.#log.transaction(async (tx) => {
      await tx.insert(organizations).values({ id, name });
      const entry = { organizationId: id, action: 'organization.create', id, name };
      await this.#log.audit.note(tx, { ...entry, before: null, after: { name } });
      if (!founding) return;
      await tx.insert(members).values({ organizationId: id, userId: founding.ownerId, role: 'owner' });
      await this.#createProject(tx, founding.project);
    });
  }

  renameOrganization({ id, name }: Organization): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const [known] = await tx
        .select()
        .from(organizations)
        .where(eq(organizations.id, id))
        .for('no key update');
      if (!known) throw notFound('organization', id);
      await tx.update(organizations).set({ name }).where(eq(organizations.id, id));
      const change = { before: { name: known.name }, after: { name } };
      await this.#log.audit.note(tx, {
        organizationId: id,
        action: 'organization.update',
        id,
        name,
        ...change,
      });
    });
  }

  listOrganizations() {
    const { id, name, createdAt } = organizations;
    return this.#read(
      this.#db.select({ id, name }).from(organizations).orderBy(asc(createdAt), asc(id)).limit(listMax),
    );
  }

  createProject(project: ProjectRecord): Promise<void> {
    return this.#log.transaction((tx) => this.#createProject(tx, project));
  }

  async #createProject(tx: Transaction, project: ProjectRecord): Promise<void> {
    const version = await this.#log.record(tx, 'project', project.id, project);
    await tx.insert(projects).values({ ...project, version });
    await this.#noteProject(tx, 'project.create', null, project);
  }

  #noteProject(tx: Transaction, action: string, before: ProjectRecord | null, after: ProjectRecord) {
    const { id, name, organizationId } = after;
    return this.#log.audit.note(tx, { organizationId, projectId: id, action, id, name, before, after });
  }

  updateProject(key: RecordKey, change: ProjectUpdate): Promise<ProjectRecord> {
    return this.#log.transaction(async (tx) => {
      const own = and(eq(projects.id, key.id), eq(projects.organizationId, key.organizationId));
      const [row] = await tx.select().from(projects).where(own).for('update');
      if (!row) throw notFound('project', key.id);
      const project = { ...withoutVersion(row), ...change };
      const version = await this.#log.record(tx, 'project', key.id, project);
      await tx
        .update(projects)
        .set({ ...change, version })
        .where(own);
      await this.#noteProject(tx, 'project.update', withoutVersion(row), project);
      return project;
    });
  }

  async listProjects({ organizationId }: OrganizationScope): Promise<ProjectRecord[]> {
    const query = this.#db.select().from(projects).where(eq(projects.organizationId, organizationId));
    const rows = await this.#read(query.orderBy(asc(projects.createdAt), asc(projects.id)).limit(listMax));
    return rows.map(withoutVersion);
  }

  createApiKey(key: ApiKeyRecord): Promise<void> {
    return this.#keys.create(key);
  }

  listApiKeys(scope: OrganizationScope): Promise<ApiKeyRecord[]> {
    return this.#read(this.#keys.list(scope));
  }

  updateApiKey(...args: Parameters<ControlStore['updateApiKey']>): Promise<ApiKeyRecord> {
    return this.#keys.update(...args);
  }

  revokeApiKey(...args: Parameters<ControlStore['revokeApiKey']>): Promise<ApiKeyRecord> {
    return this.#keys.revoke(...args);
  }

  putProvider(...args: Parameters<ControlStore['putProvider']>) {
    return this.#providers.put(...args);
  }

  deleteProvider(...args: Parameters<ControlStore['deleteProvider']>) {
    return this.#providers.delete(...args);
  }

  async syncEnvironmentProviders(...args: Parameters<ControlStore['syncEnvironmentProviders']>) {
    return this.#providers.sync(...args);
  }

  async listProviders({ organizationId }: OrganizationScope) {
    const visible = or(eq(providers.organizationId, organizationId), isNull(providers.organizationId));
    const query = this.#db.select().from(providers).where(visible);
    const rows = await this.#read(query.orderBy(asc(providers.createdAt), asc(providers.id)).limit(listMax));
    return rows.map(recordOf);
  }

  putAlias(alias: AliasRecord): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const [known] = await tx.select().from(aliases).where(eq(aliases.id, alias.id)).for('update');
      const version = await this.#log.record(tx, 'alias', alias.id, alias);
      const row = { ...alias, version };
      const put = tx.insert(aliases).values(row).onConflictDoUpdate({ target: aliases.id, set: row });
      await put.catch((error: unknown) => {
        throw nameTaken(error, alias.alias);
      });
      const before = known ? withoutVersion(known) : null;
      await this.#noteAlias(tx, known ? 'alias.update' : 'alias.create', before, alias);
    });
  }

  async #noteAlias(
    tx: Transaction,
    action: string,
    before: AliasRecord | null,
    after: AliasRecord | null,
  ): Promise<void> {
    const about = after ?? before;
    if (!about) return;
    const { id, alias: name, projectId } = about;
    const [project] = await tx.select().from(projects).where(eq(projects.id, projectId));
    const organizationId = project?.organizationId ?? null;
    await this.#log.audit.note(tx, { organizationId, projectId, action, id, name, before, after });
  }

  async listAliases({ organizationId }: OrganizationScope): Promise<AliasRecord[]> {
    const query = this.#db
      .select({ row: aliases })
      .from(aliases)
      .innerJoin(projects, eq(projects.id, aliases.projectId))
      .where(eq(projects.organizationId, organizationId));
    const rows = await this.#read(query.orderBy(asc(aliases.createdAt), asc(aliases.id)).limit(listMax));
    return rows.map(({ row }) => withoutVersion(row));
  }

  deleteAlias({ id, organizationId }: RecordKey): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const ofProjects = sql`${aliases.projectId} IN (SELECT id FROM projects WHERE organization_id = ${organizationId})`;
      const gone = await tx
        .delete(aliases)
        .where(and(eq(aliases.id, id), ofProjects))
        .returning();
      const [row] = gone;
      if (!row) throw notFound('alias', id);
      await this.#log.record(tx, 'alias', id, null);
      await this.#noteAlias(tx, 'alias.delete', withoutVersion(row), null);
    });
  }

  putPriceBook(lists: readonly PriceListRecord[]): Promise<number> {
    return this.#log.transaction(async (tx) => {
      let changed = 0;
      for (const list of lists) if (await this.#putPriceList(tx, list)) changed += 1;
      const [first] = lists;
      if (changed > 0 && first) {
        const entry = { organizationId: null, action: 'price-book.import', id: 'book', name: first.version };
        const after = { bookVersion: first.version, lists: changed };
        await this.#log.audit.note(tx, { ...entry, before: null, after });
      }
      return changed;
    });
  }

  createPriceOverride(list: PriceListRecord & OrganizationScope): Promise<void> {
    return this.#log.transaction(async (tx) => {
      await this.#putPriceList(tx, list);
      await this.#notePrice(tx, 'price.create', null, list);
    });
  }

  deletePriceOverride({ id, organizationId }: RecordKey): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const own = and(eq(priceLists.id, id), eq(priceLists.organizationId, organizationId));
      const [row] = await tx.delete(priceLists).where(own).returning();
      if (!row) throw notFound('price', id);
      await this.#log.record(tx, 'priceList', id, null);
      await this.#notePrice(tx, 'price.delete', priceListOf(row), null);
    });
  }

  async #notePrice(
    tx: Transaction,
    action: string,
    before: PriceListRecord | null,
    after: PriceListRecord | null,
  ): Promise<void> {
    const about = after ?? before;
    if (!about) return;
    const { id, provider, organizationId, entries } = about;
    const name = `${provider}/${entries[0]?.model ?? ''}`;
    await this.#log.audit.note(tx, { organizationId, action, id, name, before, after });
  }

  /** False when it was there just so: then nothing is told. */
  async #putPriceList(tx: Transaction, list: PriceListRecord): Promise<boolean> {
    const [known] = await tx.select().from(priceLists).where(eq(priceLists.id, list.id)).for('update');
    if (known && isDeepStrictEqual(priceListOf(known), list)) return false;
    const version = await this.#log.record(tx, 'priceList', list.id, list);
    const { version: bookVersion, ...rest } = list;
    const row = { ...rest, bookVersion, version };
    await tx.insert(priceLists).values(row).onConflictDoUpdate({ target: priceLists.id, set: row });
    return true;
  }

  async listPriceLists(): Promise<PriceListRecord[]> {
    const query = this.#db.select().from(priceLists).orderBy(asc(priceLists.createdAt), asc(priceLists.id));
    return (await this.#read(query.limit(listMax))).map(priceListOf);
  }

  async currentVersion(): Promise<number> {
    const [state] = await this.#read(this.#db.select().from(controlState));
    return state?.version ?? 0;
  }

  createView({ createdAtMs, ...view }: SavedViewRecord): Promise<void> {
    return this.#log.transaction(async (tx) => {
      await tx.insert(savedViews).values({ ...view, createdAt: new Date(createdAtMs) });
      await this.#noteView(tx, 'view.create', null, view);
    });
  }

  async listViews(projectId: string): Promise<SavedViewRecord[]> {
    const query = this.#db.select().from(savedViews).where(eq(savedViews.projectId, projectId));
    const rows = await this.#read(
      query.orderBy(asc(savedViews.createdAt), asc(savedViews.id)).limit(listMax),
    );
    return rows.map(({ createdAt, ...view }) => ({ ...view, createdAtMs: createdAt.getTime() }));
  }

  deleteView({ projectId, id }: { projectId: string; id: string }): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const own = and(eq(savedViews.id, id), eq(savedViews.projectId, projectId));
      const [row] = await tx.delete(savedViews).where(own).returning();
      if (!row) throw notFound('view', id);
      await this.#noteView(tx, 'view.delete', row, null);
    });
  }

  async #noteView(tx: Transaction, action: string, before: View | null, after: View | null): Promise<void> {
    const about = after ?? before;
    if (!about) return;
    const { id, name, projectId } = about;
    const [project] = await tx.select().from(projects).where(eq(projects.id, projectId));
    const organizationId = project?.organizationId ?? null;
    await this.#log.audit.note(tx, { organizationId, projectId, action, id, name, before, after });
  }

  noteAction({ resource: { id, name }, ...note }: ActionNote): Promise<void> {
    return this.#log.transaction((tx) =>
      this.#log.audit.note(tx, { ...note, id, name, before: null, after: null }),
    );
  }

  listAudit(query: AuditQuery) {
    return this.#read(AuditLog.list(this.#db, query));
  }

  lastActions(action: string, resourceIds: readonly string[]) {
    return this.#read(AuditLog.lastTimes(this.#db, action, resourceIds));
  }

  async currentEntities() {
    try {
      return await this.#db.transaction(
        async (tx) => {
          const [state] = await tx.select().from(controlState);
          const changes = [
            ...(await tx.select().from(projects)).map((row) => changeOf('project', row.id, row.version, withoutVersion(row))),
            ...(await tx.select().from(apiKeys)).map((row) => changeOf('apiKey', row.id, row.version, withoutVersion(row))),
            ...(await tx.select().from(providers)).map((row) => changeOf('provider', row.id, row.version, recordOf(row))),
            ...(await tx.select().from(aliases)).map((row) => changeOf('alias', row.id, row.version, withoutVersion(row))),
            ...(await tx.select().from(priceLists)).map((row) => changeOf('priceList', row.id, row.version, priceListOf(row))),
          ]; // prettier-ignore
          return { version: state?.version ?? 0, changes };
        },
        { isolationLevel: 'repeatable read', accessMode: 'read only' },
      );
    } catch (error) {
      throw asLoomError(error);
    }
  }

  readOutbox(afterVersion: number, limit: number) {
    return this.#read(this.#log.read(afterVersion, limit));
  }

  markPublished(version: number) {
    return this.#log.markPublished(version);
  }

  async publishedVersion(): Promise<number> {
    const [state] = await this.#read(this.#db.select().from(controlState));
    return state?.publishedVersion ?? 0;
  }

  withPublisherLock(work: (signal: AbortSignal) => Promise<void>): Promise<boolean> {
    return withLease(this.#db, 'publisher', work);
  }

  async ping(): Promise<void> {
    await this.#read(this.#db.execute(sql`SELECT 1`));
  }

  close(): Promise<void> {
    return this.#pool.end();
  }

  async #read<Result>(query: PromiseLike<Result>): Promise<Result> {
    try {
      return await query;
    } catch (error) {
      throw asLoomError(error);
    }
  }
}

type View = Omit<SavedViewRecord, 'createdAtMs'>;

function priceListOf(row: typeof priceLists.$inferSelect): PriceListRecord {
  const { bookVersion, ...rest } = withoutVersion(row);
  return { ...rest, version: bookVersion };
}
