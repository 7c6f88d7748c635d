import { LoomError } from '@loom/errors';
import { and, asc, eq, isNull } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { listMax, type OrganizationScope } from '../../control-store.ts';
import type { Actor, KeysOfRemoved, MemberKey, MemberRecord, MemberRole } from '../../identity-store.ts';
import { ApiKeyRecords } from './api-key-records.ts';
import type { ChangeLog, Transaction } from './change-log.ts';
import { invitations, members, users } from './identity-tables.ts';
import { organizations } from './tables.ts';

/** Who belongs to an organization. Changes of one organization's members happen one after the other. */
export class MemberRecords {
  readonly #db: NodePgDatabase;
  readonly #log: ChangeLog;

  constructor(db: NodePgDatabase, log: ChangeLog) {
    this.#db = db;
    this.#log = log;
  }

  actingAs(actor: Actor): MemberRecords {
    return new MemberRecords(this.#db, this.#log.actingAs(actor));
  }

  async list({ organizationId }: OrganizationScope): Promise<MemberRecord[]> {
    const query = this.#db
      .select()
      .from(members)
      .innerJoin(users, eq(users.id, members.userId))
      .where(eq(members.organizationId, organizationId));
    const rows = await query.orderBy(asc(members.joinedAt), asc(members.userId)).limit(listMax);
    return rows.map(({ members: member, users: user }) => memberOf(member, user));
  }

  /** In a transaction of its caller's. `conflict` when the person is a member. */
  async add(
    tx: Transaction,
    { name, ...member }: MemberKey & { role: MemberRole; name: string },
  ): Promise<void> {
    const made = await tx.insert(members).values(member).onConflictDoNothing().returning();
    if (made.length === 0) throw new LoomError('conflict', 'this person is a member already');
    const { organizationId, userId, role } = member;
    const entry = { action: 'member.add', id: userId, name, before: null, after: { role } };
    await this.#log.audit.note(tx, { ...entry, organizationId });
  }

  update(key: MemberKey, role: MemberRole): Promise<MemberRecord> {
    return this.#log.transaction(async (tx) => {
      const known = await this.#locked(tx, key);
      if (known.role === role) return known;
      if (known.role === 'owner') await refuseLastOwner(tx, key);
      await tx.update(members).set({ role }).where(own(key));
      if (known.role === 'owner') await this.#takeBackInvitations(tx, key);
      await this.#note(tx, 'member.update', known, key, { role });
      return { ...known, role };
    });
  }

  remove(key: MemberKey, keys: KeysOfRemoved): Promise<void> {
    return this.#log.transaction(async (tx) => {
      const known = await this.#locked(tx, key);
      if (known.role === 'owner') await refuseLastOwner(tx, key);
      if ('newOwnerId' in keys && keys.newOwnerId === key.userId) throw noNewOwner();
      await tx.delete(members).where(own(key));
      if ('newOwnerId' in keys) await this.#checkNewOwner(tx, { ...key, userId: keys.newOwnerId });
      const change = 'newOwnerId' in keys ? { ownerId: keys.newOwnerId } : { revokedAtMs: keys.revokedAtMs };
      await new ApiKeyRecords(this.#db, this.#log).settleOwned(tx, key, change);
      if (known.role === 'owner') await this.#takeBackInvitations(tx, key);
      await this.#note(tx, 'member.remove', known, key, null);
    });
  }

  async #checkNewOwner(tx: Transaction, newOwner: MemberKey): Promise<void> {
    const [member] = await tx.select().from(members).where(own(newOwner));
    if (!member) throw noNewOwner();
  }

  /** Nobody comes back by a link of their own. */
  async #takeBackInvitations(tx: Transaction, { organizationId, userId }: MemberKey): Promise<void> {
    const open = and(
      eq(invitations.organizationId, organizationId),
      eq(invitations.inviterId, userId),
      isNull(invitations.acceptedAt),
    );
    for (const { id, role, email } of await tx.delete(invitations).where(open).returning()) {
      const entry = { action: 'invitation.delete', id, name: email ?? role, before: { role, email } };
      await this.#log.audit.note(tx, { ...entry, organizationId, after: null });
    }
  }

  #note(tx: Transaction, action: string, { role, name }: MemberRecord, key: MemberKey, after: object | null) {
    const { organizationId, userId: id } = key;
    return this.#log.audit.note(tx, { organizationId, action, id, name, before: { role }, after });
  }

  async #locked(tx: Transaction, key: MemberKey): Promise<MemberRecord> {
    const organization = eq(organizations.id, key.organizationId);
    await tx.select().from(organizations).where(organization).for('no key update');
    const [row] = await tx
      .select()
      .from(members)
      .innerJoin(users, eq(users.id, members.userId))
      .where(own(key));
    if (!row) throw new LoomError('not_found', 'there is no member with this id');
    return memberOf(row.members, row.users);
  }
}

function noNewOwner(): LoomError {
  return new LoomError('invalid_request', 'keys can be handed over to another member only', {
    param: 'keys',
  });
}

function own({ organizationId, userId }: MemberKey) {
  return and(eq(members.organizationId, organizationId), eq(members.userId, userId));
}

async function refuseLastOwner(tx: Transaction, { organizationId }: MemberKey): Promise<void> {
  const owners = and(eq(members.organizationId, organizationId), eq(members.role, 'owner'));
  if ((await tx.$count(members, owners)) > 1) return;
  throw new LoomError('conflict', 'an organization keeps at least one owner; make someone else owner first');
}

function memberOf(
  { role, joinedAt }: typeof members.$inferSelect,
  { id: userId, name, email, isOperator }: typeof users.$inferSelect,
): MemberRecord {
  return { userId, name, email, isOperator, role, joinedAtMs: joinedAt.getTime() };
}
