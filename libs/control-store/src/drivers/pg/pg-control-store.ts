import { isDeepStrictEqual } from 'node:util';
import { LoomError, messageOf } from '@loom/errors';
import type { AliasRecord, ApiKeyRecord, PriceListRecord, ProjectRecord } from '@loom/trace-schema';
import { and, asc, eq, isNull, or, sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';
import { type ControlStore, listMax, type OrganizationScope, type RecordKey } from '../../control-store.ts';
import { asLoomError, ChangeLog, changeOf } from './change-log.ts';
import { migrate } from './migrate.ts';
import { ProviderRecords, recordOf } from './provider-records.ts';
import { withPublisherLease } from './publisher-lease.ts';
import { aliases, apiKeys, controlState, organizations, priceLists, projects, providers } from './tables.ts';

const connectionsMax = 4;

/** Connects to `postgres://user:password@host:port/database` and brings the schema forward. */
export async function openPgControlStore(url: URL): Promise<ControlStore> {
  const pool = new pg.Pool({
    connectionString: url.href,
    max: connectionsMax,
    connectionTimeoutMillis: 10_000,
    application_name: 'loom',
  });
  pool.on('error', () => undefined); // an idle connection was lost; the next call makes another or says what is wrong
  try {
    await migrate(pool);
  } catch (error) {
    await pool.end();
    const where = `${url.protocol}//${url.host}${url.pathname}`;
    throw new LoomError(
      'unavailable',
      `cannot open the control store at ${where}: ${messageOf(error)}; check that PostgreSQL runs there, that the ` +
        'database exists and that user and password are right',
      { cause: error },
    );
  }
  return new PgControlStore(pool);
}

const notFound = (what: string, id: string) => new LoomError('not_found', `there is no ${what} ${id}`);

class PgControlStore implements ControlStore {
  readonly #pool: pg.Pool;
  readonly #db: NodePgDatabase;
  readonly #log: ChangeLog;
  readonly #providers: ProviderRecords;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
    this.#db = drizzle(pool);
    this.#log = new ChangeLog(this.#db);
    this.#providers = new ProviderRecords(this.#log);
  }

  createOrganization({ id, name }: { id: string; name: string }): Promise<void> {
    return this.#log.transaction(async (tx) => {
      await tx.insert(organizations).values({ id, name });
    });
  }

  listOrganizations() {
    const { id, name, createdAt } = organizations;
    return this.#read(
      this.#db.select({ id, name }).from(organizations).orderBy(asc(createdAt), asc(id)).limit(listMax),
    );
  }

  createProject(project: ProjectRecord): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const version = await this.#log.record(tx, 'project', project.id, project);
      await tx.insert(projects).values({ ...project, version });
    });
  }

  updateProject(
    key: RecordKey,
    change: { name?: string; capture?: ProjectRecord['capture'] },
  ): Promise<ProjectRecord> {
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
      return project;
    });
  }

  async listProjects({ organizationId }: OrganizationScope): Promise<ProjectRecord[]> {
    const query = this.#db.select().from(projects).where(eq(projects.organizationId, organizationId));
    const rows = await this.#read(query.orderBy(asc(projects.createdAt), asc(projects.id)).limit(listMax));
    return rows.map(withoutVersion);
  }

  createApiKey(key: ApiKeyRecord): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const version = await this.#log.record(tx, 'apiKey', key.id, key);
      await tx.insert(apiKeys).values({ ...key, version });
    });
  }

  async listApiKeys({ organizationId }: OrganizationScope): Promise<ApiKeyRecord[]> {
    const query = this.#db.select().from(apiKeys).where(eq(apiKeys.organizationId, organizationId));
    const rows = await this.#read(query.orderBy(asc(apiKeys.createdAt), asc(apiKeys.id)).limit(listMax));
    return rows.map(withoutVersion);
  }

  revokeApiKey({ id, organizationId, atMs }: RecordKey & { readonly atMs: number }): Promise<ApiKeyRecord> {
    return this.#log.transaction(async (tx) => {
      const own = and(eq(apiKeys.id, id), eq(apiKeys.organizationId, organizationId));
      const [row] = await tx.select().from(apiKeys).where(own).for('update');
      if (!row) throw notFound('API key', id);
      if (row.revokedAtMs !== null) return withoutVersion(row);
      const revoked = { ...withoutVersion(row), revokedAtMs: atMs };
      const version = await this.#log.record(tx, 'apiKey', id, revoked);
      await tx.update(apiKeys).set({ revokedAtMs: atMs, version }).where(own);
      return revoked;
    });
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
      const version = await this.#log.record(tx, 'alias', alias.id, alias);
      const row = { ...alias, version };
      await tx.insert(aliases).values(row).onConflictDoUpdate({ target: aliases.id, set: row });
    });
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
        .returning({ id: aliases.id });
      if (gone.length === 0) throw notFound('alias', id);
      await this.#log.record(tx, 'alias', id, null);
    });
  }

  putPriceList(list: PriceListRecord): Promise<boolean> {
    return this.#log.transaction(async (tx) => {
      const [known] = await tx.select().from(priceLists).where(eq(priceLists.id, list.id)).for('update');
      if (known && isDeepStrictEqual(priceListOf(known), list)) return false;
      const version = await this.#log.record(tx, 'priceList', list.id, list);
      const { version: bookVersion, ...rest } = list;
      const row = { ...rest, bookVersion, version };
      await tx.insert(priceLists).values(row).onConflictDoUpdate({ target: priceLists.id, set: row });
      return true;
    });
  }

  async listPriceLists(): Promise<PriceListRecord[]> {
    const query = this.#db.select().from(priceLists).orderBy(asc(priceLists.createdAt), asc(priceLists.id));
    return (await this.#read(query.limit(listMax))).map(priceListOf);
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
    return withPublisherLease(this.#db, work);
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

function withoutVersion<Row extends { version: number; createdAt: Date }>(
  row: Row,
): Omit<Row, 'version' | 'createdAt'> {
  const { version: _, createdAt: __, ...record } = row;
  return record;
}

function priceListOf(row: typeof priceLists.$inferSelect): PriceListRecord {
  const { bookVersion, ...rest } = withoutVersion(row);
  return { ...rest, version: bookVersion };
}
