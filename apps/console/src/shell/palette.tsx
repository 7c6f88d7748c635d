'use client';

import { Command } from 'cmdk';
import { Activity, Keyboard } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { Dialog as Radix } from 'radix-ui';
import { useState } from 'react';
import { usePath, useSession } from './session.tsx';
import { usePlaces } from './side-bar.tsx';

const item = 'flex cursor-pointer items-center gap-2.5 rounded-md px-3 py-2 data-[selected=true]:bg-raised';

/** ⌘K: pages, projects, and a trace by its id or a filter. */
export function Palette({ onClose, onHelp }: { readonly onClose: () => void; readonly onHelp: () => void }) {
  const [text, setText] = useState('');
  const router = useRouter();
  const path = usePath();
  const { me, project } = useSession();
  const groups = usePlaces();
  const go = (href: string) => {
    onClose();
    router.push(href);
  };
  const wanted = text.trim();
  const isTraceId = /^[0-9a-f]{32}$/.test(wanted);
  return (
    <Radix.Root open onOpenChange={onClose}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-50 bg-black/45" />
        <Radix.Content
          aria-describedby={undefined}
          className="fixed top-[12dvh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-xl border bg-surface shadow-2xl"
        >
          <Radix.Title className="sr-only">Go to or search</Radix.Title>
          <Command label="Go to or search" loop>
            <Command.Input
              autoFocus
              value={text}
              onValueChange={setText}
              placeholder="A page, a project, a trace id, a filter …"
              className="h-12 w-full border-b bg-transparent px-4 outline-none placeholder:text-muted"
            />
            <Command.List className="max-h-[50dvh] overflow-y-auto p-1.5">
              <Command.Empty className="px-3 py-6 text-center text-muted">
                Nothing has this name.
              </Command.Empty>
              {groups.map(({ group, places }) => (
                <Command.Group key={group} heading={group} className="palette-group">
                  {places.map(({ label, segments, icon: Icon }) => (
                    <Command.Item
                      key={label}
                      value={label}
                      onSelect={() => go(path(...segments))}
                      className={item}
                    >
                      <Icon aria-hidden className="size-4 text-muted" /> {label}
                    </Command.Item>
                  ))}
                </Command.Group>
              ))}
              <Command.Group heading="Projects" className="palette-group">
                {me.organizations.flatMap(({ name: organization, projects }) =>
                  projects
                    .filter(({ id }) => id !== project.id)
                    .map(({ id, name }) => (
                      <Command.Item
                        key={id}
                        value={`${organization} ${name} ${id}`}
                        onSelect={() => go(`/p/${encodeURIComponent(id)}`)}
                        className={item}
                      >
                        {name} <span className="text-muted">{organization}</span>
                      </Command.Item>
                    )),
                )}
              </Command.Group>
              <Command.Group heading="Help" className="palette-group">
                <Command.Item
                  value="Keyboard"
                  onSelect={() => {
                    onClose();
                    onHelp();
                  }}
                  className={item}
                >
                  <Keyboard aria-hidden className="size-4 text-muted" /> Keyboard
                </Command.Item>
              </Command.Group>
              {wanted !== '' && (
                <Command.Group heading="Search" className="palette-group">
                  {isTraceId && (
                    <Command.Item
                      forceMount
                      value={`trace ${wanted}`}
                      onSelect={() => go(path('traces', wanted))}
                      className={item}
                    >
                      <Activity aria-hidden className="size-4 text-muted" /> Open trace {wanted.slice(0, 8)}…
                    </Command.Item>
                  )}
                  <Command.Item
                    forceMount
                    value={`filter ${wanted}`}
                    onSelect={() => go(`${path('traces')}?filter=${encodeURIComponent(wanted)}`)}
                    className={item}
                  >
                    <Activity aria-hidden className="size-4 text-muted" />{' '}
                    <span className="truncate">Traces with “{wanted}”</span>
                  </Command.Item>
                </Command.Group>
              )}
            </Command.List>
          </Command>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
