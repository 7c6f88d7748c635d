import { sql, type SQL } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { UnsealedChange } from '../../ledger-store.ts';
import { asLoomError } from './change-log.ts';

interface ChangeRow {
  readonly id: string;
  readonly project_id: string | null;
  readonly occurred_at: string;
  readonly actor_id: string;
  readonly action: string;
  readonly resource_id: string;
  readonly record: Readonly<Record<string, unknown>>;
}

const columns = sql.raw(`entry.id, entry.project_id, entry.occurred_at::text, entry.actor_id, entry.action,
  entry.resource_id, to_jsonb(entry) - 'seq' AS record`);

/**
 * Audit entries without a leaf. An entry's number is drawn before its transaction ends, so a lower one may appear later:
 * looked for is what has no leaf among all entries, not what is above the last one.
 */
export function findUnsealedChanges(db: NodePgDatabase, limit: number): Promise<UnsealedChange[]> {
  return read(
    db,
    sql`SELECT ${columns} FROM audit_entries AS entry LEFT JOIN ledger_changes AS sealed USING (id)
        WHERE sealed.id IS NULL ORDER BY entry.seq LIMIT ${limit}`,
  );
}

export function findChanges(db: NodePgDatabase, ids: readonly string[]): Promise<UnsealedChange[]> {
  const wanted = sql`${sql.param([...ids])}::text[]`;
  return read(db, sql`SELECT ${columns} FROM audit_entries AS entry WHERE entry.id = ANY(${wanted})`);
}

async function read(db: NodePgDatabase, statement: SQL): Promise<UnsealedChange[]> {
  try {
    const { rows } = await db.execute(statement);
    return (rows as unknown as ChangeRow[]).map((row) => ({
      ...{ id: row.id, projectId: row.project_id, action: row.action, record: row.record },
      ...{ timeMs: Date.parse(row.occurred_at), actorId: row.actor_id, resourceId: row.resource_id },
    }));
  } catch (error) {
    throw asLoomError(error);
  }
}
