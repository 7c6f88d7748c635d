import { type Permission, type Role, rolePermissions, scopePermissions } from '@loom/api-contract';
import type { KeyScope } from '@loom/trace-schema';

/** Who a request is made for, and what it may do: of an API key, or of a person in one of their projects. */
export interface Principal {
  readonly organizationId: string;
  /** A key's own; a session's is the one that it names. */
  readonly projectId: string;
  /** Projects whose record may be read: a key's own; for a session all of the organization. */
  readonly projectIds: readonly string[];
  readonly permissions: readonly Permission[];
  /** Sessions only. */
  readonly isOperator: boolean;
  readonly actor: { readonly type: 'key' | 'user'; readonly id: string; readonly name: string };
}

/** Whether the caller reaches every project of its organization; if not, it is held to its own. */
export function reachesOrganization({ permissions }: Pick<Principal, 'permissions'>): boolean {
  return permissions.includes('projects:all');
}

/** Whether the caller reaches a project that is known, or found out afterwards, to be of its organization. */
export function reachesProject(
  caller: Pick<Principal, 'projectId' | 'permissions'>,
  projectId: string,
): boolean {
  return projectId === caller.projectId || reachesOrganization(caller);
}

/** The part of an API key's record that says who it is. */
export interface KeyIdentity {
  readonly id: string;
  readonly name: string;
  readonly organizationId: string;
  readonly projectId: string;
  readonly scopes: readonly KeyScope[];
}

/** A console session that runs, and whose it is. */
export interface Person {
  readonly sessionId: string;
  readonly userId: string;
  readonly name: string;
  readonly email: string;
  readonly isOperator: boolean;
  readonly expiresAtMs: number;
}

/** A session with the place of the project that was asked for; null when the person has no such project. */
export interface SessionAccess {
  readonly person: Person;
  readonly project: {
    readonly organizationId: string;
    readonly projectId: string;
    readonly projectIds: readonly string[];
    readonly role: Role;
  } | null;
}

/** The key's principal, or null for a token that is unknown, expired or revoked. */
export type VerifyKey = (token: string) => Promise<Principal | null> | Principal | null;
export const VERIFY_KEY = Symbol('VERIFY_KEY');

/**
 * What a session's token gives access to at this moment, or null for one that is unknown, over or signed out. Asked at
 * every request: what has ended ends at the next one.
 */
export type VerifySession = (token: string, projectId: string | null) => Promise<SessionAccess | null>;
export const VERIFY_SESSION = Symbol('VERIFY_SESSION');

/** A key reads the record of its own project, whatever its scopes, and may do what these say. */
export function keyPrincipal({ id, name, organizationId, projectId, scopes }: KeyIdentity): Principal {
  return {
    organizationId,
    projectId,
    projectIds: [projectId],
    permissions: [...new Set(scopes.flatMap((scope) => scopePermissions[scope]))],
    isOperator: false,
    actor: { type: 'key', id, name },
  };
}

/** A person may do in a project what their role in its organization says; null without a project. */
export function sessionPrincipal({ person, project }: SessionAccess): Principal | null {
  if (!project) return null;
  const { organizationId, projectId, projectIds, role } = project;
  return {
    organizationId,
    projectId,
    projectIds,
    permissions: rolePermissions[role],
    isOperator: person.isOperator,
    actor: { type: 'user', id: person.userId, name: person.name },
  };
}
