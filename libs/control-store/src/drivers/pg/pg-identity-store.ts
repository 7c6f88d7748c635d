import { LoomError } from '@loom/errors';
import { newUuid } from '@loom/trace-schema';
import { and, asc, eq, gt, lt, ne, sql } from 'drizzle-orm';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import type { IdentityStore, MembershipRecord, NewPerson, SessionRecord } from '../../identity-store.ts';
import { listMax, type OrganizationScope } from '../../control-store.ts';
import { openAccounts, sessionDays, sessionDaysMax, TokenSeal } from './accounts.ts';
import { asLoomError, type ChangeLog, type Transaction } from './change-log.ts';
import { accounts, members, sessions, users } from './identity-tables.ts';
import { InvitationRecords } from './invitation-records.ts';
import { MemberRecords } from './member-records.ts';
import { organizations, projects } from './tables.ts';

const dayMs = 86_400_000;

export interface IdentityDeps {
  readonly db: NodePgDatabase;
  readonly log: ChangeLog;
  /** Signs sessions. */
  readonly secret: string;
  readonly now: () => number;
}

type Auth = ReturnType<typeof openAccounts>;

export class PgIdentityStore implements IdentityStore {
  readonly #db: NodePgDatabase;
  readonly #log: ChangeLog;
  readonly #auth: Auth;
  readonly #seal: TokenSeal;
  readonly #now: () => number;
  readonly #members: MemberRecords;
  readonly #invitations: InvitationRecords;

  constructor({ db, log, secret, now }: IdentityDeps, auth: Auth = openAccounts(db, secret)) {
    this.#db = db;
    this.#log = log;
    this.#auth = auth;
    this.#seal = new TokenSeal(secret);
    this.#now = now;
    this.#members = new MemberRecords(db, log);
    this.#invitations = new InvitationRecords({ db, log, now });
  }

