import * as z from 'zod';
import { Role } from './role.ts';

const email = z.email().max(254);
const personName = z.string().trim().min(1).max(100);
const timestamp = z.iso.datetime();

/** At least 12 characters, and not a password that is common or easy to guess: the service judges that. */
export const Password = z.string().min(12, 'at least 12 characters').max(128, 'at most 128 characters');

export const SignIn = z.strictObject({ email, password: z.string().min(1).max(128) });

export const PasswordChange = z.strictObject({
  currentPassword: z.string().min(1).max(128),
  newPassword: Password,
});

/** The person who is signed in, and where they belong. */
export const Me = z.object({
  user: z.object({
    id: z.string(),
    name: z.string(),
    email: z.string(),
    /** Runs the deployment: sees its health in full and makes organizations. */
    isOperator: z.boolean(),
  }),
  organizations: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      role: Role,
      projects: z.array(z.object({ id: z.string(), name: z.string() })),
    }),
  ),
  expiresAt: timestamp,
});
export type Me = z.infer<typeof Me>;

export const Organization = z.object({ id: z.string(), name: z.string() });
export const NewOrganization = z.strictObject({ name: personName });
export const OrganizationChange = z.strictObject({ name: personName });

export const Member = z.object({
  userId: z.string(),
  name: z.string(),
  email: z.string(),
  role: Role,
  joinedAt: timestamp,
});
export type Member = z.infer<typeof Member>;
export const MemberChange = z.strictObject({ role: Role });

export const Invitation = z.object({
  id: z.string(),
  role: Role,
  /** When set, only this address may accept. */
  email: z.string().nullable(),
  invitedBy: z.string(),
  createdAt: timestamp,
  expiresAt: timestamp,
  acceptedAt: timestamp.nullable(),
});
export type Invitation = z.infer<typeof Invitation>;
export const NewInvitation = z.strictObject({ role: Role, email: email.nullable().default(null) });

/** The only answer that holds the token; the link is `<console>/invite/<token>`. */
export const CreatedInvitation = z.object({ invitation: Invitation, token: z.string() });

/** What the holder of a link sees before they accept. */
export const InvitationOffer = z.object({
  organizationName: z.string(),
  role: Role,
  email: z.string().nullable(),
  expiresAt: timestamp,
});

/** A newcomer gives all three; someone who is signed in gives none. */
export const InvitationAcceptance = z.strictObject({
  name: personName.optional(),
  email: email.optional(),
  password: Password.optional(),
});

/** A change of what people configure: appended in the transaction of the change, never altered. */
export const AuditEntry = z.object({
  id: z.string(),
  time: timestamp,
  actor: z.object({
    /** `user`, `key`, or `system` for what Loom does itself at a start. */
    type: z.enum(['user', 'key', 'system']),
    id: z.string(),
    /** Name at the time. */
    name: z.string(),
  }),
  /** `<resource>.<verb>`: `key.create`, `member.remove`. */
  action: z.string(),
  resource: z.object({ type: z.string(), id: z.string(), name: z.string() }),
  projectId: z.string().nullable(),
  /** Null: it was not there. Secrets are left out; `credentialChanged` says that one was. */
  before: z.record(z.string(), z.unknown()).nullable(),
  after: z.record(z.string(), z.unknown()).nullable(),
});
export type AuditEntry = z.infer<typeof AuditEntry>;

export const AuditList = z.object({ entries: z.array(AuditEntry), nextCursor: z.string().nullable() });

/** A list of traces as someone has set it up, for everyone in the project. */
export const SavedView = z.object({
  id: z.string(),
  name: z.string(),
  /** The URL's query: filter, time range, columns. */
  search: z.string(),
  createdBy: z.string(),
  createdAt: timestamp,
});
export type SavedView = z.infer<typeof SavedView>;
export const NewSavedView = z.strictObject({ name: personName, search: z.string().max(4000) });
