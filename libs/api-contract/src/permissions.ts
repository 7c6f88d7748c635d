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
  'members:read',
  'members:write',
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
  'members:read',
  'health:read',
];

/** The whole matrix of roles: what is not listed is refused. */
export const rolePermissions: Readonly<Record<Role, readonly Permission[]>> = {
  viewer: ofViewer,
  member: [...ofViewer, 'views:write', 'keys:write'],
  owner: permissions,
};

/** The same for the scopes of API keys. People and their sessions are no business of a key. */
export const scopePermissions: Readonly<Record<KeyScope, readonly Permission[]>> = {
  call: [],
  read: ['traces:read', 'health:read'],
  manage: [
    ...ofViewer.filter((permission) => permission !== 'traces:read'),
    ...([
      'keys:write',
      'providers:write',
      'aliases:write',
      'prices:write',
      'projects:write',
      'record:erase',
      'audit:read',
    ] as const),
  ],
};