  async createFirstPerson(person: NewPerson, { organizationId }: OrganizationScope): Promise<boolean> {
    const [someone] = await this.#read(this.#db.select({ id: users.id }).from(users).limit(1));
    if (someone) return false;
    const hash = await this.#hash(person.password);
    return this.#log.transaction(async (tx) => {
      await tx.select().from(organizations).where(eq(organizations.id, organizationId)).for('no key update');
      const [other] = await tx.select({ id: users.id }).from(users).limit(1);
      if (other) return false;
      const userId = await insertPerson(tx, person, hash, true);
      await this.#members.add(tx, { organizationId, userId, role: 'owner', name: person.name });
      return true;
    });
  }

  async checkPassword(email: string, password: string): Promise<boolean> {
    const [account] = await this.#read(
      this.#db
        .select({ password: accounts.password })
        .from(accounts)
        .innerJoin(users, eq(users.id, accounts.userId))
        .where(and(eq(users.email, email.toLowerCase()), eq(accounts.providerId, 'credential'))),
    );
    return account?.password ? this.#verify(account.password, password) : false;
  }

  async signIn(email: string, password: string): Promise<string | null> {
    try {
      const { token } = await this.#auth.api.signInEmail({ body: { email, password } });
      await this.#db.delete(sessions).where(lt(sessions.expiresAt, new Date(this.#now())));
      return this.#seal.sign(token);
    } catch (error) {
      if ((error as { status?: unknown }).status === 'UNAUTHORIZED') return null;
      throw asLoomError(error);
    }
  }

  async signOut(signed: string): Promise<void> {
    const token = this.#seal.open(signed);
    if (token === null) return;
    await this.#read(this.#db.delete(sessions).where(eq(sessions.token, token)));
  }

  async readSession(signed: string, projectId: string | null): Promise<SessionRecord | null> {
    const token = this.#seal.open(signed);
    if (token === null) return null;
    const nowMs = this.#now();
    const [row] = await this.#read(
      this.#db
        .select({
          ...{ sessionId: sessions.id, expiresAt: sessions.expiresAt, signedInAt: sessions.createdAt },
          ...{ userId: users.id, name: users.name, email: users.email, isOperator: users.isOperator },
          ...{ organizationId: members.organizationId, role: members.role },
          projectIds: sql<string[] | null>`(SELECT array_agg(own.id ORDER BY own.created_at, own.id)
            FROM projects own WHERE own.organization_id = ${members.organizationId})`,
        })
        .from(sessions)
        .innerJoin(users, eq(users.id, sessions.userId))
        .leftJoin(projects, eq(projects.id, projectId ?? ''))
        .leftJoin(
          members,
          and(eq(members.organizationId, projects.organizationId), eq(members.userId, users.id)),
        )
        .where(
          and(
            eq(sessions.token, token),
            gt(sessions.expiresAt, new Date(nowMs)),
            gt(sessions.createdAt, new Date(nowMs - sessionDaysMax * dayMs)),
          ),
        ),
    );
    if (!row) return null;
    const { sessionId, userId, name, email, isOperator, organizationId, role, projectIds } = row;
    const expiresAtMs = await this.#slide(sessionId, row.expiresAt.getTime(), row.signedInAt.getTime());
    return {
      person: { sessionId, userId, name, email, isOperator, expiresAtMs },
      project:
        projectId !== null && organizationId !== null && role !== null
          ? { organizationId, projectId, projectIds: projectIds ?? [], role }
          : null,
    };
  }

  async listMemberships(userId: string): Promise<MembershipRecord[]> {
    const rows = await this.#read(
      this.#db
        .select({
          ...{ id: organizations.id, name: organizations.name, role: members.role },
          ...{ projectId: projects.id, projectName: projects.name },
        })
        .from(members)
        .innerJoin(organizations, eq(organizations.id, members.organizationId))
        .leftJoin(projects, eq(projects.organizationId, organizations.id))
        .where(eq(members.userId, userId))
        .orderBy(asc(members.joinedAt), asc(organizations.id), asc(projects.createdAt), asc(projects.id))
        .limit(listMax),
    );
    return [...Map.groupBy(rows, ({ id }) => id).values()].flatMap((group) => {
      const [first] = group;
      const own = group.flatMap(({ projectId, projectName }) =>
        projectId !== null && projectName !== null ? [{ id: projectId, name: projectName }] : [],
      );
      return first ? [{ id: first.id, name: first.name, role: first.role, projects: own }] : [];
    });
  }

  async changePassword({
    userId,
    sessionId,
    currentPassword,
    newPassword,
  }: Parameters<IdentityStore['changePassword']>[0]): Promise<void> {
    const ofPerson = and(eq(accounts.userId, userId), eq(accounts.providerId, 'credential'));
    const [account] = await this.#read(this.#db.select().from(accounts).where(ofPerson));
    if (!account?.password || !(await this.#verify(account.password, currentPassword))) {
      throw new LoomError('permission_denied', 'the current password is wrong', { param: 'currentPassword' });
    }
    const password = await this.#hash(newPassword);
    await this.#log.transaction(async (tx) => {
      const [person] = await tx.select().from(users).where(eq(users.id, userId)).for('update');
      // Another change of this moment has already used the current password up.
      const unchanged = and(ofPerson, eq(accounts.password, account.password ?? ''));
      const done = await tx
        .update(accounts)
        .set({ password, updatedAt: new Date(this.#now()) })
        .where(unchanged)
        .returning({ id: accounts.id });
      if (!person || done.length === 0) throw new LoomError('conflict', 'the password was changed just now');
      await tx.delete(sessions).where(and(eq(sessions.userId, userId), ne(sessions.id, sessionId)));
      const entry = { action: 'password.change', id: userId, name: person.name, before: null, after: null };
      const places = await tx.select().from(members).where(eq(members.userId, userId));
      for (const { organizationId } of places) await this.#log.audit.note(tx, { ...entry, organizationId });
    });
  }

  listMembers(scope: OrganizationScope) {
    return this.#read(this.#members.list(scope));
  }

  updateMember(...args: Parameters<IdentityStore['updateMember']>) {
    return this.#members.update(...args);
  }

  removeMember(...args: Parameters<IdentityStore['removeMember']>) {
    return this.#members.remove(...args);
  }

  listInvitations(scope: OrganizationScope) {
    return this.#read(this.#invitations.list(scope));
  }

  createInvitation(...args: Parameters<IdentityStore['createInvitation']>) {
    return this.#invitations.create(...args);
  }

  deleteInvitation(...args: Parameters<IdentityStore['deleteInvitation']>) {
    return this.#invitations.delete(...args);
  }

  findInvitation(token: string) {
    return this.#read(this.#invitations.find(token));
  }

  async acceptInvitation(token: string, who: NewPerson | { readonly userId: string }) {
    if ('userId' in who) return this.#invitations.accept(token, who.userId, this.#members);
    // Guessing tokens must not cost the work of a password.
    if (!(await this.findInvitation(token))) throw InvitationRecords.notOpen();
    const hash = await this.#hash(who.password);
    const make = (tx: Transaction) => insertPerson(tx, who, hash, false);
    return this.#invitations.accept(token, { email: who.email.toLowerCase(), make }, this.#members);
  }

  /** Once a day at most: what is read at each request is not written at each. */
  async #slide(sessionId: string, expiresAtMs: number, signedInAtMs: number): Promise<number> {
    const next = Math.min(this.#now() + sessionDays * dayMs, signedInAtMs + sessionDaysMax * dayMs);
    if (next - expiresAtMs < dayMs) return expiresAtMs;
    const change = { expiresAt: new Date(next), updatedAt: new Date(this.#now()) };
    await this.#read(this.#db.update(sessions).set(change).where(eq(sessions.id, sessionId)));
    return next;
  }

  async #hash(password: string): Promise<string> {
    return (await this.#auth.$context).password.hash(password);
  }

  async #verify(hash: string, password: string): Promise<boolean> {
    return (await this.#auth.$context).password.verify({ hash, password });
  }

  async #read<Result>(query: PromiseLike<Result>): Promise<Result> {
    try {
      return await query;
    } catch (error) {
      throw asLoomError(error);
    }
  }
}

/** A person with a password, as better-auth keeps them. */
async function insertPerson(
  tx: Transaction,
  { name, email }: NewPerson,
  password: string,
  isOperator: boolean,
): Promise<string> {
  const id = newUuid();
  const made = await tx
    .insert(users)
    .values({ id, name, email: email.toLowerCase(), isOperator })
    .onConflictDoNothing()
    .returning({ id: users.id });
  if (made.length === 0)
    throw new LoomError('conflict', 'this address has an account; sign in and open the link again', {
      param: 'email',
    });
  await tx
    .insert(accounts)
    .values({ id: newUuid(), userId: id, accountId: id, providerId: 'credential', password });
  return id;
}
