'use client';

import { Keyboard, LogOut, Monitor, Moon, Sun, UserCog } from 'lucide-react';
import { useRouter } from 'next/navigation';
import { useState } from 'react';
import { useClient } from '../api/loom.tsx';
import { Menu, MenuCheck, MenuItem, MenuLabel, MenuSeparator } from '../ui/menu.tsx';
import { usePath, useSession } from './session.tsx';
import { chooseTheme, currentTheme, type Theme } from './theme.ts';

const themes: readonly (readonly [Theme, string, typeof Sun])[] = [
  ['system', 'As the system', Monitor],
  ['light', 'Light', Sun],
  ['dark', 'Dark', Moon],
];

export function UserMenu({ onHelp }: { readonly onHelp: () => void }) {
  const { me, organization } = useSession();
  const { client } = useClient();
  const router = useRouter();
  const path = usePath();
  const [theme, setTheme] = useState<Theme | null>(null);
  const signOut = async () => {
    await client.signOut();
    window.location.assign('/sign-in');
  };
  return (
    <Menu
      align="end"
      trigger={
        <button
          type="button"
          aria-label="Account menu"
          onPointerDown={() => setTheme(currentTheme())}
          className="grid size-8 place-items-center rounded-full bg-accent-soft text-xs font-semibold text-accent"
        >
          {me.user.name.slice(0, 1).toUpperCase()}
        </button>
      }
    >
      <MenuLabel>
        <span className="block font-medium text-text">{me.user.name}</span>
        {me.user.email} · {organization.role}
      </MenuLabel>
      <MenuSeparator />
      {themes.map(([value, label, Icon]) => (
        <MenuCheck
          key={value}
          checked={(theme ?? currentTheme()) === value}
          onCheckedChange={() => {
            chooseTheme(value);
            setTheme(value);
          }}
        >
          <Icon aria-hidden className="size-4 text-muted" />
          {label}
        </MenuCheck>
      ))}
      <MenuSeparator />
      <MenuItem onSelect={() => router.push(path('account'))}>
        <UserCog aria-hidden className="size-4 text-muted" /> Account
      </MenuItem>
      <MenuItem onSelect={onHelp}>
        <Keyboard aria-hidden className="size-4 text-muted" /> Keyboard shortcuts
      </MenuItem>
      <MenuItem onSelect={() => void signOut()}>
        <LogOut aria-hidden className="size-4 text-muted" /> Sign out
      </MenuItem>
    </Menu>
  );
}
