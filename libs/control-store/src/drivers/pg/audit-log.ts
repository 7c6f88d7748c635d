import { randomUUID } from 'node:crypto';
import { and, desc, eq, gte, inArray, isNull, lt, max, or } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { LoomError } from '@loom/errors';
import type { Actor, AuditQuery, AuditRecord } from '../../identity-store.ts';
import type { Transaction } from './change-log.ts';
import { auditEntries } from './identity-tables.ts';

/** What is told of a change: records as they are, secrets are taken out here. */
export interface AuditNote {
  readonly organizationId: string | null;
  readonly projectId?: string;
  /** `<resource>.<verb>`; the resource's type is the part before the dot. */
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly before: object | null;
  readonly after: object | null;
}

export const systemActor: Actor = { type: 'system', id: 'system', name: 'Loom' };

/** Never part of an entry: what a thief could use, and counters of no meaning to people. */
const leftOut = new Set(['secretHash', 'pepperVersion', 'sealedCredential', 'version', 'createdAt']);

/** Appends entries in the transactions of the changes that they tell of, and reads them. */
export class AuditLog {
  readonly actor: Actor;

  constructor(actor: Actor) {
    this.actor = actor;
  }

  async note(tx: Transaction, note: AuditNote): Promise<void> {
    const { organizationId, projectId, action, id, name, before, after } = note;
    const type = action.split('.')[0] ?? action;
    const credential = { credentialChanged: true };
    const changed = credentialOf(before) !== credentialOf(after) && after !== null;
    await tx.insert(auditEntries).values({
      id: randomUUID(),
      organizationId,
      projectId: projectId ?? null,
      ...{ actorType: this.actor.type, actorId: this.actor.id, actorName: this.actor.name },
      ...{ action, resourceType: type, resourceId: id, resourceName: name },
      before: before && withoutSecrets(before),
      after: after && { ...withoutSecrets(after), ...(changed && credential) },
    });
  }

  static async list(
    db: NodePgDatabase,
    { organizationId, projectId, withDeployment, fromMs, toMs, action, actorId, cursor, limit }: AuditQuery,
  ): Promise<{ entries: AuditRecord[]; nextCursor: string | null }> {
    if (cursor !== undefined && !/^\d{1,15}$/.test(cursor))
      throw new LoomError('invalid_request', 'the cursor is not one of this list', { param: 'cursor' });
    const rows = await db
      .select()
      .from(auditEntries)
      .where(
        and(
          or(
            eq(auditEntries.organizationId, organizationId),
            // Of the deployment: what Loom did is everyone's to see, what its operator did is not.
            and(
              isNull(auditEntries.organizationId),
              withDeployment ? undefined : eq(auditEntries.actorType, 'system'),
            ),
          ),
          projectId === undefined ? undefined : eq(auditEntries.projectId, projectId),
          fromMs === undefined ? undefined : gte(auditEntries.occurredAt, new Date(fromMs)),
          toMs === undefined ? undefined : lt(auditEntries.occurredAt, new Date(toMs)),
          action === undefined ? undefined : eq(auditEntries.action, action),
          actorId === undefined ? undefined : eq(auditEntries.actorId, actorId),
          cursor === undefined ? undefined : lt(auditEntries.seq, Number(cursor)),
        ),
      )
      .orderBy(desc(auditEntries.seq))
      .limit(limit + 1);
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return { entries: page.map(toRecord), nextCursor: rows.length > limit && last ? String(last.seq) : null };
  }

  static async lastTimes(db: NodePgDatabase, action: string, ids: readonly string[]) {
    if (ids.length === 0) return new Map<string, number>();
    const rows = await db
      .select({ id: auditEntries.resourceId, at: max(auditEntries.occurredAt) })
      .from(auditEntries)
      .where(and(eq(auditEntries.action, action), inArray(auditEntries.resourceId, [...ids])))
      .groupBy(auditEntries.resourceId);
    return new Map(rows.flatMap(({ id, at }) => (at ? [[id, at.getTime()] as const] : [])));
  }
}

function withoutSecrets(record: object): Record<string, unknown> {
  const entries = Object.entries(record).filter(([name]) => !leftOut.has(name));
  const hasCredential = 'sealedCredential' in record && { hasCredential: record.sealedCredential !== null };
  return { ...Object.fromEntries(entries), ...hasCredential };
}

function credentialOf(record: object | null): unknown {
  return record && 'sealedCredential' in record ? record.sealedCredential : null;
}

function toRecord(row: typeof auditEntries.$inferSelect): AuditRecord {
  const { id, action, projectId, before, after } = row;
  return {
    ...{ id, action, projectId, before, after },
    timeMs: row.occurredAt.getTime(),
    actor: { type: row.actorType, id: row.actorId, name: row.actorName },
    resource: { type: row.resourceType, id: row.resourceId, name: row.resourceName },
  };
}
