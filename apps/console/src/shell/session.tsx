'use client';

import { type Me, type Permission, rolePermissions } from '@loom/api-contract';
import { createContext, useContext } from 'react';
import { useClient } from '../api/loom.tsx';

type Organization = Me['organizations'][number];

export interface Session {
  readonly me: Me;
  readonly organization: Organization;
  readonly project: Organization['projects'][number];
}

export const SessionContext = createContext<Session | null>(null);

export function useSession(): Session {
  const session = useContext(SessionContext);
  if (!session) throw new Error('outside of a project');
  return session;
}

/** What the services would allow: used to leave out what would be refused, never to decide. */
export function useMay(permission: Permission): boolean {
  return rolePermissions[useSession().organization.role].includes(permission);
}

/** Paths of the project's pages: `path('traces', id)`. */
export function usePath(): (...segments: string[]) => string {
  const { projectId } = useClient();
  return (...segments) =>
    ['/p', projectId, ...segments].map((part) => (part === '/p' ? part : encodeURIComponent(part))).join('/');
}
