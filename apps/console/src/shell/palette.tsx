'use client';

import { Command } from 'cmdk';
import { Keyboard, KeyRound, Monitor, Moon, Sun, Tags } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { Dialog as Radix } from 'radix-ui';
import { useState } from 'react';
import { paletteItem } from './palette-item.ts';
import { PaletteSearch, rankPaletteItem } from './palette-search.tsx';
import { useMay, usePath, useSession } from './session.tsx';
import { usePlaces } from './side-bar.tsx';
import { chooseTheme } from './theme.ts';

/** ⌘K: pages, projects, actions, and whatever has an id or a name. */
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
  const close = (change: () => void) => () => {
    onClose();
    change();
  };
  const actions = [
    ...(useMay('keys:write')
      ? [{ label: 'Create API key', icon: KeyRound, run: () => go(`${path('keys')}?new=key`) }]
      : []),
    ...(useMay('prices:write')
      ? [{ label: 'Add custom price', icon: Tags, run: () => go(`${path('prices')}?add=`) }]
      : []),
    { label: 'Light theme', icon: Sun, run: close(() => chooseTheme('light')) },
    { label: 'Dark theme', icon: Moon, run: close(() => chooseTheme('dark')) },
    { label: 'System theme', icon: Monitor, run: close(() => chooseTheme('system')) },
    { label: 'Keyboard shortcuts', icon: Keyboard, run: close(onHelp) },
  ];
  return (
    <Radix.Root open onOpenChange={onClose}>
      <Radix.Portal>
        <Radix.Overlay className="fixed inset-0 z-50 bg-black/45" />
        <Radix.Content
          aria-describedby={undefined}
          className="fixed top-[12dvh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-xl -translate-x-1/2 overflow-hidden rounded-xl border bg-surface shadow-2xl"
        >
          <Radix.Title className="sr-only">Go to or search</Radix.Title>
          <Command label="Go to or search" loop filter={rankPaletteItem}>
            <Command.Input
              autoFocus
              value={text}
              onValueChange={setText}
              placeholder="Page, project, trace ID, user, key or filter"
              className="h-12 w-full border-b bg-transparent px-4 outline-none placeholder:text-muted"
            />
            <Command.List className="max-h-[50dvh] overflow-y-auto p-1.5">
              {groups.map(({ group, places }) => (
                <Command.Group key={group} heading={group} className="palette-group">
                  {places.map(({ label, segments, icon: Icon }) => (
                    <Command.Item
                      key={label}
                      value={label}
                      onSelect={() => go(path(...segments))}
                      className={paletteItem}
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
                        className={paletteItem}
                      >
                        {name} <span className="text-muted">{organization}</span>
                      </Command.Item>
                    )),
                )}
              </Command.Group>
              <Command.Group heading="Actions" className="palette-group">
                {actions.map(({ label, icon: Icon, run }) => (
                  <Command.Item key={label} value={label} onSelect={run} className={paletteItem}>
                    <Icon aria-hidden className="size-4 text-muted" /> {label}
                  </Command.Item>
                ))}
              </Command.Group>
              {wanted !== '' && <PaletteSearch text={wanted} go={go} />}
            </Command.List>
          </Command>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
