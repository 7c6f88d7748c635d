import { sql } from 'drizzle-orm';
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

/**
 * Audit entries without a leaf. An entry's number is drawn before its transaction ends, so a lower one may appear later:
 * looked for is what has no leaf among all entries, not what is above the last one.
 */
export async function findUnsealedChanges(db: NodePgDatabase, limit: number): Promise<UnsealedChange[]> {
  try {
    const { rows } = await db.execute(sql`
      SELECT entry.id, entry.project_id, entry.occurred_at::text, entry.actor_id, entry.action, entry.resource_id,
        to_jsonb(entry) - 'seq' AS record
      FROM audit_entries AS entry LEFT JOIN ledger_changes AS sealed USING (id)
      WHERE sealed.id IS NULL ORDER BY entry.seq LIMIT ${limit}`);
    return (rows as unknown as ChangeRow[]).map((row) => ({
      ...{ id: row.id, projectId: row.project_id, action: row.action, record: row.record },
      ...{ timeMs: Date.parse(row.occurred_at), actorId: row.actor_id, resourceId: row.resource_id },
    }));
  } catch (error) {
    throw asLoomError(error);
  }
}
