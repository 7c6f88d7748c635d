'use client';

import { Menu as MenuIcon, Search } from 'lucide-react';
import dynamic from 'next/dynamic';
import { type ReactNode, useEffect, useMemo, useState } from 'react';
import { ProjectClient, useLoom } from '../api/loom.tsx';
import { Button } from '../ui/button.tsx';
import { Failure, Skeleton } from '../ui/states.tsx';
import { FreshnessMark } from './freshness.tsx';
import { type Session, SessionContext } from './session.tsx';
import { isTyping } from './shortcuts.ts';
import { SideBar } from './side-bar.tsx';
import { LoomError } from '@loom/errors';

// What opens on a click comes after the page.
const Palette = dynamic(() => import('./palette.tsx').then(({ Palette }) => Palette), { ssr: false });
const Drawer = dynamic(() => import('./drawer.tsx').then(({ Drawer }) => Drawer), { ssr: false });
const ShortcutsHelp = dynamic(
  () => import('./shortcuts-help.tsx').then(({ ShortcutsHelp }) => ShortcutsHelp),
  {
    ssr: false,
  },
);
const UserMenu = dynamic(() => import('./user-menu.tsx').then(({ UserMenu }) => UserMenu), {
  ssr: false,
  loading: () => <span className="size-8 rounded-full bg-raised" />,
});

/** Around every page of a project: who is here, where they can go, how fresh the record is. */
export function Shell({ projectId, children }: { readonly projectId: string; readonly children: ReactNode }) {
  const me = useLoom('getMe', {}, { staleTime: 60_000 });
  const session = useMemo<Session | null>(() => {
    for (const organization of me.data?.organizations ?? []) {
      const project = organization.projects.find(({ id }) => id === projectId);
      if (project && me.data) return { me: me.data, organization, project };
    }
    return null;
  }, [me.data, projectId]);

  if (me.isPending || me.error?.code === 'unauthenticated') return <ShellSkeleton />;
  if (me.error) return <Failure error={me.error} retry={() => void me.refetch()} />;
  if (!session) return <Failure error={new LoomError('not_found', 'no such project')} />;
  return (
    <SessionContext value={session}>
      <ProjectClient projectId={projectId}>
        <Frame>{children}</Frame>
      </ProjectClient>
    </SessionContext>
  );
}

function Frame({ children }: { readonly children: ReactNode }) {
  const [drawer, setDrawer] = useState(false);
  const [palette, setPalette] = useState(false);
  const [help, setHelp] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setPalette((open) => !open);
      } else if (event.key === '?' && !isTyping(event)) setHelp(true);
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
  return (
    <div className="min-h-dvh md:grid md:grid-cols-[15rem_minmax(0,1fr)]">
      <a href="#main" className="sr-only rounded bg-surface p-2 focus:not-sr-only focus:fixed focus:z-50">
        Skip to content
      </a>
      <aside className="sticky top-0 hidden h-dvh border-r bg-canvas md:block">
        <SideBar />
      </aside>
      <div className="flex min-w-0 flex-col">
        <header className="sticky top-0 z-20 flex h-12 items-center gap-2 border-b bg-canvas/95 px-4 backdrop-blur md:px-6">
          <Button
            look="ghost"
            size="icon"
            aria-label="Open navigation"
            className="-ml-2 md:hidden"
            onClick={() => setDrawer(true)}
          >
            <MenuIcon aria-hidden className="size-4.5" />
          </Button>
          <button
            type="button"
            onClick={() => setPalette(true)}
            className="flex h-8 min-w-0 items-center gap-2 rounded-md border bg-surface px-2.5 text-muted hover:bg-raised sm:w-72"
          >
            <Search aria-hidden className="size-3.5 shrink-0" />
            <span className="truncate">Go to or search</span>
            <kbd className="ml-auto hidden rounded border px-1 font-mono text-2xs sm:block">⌘K</kbd>
          </button>
          <span className="grow" />
          <FreshnessMark />
          <UserMenu onHelp={() => setHelp(true)} />
        </header>
        <main id="main" className="flex min-w-0 grow flex-col gap-5 p-4 md:p-6">
          {children}
        </main>
      </div>
      {drawer && <Drawer onClose={() => setDrawer(false)} />}
      {palette && <Palette onClose={() => setPalette(false)} onHelp={() => setHelp(true)} />}
      {help && <ShortcutsHelp open onOpenChange={setHelp} />}
    </div>
  );
}

function ShellSkeleton() {
  return (
    <div
      aria-busy="true"
      aria-label="Loading"
      className="min-h-dvh md:grid md:grid-cols-[15rem_minmax(0,1fr)]"
    >
      <div className="hidden h-dvh border-r p-3 md:block">
        <Skeleton className="h-8 w-24" />
        <Skeleton className="mt-4 h-11" />
        {[...Array(8).keys()].map((line) => (
          <Skeleton key={line} className="mt-2 h-6" />
        ))}
      </div>
      <div>
        <div className="h-12 border-b" />
      </div>
    </div>
  );
}
