import { LoomError } from '@loom/errors';
import type { ApiKeyRecord, KeyLimits } from '@loom/trace-schema';
import { and, asc, eq, isNull } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { type ApiKeyUpdate, listMax, type OrganizationScope, type RecordKey } from '../../control-store.ts';
import type { MemberKey } from '../../identity-store.ts';
import type { ChangeLog, Transaction } from './change-log.ts';
import { apiKeys, withoutVersion } from './tables.ts';

const noLimits: KeyLimits = { requestsPerMinute: null, tokensPerMinute: null, concurrentCalls: null };

/** API keys and who answers for them. */
export class ApiKeyRecords {
  readonly #db: NodePgDatabase;
  readonly #log: ChangeLog;

  constructor(db: NodePgDatabase, log: ChangeLog) {
    this.#db = db;
    this.#log = log;
  }

  create(key: ApiKeyRecord): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const version = await this.#log.record(tx, 'apiKey', key.id, key);
      await tx.insert(apiKeys).values({ ...key, version });
      await this.#note(tx, 'key.create', null, key);
    });
  }

  async list({ organizationId }: OrganizationScope): Promise<ApiKeyRecord[]> {
    const query = this.#db.select().from(apiKeys).where(eq(apiKeys.organizationId, organizationId));
    return (await query.orderBy(asc(apiKeys.createdAt), asc(apiKeys.id)).limit(listMax)).map(withoutVersion);
  }

  update(key: RecordKey, { limits, ...change }: ApiKeyUpdate): Promise<ApiKeyRecord> {
    return this.#log.transaction(async (tx) => {
      const known = await this.#locked(tx, key);
      if (known.revokedAtMs !== null)
        throw new LoomError('conflict', `API key ${key.id} is revoked`, { param: 'id' });
      return this.#put(tx, 'key.update', known, {
        ...change,
        limits: { ...noLimits, ...known.limits, ...limits },
      });
    });
  }

  revoke({ atMs, ...key }: RecordKey & { readonly atMs: number }): Promise<ApiKeyRecord> {
    return this.#log.transaction(async (tx) => {
      const known = await this.#locked(tx, key);
      return known.revokedAtMs === null ? this.#put(tx, 'key.revoke', known, { revokedAtMs: atMs }) : known;
    });
  }

  /** In a transaction of its caller's: all keys that a person answers for end, or another one answers for them. */
  async settleOwned(
    tx: Transaction,
    { organizationId, userId }: MemberKey,
    change: { readonly revokedAtMs: number } | { readonly ownerId: string },
  ): Promise<void> {
    const owned = and(eq(apiKeys.organizationId, organizationId), eq(apiKeys.ownerId, userId));
    const running = and(owned, isNull(apiKeys.revokedAtMs));
    const rows = await tx.select().from(apiKeys).where(running).orderBy(asc(apiKeys.id)).for('update');
    const action = 'ownerId' in change ? 'key.update' : 'key.revoke';
    for (const row of rows) await this.#put(tx, action, withoutVersion(row), change);
  }

  async #locked(tx: Transaction, { id, organizationId }: RecordKey): Promise<ApiKeyRecord> {
    const own = and(eq(apiKeys.id, id), eq(apiKeys.organizationId, organizationId));
    const [row] = await tx.select().from(apiKeys).where(own).for('update');
    if (row) return withoutVersion(row);
    throw new LoomError('not_found', `there is no API key ${id}`);
  }

  async #put(
    tx: Transaction,
    action: string,
    known: ApiKeyRecord,
    change: Partial<ApiKeyRecord>,
  ): Promise<ApiKeyRecord> {
    const changed = { ...known, ...change };
    const version = await this.#log.record(tx, 'apiKey', known.id, changed);
    await tx
      .update(apiKeys)
      .set({ ...change, version })
      .where(eq(apiKeys.id, known.id));
    await this.#note(tx, action, known, changed);
    return changed;
  }

  #note(tx: Transaction, action: string, before: ApiKeyRecord | null, after: ApiKeyRecord): Promise<void> {
    const { id, name, organizationId, projectId } = after;
    return this.#log.audit.note(tx, { organizationId, projectId, action, id, name, before, after });
  }
}
