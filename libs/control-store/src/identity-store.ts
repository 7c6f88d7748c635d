import type { OrganizationScope } from './control-store.ts';

/** Roles of members; what each may do is api-contract's. */
export type MemberRole = 'owner' | 'member' | 'viewer';

/** Who makes a change, with the name at the time. */
export interface Actor {
  readonly type: 'user' | 'key' | 'system';
  readonly id: string;
  readonly name: string;
}

interface PersonRecord {
  readonly userId: string;
  readonly name: string;
  readonly email: string;
  readonly isOperator: boolean;
}

/** A session as it is at this moment. Times are unix milliseconds. */
export interface SessionRecord {
  readonly person: PersonRecord & { readonly sessionId: string; readonly expiresAtMs: number };
  /** Where the project that was asked for is; null without one, or when the person is no member there. */
  readonly project: {
    readonly organizationId: string;
    readonly projectId: string;
    /** All projects of the organization. */
    readonly projectIds: readonly string[];
    readonly role: MemberRole;
  } | null;
}

export interface MembershipRecord {
  readonly id: string;
  readonly name: string;
  readonly role: MemberRole;
  readonly projects: readonly { readonly id: string; readonly name: string }[];
}

export interface MemberRecord extends PersonRecord {
  readonly role: MemberRole;
  readonly joinedAtMs: number;
}

export interface InvitationRecord {
  readonly id: string;
  readonly organizationId: string;
  readonly role: MemberRole;
  readonly email: string | null;
  /** Name of who made it. */
  readonly invitedBy: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  readonly acceptedAtMs: number | null;
}

export interface NewInvitationRecord {
  readonly id: string;
  readonly organizationId: string;
  readonly role: MemberRole;
  readonly email: string | null;
  /** What the link holds; stored as its SHA-256. */
  readonly token: string;
  readonly expiresAtMs: number;
}

export interface NewPerson {
  readonly name: string;
  readonly email: string;
  readonly password: string;
}

/**
 * People, their sessions, and who belongs to which organization. Emails are compared in lower case. A session's token
 * is what the cookie holds: `<random>.<signature>`; it ends 7 days after its last use (counted by the day), 30 days
 * after the sign-in, at sign-out, and with a password that is changed in another session.
 */
export interface IdentityStore {
  /** Makes the operator and first owner when there are no people yet; false when there are. */
  createFirstPerson(person: NewPerson, scope: OrganizationScope): Promise<boolean>;
  /** Whether the password opens the person's account: to see if a first password is still in use. */
  checkPassword(email: string, password: string): Promise<boolean>;
  /** A new session's token; null for an unknown email and for a wrong password, after the same work. */
  signIn(email: string, password: string): Promise<string | null>;
  signOut(token: string): Promise<void>;
  /** Null for a token that is unknown, over or changed. Two indexed look-ups at most. */
  readSession(token: string, projectId: string | null): Promise<SessionRecord | null>;
  /** The person's organizations, in the order of joining. */
  listMemberships(userId: string): Promise<MembershipRecord[]>;
  /** Ends the person's other sessions. `permission_denied` when the current password is wrong. */
  changePassword(change: {
    readonly userId: string;
    readonly sessionId: string;
    readonly currentPassword: string;
    readonly newPassword: string;
  }): Promise<void>;

  listMembers(scope: OrganizationScope): Promise<MemberRecord[]>;
  /**
   * `conflict` when the organization would be left without an owner. Who is no owner after it loses the open
   * invitations they have made.
   */
  updateMember(key: MemberKey, role: MemberRole): Promise<MemberRecord>;
  /**
   * As {@link updateMember}. The keys that the person answers for in the organization end with them, or another member
   * answers for them from then on: `invalid_request` when that is none.
   */
  removeMember(key: MemberKey, keys: KeysOfRemoved): Promise<void>;

  /** Open ones and those that were accepted. */
  listInvitations(scope: OrganizationScope): Promise<InvitationRecord[]>;
  createInvitation(invitation: NewInvitationRecord): Promise<InvitationRecord>;
  /** `not_found` for one that was accepted. */
  deleteInvitation(key: { readonly organizationId: string; readonly id: string }): Promise<void>;
  /** The open invitation of a link; null when there is none, or none any more: when its maker is no owner now. */
  findInvitation(token: string): Promise<(InvitationRecord & { readonly organizationName: string }) | null>;
  /**
   * Joins, once: of many at the same moment one succeeds. A newcomer's account is made with it. `not_found` for no open
   * invitation, `permission_denied` for another address than it is for, `conflict` for an address that has an account,
   * and for a member.
   */
  acceptInvitation(token: string, who: NewPerson | { readonly userId: string }): Promise<{ userId: string }>;
}

/** What becomes of the keys of someone who is removed. */
export type KeysOfRemoved = { readonly revokedAtMs: number } | { readonly newOwnerId: string };

export interface MemberKey {
  readonly organizationId: string;
  readonly userId: string;
}

/** A list that someone has set up, for everyone in the project. */
export interface SavedViewRecord {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly search: string;
  readonly createdBy: string;
  readonly createdAtMs: number;
}

/** One change. `before` and `after` are without secrets. */
export interface AuditRecord {
  readonly id: string;
  readonly timeMs: number;
  readonly actor: Actor;
  readonly action: string;
  readonly resource: { readonly type: string; readonly id: string; readonly name: string };
  readonly projectId: string | null;
  readonly before: Readonly<Record<string, unknown>> | null;
  readonly after: Readonly<Record<string, unknown>> | null;
}

export interface AuditQuery extends OrganizationScope {
  /** Inclusive, and exclusive. Unix milliseconds. */
  readonly fromMs?: number | undefined;
  readonly toMs?: number | undefined;
  readonly action?: string | undefined;
  /** Only of this project. */
  readonly projectId?: string | undefined;
  /** Also what operators did to the deployment as a whole. */
  readonly withDeployment?: boolean | undefined;
  /** Id of the actor. */
  readonly actorId?: string | undefined;
  readonly cursor?: string | undefined;
  readonly limit: number;
}
