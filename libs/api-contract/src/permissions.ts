import type { KeyScope } from '@loom/trace-schema';

/** What a route asks of its caller, `<resource>:<verb>`. */
export const permissions = [
  'traces:read',
  'views:write',
  'keys:read',
  'keys:write',
  'providers:read',
  'providers:write',
  'aliases:read',
  'aliases:write',
  'prices:read',
  'prices:write',
  'projects:read',
  'projects:write',
  'projects:create',
  /** Not to one project alone: whoever lacks it is held to their own project. */
  'projects:all',
  'members:read',
  'members:write',
  /** To compare every recorded byte with the log: minutes of work for the deployment. */
  'record:check',
  'record:erase',
  'audit:read',
  'health:read',
] as const;
export type Permission = (typeof permissions)[number];

/** What a member of an organization is, in all its projects. */
export const roles = ['owner', 'member', 'viewer'] as const;
export type Role = (typeof roles)[number];

const ofViewer: readonly Permission[] = [
  'traces:read',
  'keys:read',
  'providers:read',
  'aliases:read',
  'prices:read',
  'projects:read',
  'projects:all',
  'members:read',
  'health:read',
];

/** The whole matrix of roles: what is not listed is refused. */
export const rolePermissions: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ofViewer,
  member: [...ofViewer, 'views:write', 'keys:write', 'record:check'],
  owner: permissions,
};

const ofManager: readonly Permission[] = [
  ...ofViewer.filter((permission) => permission !== 'traces:read' && permission !== 'projects:all'),
  ...(['keys:write', 'aliases:write', 'projects:write'] as const),
  ...(['record:check', 'record:erase', 'audit:read'] as const),
];

/**
 * The same for the scopes of API keys. Keys have nothing to do with people and their sessions. `manage` stays in the
 * project of the key; what the projects of an organization share takes `administer`, because a change of it reaches all
 * of them: a provider's address receives the calls of every project.
 */
export const scopePermissions: Readonly<Record<KeyScope, readonly Permission[]>> = {
  call: [],
  read: ['traces:read', 'health:read'],
  manage: ofManager,
  administer: [...ofManager, 'projects:all', 'projects:create', 'providers:write', 'prices:write'],
};
