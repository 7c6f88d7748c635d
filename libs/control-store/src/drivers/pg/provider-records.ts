import { LoomError } from '@loom/errors';
import type { ProviderRecord } from '@loom/trace-schema';
import { and, eq, notInArray } from 'drizzle-orm';
import type { ChangeLog, Transaction } from './change-log.ts';
import { providers } from './tables.ts';

/** Writes of providers: those of the console one by one, those of the environment as a whole. */
export class ProviderRecords {
  readonly #log: ChangeLog;

  constructor(log: ChangeLog) {
    this.#log = log;
  }

  put(provider: ProviderRecord): Promise<void> {
    return this.#log.transaction(async (tx) => {
      await refuseEnvironmentRecord(tx, provider.id);
      await this.#put(tx, provider);
    });
  }

  delete(key: { readonly id: string; readonly organizationId: string }): Promise<void> {
    return this.#log.transaction(async (tx) => {
      await refuseEnvironmentRecord(tx, key.id);
      const own = and(eq(providers.id, key.id), eq(providers.organizationId, key.organizationId));
      const gone = await tx.delete(providers).where(own).returning({ id: providers.id });
      if (gone.length === 0) throw new LoomError('not_found', `there is no provider ${key.id}`);
      await this.#log.record(tx, 'provider', key.id, null);
    });
  }

  sync(given: readonly ProviderRecord[]): Promise<void> {
    const stranger = given.find((provider) => provider.origin !== 'environment');
    if (stranger) throw new LoomError('internal', `provider ${stranger.id} is not of origin environment`);
    return this.#log.transaction(async (tx) => {
      const ids = given.map((provider) => provider.id);
      const absent = and(
        eq(providers.origin, 'environment'),
        eq(providers.enabled, true),
        ids.length > 0 ? notInArray(providers.id, ids) : undefined,
      );
      for (const row of await tx.select().from(providers).where(absent)) {
        await this.#put(tx, { ...recordOf(row), enabled: false });
      }
      for (const provider of given) await this.#put(tx, provider);
    });
  }

  async #put(tx: Transaction, provider: ProviderRecord): Promise<void> {
    const version = await this.#log.record(tx, 'provider', provider.id, provider);
    await tx
      .insert(providers)
      .values({ ...provider, version })
      .onConflictDoUpdate({ target: providers.id, set: { ...provider, version } });
  }
}

async function refuseEnvironmentRecord(tx: Transaction, id: string): Promise<void> {
  const [known] = await tx.select({ origin: providers.origin }).from(providers).where(eq(providers.id, id));
  if (known?.origin === 'environment') {
    throw new LoomError(
      'conflict',
      `provider ${id} comes from the environment; change its variables instead`,
    );
  }
}

export function recordOf({
  version: _,
  createdAt: __,
  ...record
}: typeof providers.$inferSelect): ProviderRecord {
  return record;
}
