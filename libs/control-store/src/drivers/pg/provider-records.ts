import { isDeepStrictEqual } from 'node:util';
import { LoomError } from '@loom/errors';
import type { ProviderRecord } from '@loom/trace-schema';
import { and, eq, notInArray } from 'drizzle-orm';
import { type ChangeLog, nameTaken, type Transaction } from './change-log.ts';
import { providers } from './tables.ts';

/** Writes of providers: those of the console one by one, those of the environment as a whole. */
export class ProviderRecords {
  readonly #log: ChangeLog;

  constructor(log: ChangeLog) {
    this.#log = log;
  }

  put(provider: ProviderRecord): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const known = await knownRecord(tx, provider.id);
      refuseEnvironmentRecord(known);
      await this.#put(tx, provider);
      await this.#note(tx, known ? 'provider.update' : 'provider.create', known, provider);
    });
  }

  delete(key: { readonly id: string; readonly organizationId: string }): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const known = await knownRecord(tx, key.id);
      refuseEnvironmentRecord(known);
      const own = and(eq(providers.id, key.id), eq(providers.organizationId, key.organizationId));
      const gone = await tx.delete(providers).where(own).returning({ id: providers.id });
      if (gone.length === 0) throw new LoomError('not_found', `there is no provider ${key.id}`);
      await this.#log.record(tx, 'provider', key.id, null);
      await this.#note(tx, 'provider.delete', known, null);
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
        const disabled = { ...recordOf(row), enabled: false };
        await this.#put(tx, disabled);
        await this.#note(tx, 'provider.update', recordOf(row), disabled);
      }
      for (const provider of given) {
        const known = await knownRecord(tx, provider.id);
        await this.#put(tx, provider);
        // Sealed anew at each start: by that alone nothing has changed.
        const seen = known && { ...provider, sealedCredential: known.sealedCredential };
        if (known && isDeepStrictEqual(known, seen)) continue;
        await this.#note(tx, known ? 'provider.update' : 'provider.create', known, seen ?? provider);
      }
    });
  }

  async #note(
    tx: Transaction,
    action: string,
    before: ProviderRecord | null,
    after: ProviderRecord | null,
  ): Promise<void> {
    const about = after ?? before;
    if (!about) return;
    const { id, name, organizationId } = about;
    await this.#log.audit.note(tx, { organizationId, action, id, name, before, after });
  }

  async #put(tx: Transaction, provider: ProviderRecord): Promise<void> {
    const version = await this.#log.record(tx, 'provider', provider.id, provider);
    await tx
      .insert(providers)
      .values({ ...provider, version })
      .onConflictDoUpdate({ target: providers.id, set: { ...provider, version } })
      .catch((error: unknown) => {
        throw nameTaken(error, provider.name);
      });
  }
}

async function knownRecord(tx: Transaction, id: string): Promise<ProviderRecord | null> {
  const [row] = await tx.select().from(providers).where(eq(providers.id, id)).for('update');
  return row ? recordOf(row) : null;
}

function refuseEnvironmentRecord(known: ProviderRecord | null): void {
  if (known?.origin !== 'environment') return;
  throw new LoomError(
    'conflict',
    `provider ${known.id} comes from the environment; change its variables instead`,
  );
}

export function recordOf({
  version: _,
  createdAt: __,
  ...record
}: typeof providers.$inferSelect): ProviderRecord {
  return record;
}
