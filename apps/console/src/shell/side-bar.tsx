'use client';

import dynamic from 'next/dynamic';
import { usePathname } from 'next/navigation';
import { cn } from '../format/class-names.ts';
import { Logo } from './logo.tsx';
import { type Place, places } from './navigation.ts';
import { usePath, useSession } from './session.tsx';
import { Link } from '../ui/link.tsx';
import { rolePermissions } from '@loom/api-contract';

const ProjectSwitcher = dynamic(
  () => import('./project-switcher.tsx').then(({ ProjectSwitcher }) => ProjectSwitcher),
  { ssr: false, loading: () => <span className="h-12.5 rounded-lg border bg-surface" /> },
);

/** The places that this person may go to. */
export function usePlaces(): typeof places {
  const { me, organization } = useSession();
  const may = ({ permission }: Place) =>
    permission === 'operator' ? me.user.isOperator : rolePermissions[organization.role].includes(permission);
  return places
    .map(({ group, places }) => ({ group, places: places.filter(may) }))
    .filter(({ places }) => places.length > 0);
}

export function SideBar({ onNavigate = () => undefined }: { readonly onNavigate?: () => void }) {
  const groups = usePlaces();
  const path = usePath();
  const pathname = usePathname();
  return (
    <nav aria-label="Main" className="flex h-full flex-col gap-4 overflow-y-auto p-3">
      <Link
        href={path()}
        onClick={onNavigate}
        className="flex items-center gap-2 rounded-md px-2 pt-1 text-base font-semibold tracking-tight"
      >
        <Logo />
        Loom
      </Link>
      <ProjectSwitcher />
      {groups.map(({ group, places }) => (
        <div key={group} className="grid gap-0.5">
          <p className="px-2 pb-1 text-2xs font-medium tracking-wide text-muted uppercase">{group}</p>
          {places.map(({ label, segments, icon: Icon }) => {
            const href = path(...segments);
            const isHere =
              segments.length === 0
                ? pathname === href
                : pathname === href || pathname.startsWith(`${href}/`);
            return (
              <Link
                key={label}
                href={href}
                onClick={onNavigate}
                aria-current={isHere ? 'page' : undefined}
                className={cn(
                  'flex h-7.5 items-center gap-2.5 rounded-md px-2 text-muted hover:bg-raised hover:text-text',
                  isHere && 'bg-raised font-medium text-text',
                )}
              >
                <Icon aria-hidden className={cn('size-4', isHere && 'text-accent')} strokeWidth={1.75} />
                {label}
              </Link>
            );
          })}
        </div>
      ))}
    </nav>
  );
}
