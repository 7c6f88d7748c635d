import { LoomError, messageOf } from '@loom/errors';
import { type ControlChanged, ControlEvent } from '@loom/trace-schema';
import { asc, gt, lte, sql } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { Actor } from '../../identity-store.ts';
import { AuditLog } from './audit-log.ts';
import { controlOutbox, controlState } from './tables.ts';

export type Transaction = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];
type Entity = ControlChanged['entity'];

/** Counts and tells: the part of a change that is the same for every kind of record. */
export class ChangeLog {
  /** Tells who made the change, in its transaction. */
  readonly audit: AuditLog;
  readonly #db: NodePgDatabase;

  constructor(db: NodePgDatabase, actor: Actor) {
    this.#db = db;
    this.audit = new AuditLog(actor);
  }

  actingAs(actor: Actor): ChangeLog {
    return new ChangeLog(this.#db, actor);
  }

  /** A transaction whose errors are those of the port. */
  async transaction<Result>(work: (tx: Transaction) => Promise<Result>): Promise<Result> {
    try {
      return await this.#db.transaction(work);
    } catch (error) {
      throw asLoomError(error);
    }
  }

  /**
   * Takes the next version and writes the event. Taking it locks the counter until the transaction ends: versions
   * are committed in their order, and a reader of the outbox never finds a lower one later.
   */
  async record(tx: Transaction, entity: Entity, entityId: string, value: unknown): Promise<number> {
    const [state] = await tx
      .update(controlState)
      .set({ version: sql`${controlState.version} + 1` })
      .returning({ version: controlState.version });
    if (!state) throw new LoomError('internal', 'control_state has no row');
    await tx.insert(controlOutbox).values({ version: state.version, entity, entityId, value });
    return state.version;
  }

  async read(afterVersion: number, limit: number): Promise<ControlChanged[]> {
    const rows = await this.#db
      .select()
      .from(controlOutbox)
      .where(gt(controlOutbox.version, afterVersion))
      .orderBy(asc(controlOutbox.version))
      .limit(limit);
    return rows.map(({ version, entity, entityId, value }) => changeOf(entity, entityId, version, value));
  }

  async markPublished(version: number): Promise<void> {
    await this.transaction(async (tx) => {
      await tx
        .update(controlState)
        .set({ publishedVersion: sql`greatest(${controlState.publishedVersion}, ${version})` });
      await tx.delete(controlOutbox).where(lte(controlOutbox.version, version));
    });
  }
}

export function changeOf(entity: string, entityId: string, version: number, value: unknown): ControlChanged {
  const id = `${entity}/${entityId}/${version}`;
  return ControlEvent.parse({
    id,
    type: 'control.changed',
    entity,
    entityId,
    version,
    value,
  }) as ControlChanged;
}

/** What people call what must be the only one of its name, by the index that keeps it so. */
const namedThings: Readonly<Record<string, readonly [thing: string, param: string]>> = {
  providers_name: ['provider', 'name'],
  aliases_project_id_alias_key: ['alias', 'alias'],
};

/** As {@link ChangeLog.transaction}'s errors, with the name that is taken instead of the database's words. */
export function nameTaken(error: unknown, name: string): unknown {
  const { cause } = (error ?? {}) as { cause?: unknown };
  const { code, constraint } = (cause ?? error ?? {}) as { code?: string; constraint?: string };
  const [thing, param] = (code === '23505' && namedThings[constraint ?? '']) || [];
  if (thing === undefined || param === undefined) return error;
  return new LoomError(
    'conflict',
    `there is already ${thing === 'alias' ? 'an' : 'a'} ${thing} named "${name}"`,
    { param, cause: error },
  );
}

const conflictStates = new Set(['23505']); // unique_violation
const parentStates = new Set(['23503']); // foreign_key_violation

export function asLoomError(error: unknown): unknown {
  if (error instanceof LoomError) return error;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const { code } = cause as { code?: string };
  if (code !== undefined && conflictStates.has(code))
    return new LoomError('conflict', 'there is already a record with this name or id', { cause: error });
  if (code !== undefined && parentStates.has(code))
    return new LoomError('invalid_request', 'a record that this one names does not exist', { cause: error });
  return new LoomError(
    isStatementError(code) ? 'internal' : 'unavailable',
    `control store: ${messageOf(cause)}`,
    {
      cause: error,
    },
  );
}

/** A five-character SQLSTATE outside the classes of lost connections and shutdowns. */
function isStatementError(code: string | undefined): boolean {
  return code !== undefined && /^[0-9A-Z]{5}$/.test(code) && !/^(08|53|57)/.test(code);
}
