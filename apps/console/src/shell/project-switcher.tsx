'use client';

import { ChevronsUpDown } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { Menu, MenuCheck, MenuLabel } from '../ui/menu.tsx';
import { useSession } from './session.tsx';

export function ProjectSwitcher() {
  const { me, organization, project } = useSession();
  const router = useRouter();
  return (
    <Menu
      className="w-54"
      trigger={
        <button
          type="button"
          className="flex items-center gap-2 rounded-lg border bg-surface px-2.5 py-1.5 text-left hover:bg-raised"
        >
          <span className="sr-only">Switch project, now</span>
          <span className="min-w-0 grow">
            <span className="block truncate font-medium">{project.name}</span>
            <span className="block truncate text-xs text-muted">{organization.name}</span>
          </span>
          <ChevronsUpDown aria-hidden className="size-3.5 shrink-0 text-muted" />
        </button>
      }
    >
      {me.organizations.map(({ id, name, role, projects }) => (
        <div key={id}>
          <MenuLabel>
            {name} · {role}
          </MenuLabel>
          {projects.map((other) => (
            <MenuCheck
              key={other.id}
              checked={other.id === project.id}
              onCheckedChange={() => router.push(`/p/${encodeURIComponent(other.id)}`)}
            >
              <span className="truncate">{other.name}</span>
            </MenuCheck>
          ))}
        </div>
      ))}
    </Menu>
  );
}
