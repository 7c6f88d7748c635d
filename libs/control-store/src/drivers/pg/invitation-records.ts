import { createHash } from 'node:crypto';
import { LoomError } from '@loom/errors';
import { and, asc, eq, exists, gt, isNotNull, isNull, or } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { listMax, type OrganizationScope } from '../../control-store.ts';
import type { InvitationRecord, NewInvitationRecord } from '../../identity-store.ts';
import type { ChangeLog, Transaction } from './change-log.ts';
import { invitations, members, users } from './identity-tables.ts';
import type { MemberRecords } from './member-records.ts';
import { organizations } from './tables.ts';

interface Newcomer {
  readonly email: string;
  /** Makes the account; gives its id. */
  readonly make: (tx: Transaction) => Promise<string>;
}

export interface InvitationRecordsDeps {
  readonly db: NodePgDatabase;
  readonly log: ChangeLog;
  readonly now: () => number;
}

/** Links by which people join. */
export class InvitationRecords {
  readonly #deps: InvitationRecordsDeps;

  constructor(deps: InvitationRecordsDeps) {
    this.#deps = deps;
  }

  static notOpen(): LoomError {
    return new LoomError('not_found', 'this invitation is not open: it was used, taken back, or has expired');
  }

  async list({ organizationId }: OrganizationScope): Promise<InvitationRecord[]> {
    const { db, now } = this.#deps;
    const kept = or(gt(invitations.expiresAt, new Date(now())), isNotNull(invitations.acceptedAt));
    const query = db
      .select()
      .from(invitations)
      .where(and(eq(invitations.organizationId, organizationId), kept));
    return (await query.orderBy(asc(invitations.createdAt), asc(invitations.id)).limit(listMax)).map(
      recordOf,
    );
  }

  create({ token, expiresAtMs, ...given }: NewInvitationRecord): Promise<InvitationRecord> {
    const { log } = this.#deps;
    const { actor } = log.audit;
    return log.transaction(async (tx) => {
      const [row] = await tx
        .insert(invitations)
        .values({
          ...given,
          email: given.email?.toLowerCase() ?? null,
          tokenHash: hashOf(token),
          invitedBy: actor.name,
          inviterId: actor.type === 'user' ? actor.id : null,
          expiresAt: new Date(expiresAtMs),
        })
        .returning();
      if (!row) throw new LoomError('internal', 'the invitation was not stored');
      await this.#note(tx, 'invitation.create', row, null, { role: row.role, email: row.email });
      return recordOf(row);
    });
  }

  delete({ organizationId, id }: { readonly organizationId: string; readonly id: string }): Promise<void> {
    return this.#deps.log.transaction(async (tx) => {
      const open = and(
        eq(invitations.id, id),
        eq(invitations.organizationId, organizationId),
        isNull(invitations.acceptedAt),
      );
      const [row] = await tx.delete(invitations).where(open).returning();
      if (!row) throw new LoomError('not_found', 'there is no open invitation with this id');
      await this.#note(tx, 'invitation.delete', row, { role: row.role, email: row.email }, null);
    });
  }

  async find(token: string): Promise<(InvitationRecord & { organizationName: string }) | null> {
    const [row] = await this.#deps.db
      .select()
      .from(invitations)
      .innerJoin(organizations, eq(organizations.id, invitations.organizationId))
      .where(this.#open(token));
    return row ? { ...recordOf(row.invitations), organizationName: row.organizations.name } : null;
  }

  /** Takes the invitation first: whoever comes second finds it taken, and nothing of theirs is kept. */
  accept(token: string, who: string | Newcomer, memberRecords: MemberRecords): Promise<{ userId: string }> {
    const { log, now } = this.#deps;
    return log.transaction(async (tx) => {
      const acceptedAt = new Date(now());
      const [row] = await tx.update(invitations).set({ acceptedAt }).where(this.#open(token)).returning();
      if (!row) throw InvitationRecords.notOpen();
      const email = typeof who === 'string' ? await emailOf(tx, who) : who.email;
      if (row.email !== null && row.email !== email)
        throw new LoomError('permission_denied', 'this invitation is for another address', {
          param: 'email',
        });
      const userId = typeof who === 'string' ? who : await who.make(tx);
      const { organizationId, role } = row;
      const [person] = await tx.select().from(users).where(eq(users.id, userId));
      const name = person?.name ?? '';
      await memberRecords
        .actingAs({ type: 'user', id: userId, name })
        .add(tx, { organizationId, userId, role, name });
      return { userId };
    });
  }

  /** A link is worth what its maker is: it is over when they are no owner any more. */
  #open(token: string) {
    const { db, now } = this.#deps;
    const inviter = and(
      eq(members.organizationId, invitations.organizationId),
      eq(members.userId, invitations.inviterId),
      eq(members.role, 'owner'),
    );
    return and(
      eq(invitations.tokenHash, hashOf(token)),
      isNull(invitations.acceptedAt),
      gt(invitations.expiresAt, new Date(now())),
      or(isNull(invitations.inviterId), exists(db.select().from(members).where(inviter))),
    );
  }

  #note(
    tx: Transaction,
    action: string,
    { id, organizationId, email, role }: typeof invitations.$inferSelect,
    before: object | null,
    after: object | null,
  ) {
    const note = { organizationId, action, id, name: email ?? role, before, after };
    return this.#deps.log.audit.note(tx, note);
  }
}

async function emailOf(tx: Transaction, userId: string): Promise<string> {
  const [person] = await tx.select({ email: users.email }).from(users).where(eq(users.id, userId));
  if (!person) throw new LoomError('unauthenticated', 'the session is over; sign in again');
  return person.email;
}

function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

function recordOf(row: typeof invitations.$inferSelect): InvitationRecord {
  const { id, organizationId, role, email, invitedBy } = row;
  return {
    ...{ id, organizationId, role, email, invitedBy },
    createdAtMs: row.createdAt.getTime(),
    expiresAtMs: row.expiresAt.getTime(),
    acceptedAtMs: row.acceptedAt?.getTime() ?? null,
  };
}
