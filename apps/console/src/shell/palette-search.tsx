'use client';

import { Command, defaultFilter } from 'cmdk';
import { Activity, KeyRound, MessagesSquare, type LucideIcon, UserRound } from 'lucide-react';
import { useDeferredValue } from 'react';
import { useLoom } from '../api/loom.tsx';
import { visibleText } from '../format/foreign-text.ts';
import { filterTerm } from '../traces/filter-text.ts';
import { paletteItem } from './palette-item.ts';
import { useMay, usePath } from './session.tsx';

/** As long as the ids that lists and the terminal show, or longer. */
const beginOfId = /^[0-9a-f]{6,32}$/;
const foundMax = 5;
const foundPrefix = 'found ';

/** Ranks lines of the palette: what was found by the services fits as it is, in its order, after pages and actions. */
export function rankPaletteItem(value: string, search: string, keywords?: string[]): number {
  return value.startsWith(foundPrefix) ? Number.MIN_VALUE : defaultFilter(value, search, keywords);
}

interface Found {
  readonly icon: LucideIcon;
  readonly label: string;
  readonly href: string;
}

/** What the palette finds for a text: a trace by its id or the beginning of one, keys, users, conversations, a filter. */
export function PaletteSearch({ text, go }: { readonly text: string; readonly go: (href: string) => void }) {
  const wanted = useDeferredValue(text);
  const path = usePath();
  const found = [...useTraces(wanted), ...useKeys(wanted), ...usePeople(wanted)];
  const filter: Found = {
    ...{ icon: Activity, label: `Traces matching “${wanted}”` },
    href: `${path('traces')}?filter=${encodeURIComponent(wanted)}`,
  };
  return (
    <Command.Group forceMount heading="Search" className="palette-group">
      {[...found, filter].map(({ icon: Icon, label, href }) => (
        <Command.Item
          key={href}
          forceMount
          value={foundPrefix + href}
          onSelect={() => go(href)}
          className={paletteItem}
        >
          <Icon aria-hidden className="size-4 shrink-0 text-muted" />
          <span className="truncate">{label}</span>
        </Command.Item>
      ))}
    </Command.Group>
  );
}

function useTraces(wanted: string): Found[] {
  const path = usePath();
  const isWanted = beginOfId.test(wanted);
  const isWhole = wanted.length === 32;
  const query = { filter: `trace:${wanted}*`, limit: foundMax };
  const { data } = useLoom('listTraces', { query }, { enabled: isWanted && !isWhole });
  if (!isWanted) return [];
  const ids = isWhole ? [wanted] : (data?.traces.map(({ traceId }) => traceId) ?? []);
  return ids.map((id) => ({ icon: Activity, label: `Trace ${id}`, href: path('traces', id) }));
}

function useKeys(wanted: string): Found[] {
  const path = usePath();
  const { data } = useLoom('listKeys', {}, { staleTime: 60_000, enabled: useMay('keys:read') });
  const lower = wanted.toLowerCase();
  const keys = data?.keys.filter(
    ({ id, name }) => name.toLowerCase().includes(lower) || id.startsWith(wanted),
  );
  return (keys ?? []).slice(0, foundMax).map(({ id, name }) => ({
    ...{ icon: KeyRound, label: `Traffic of key ${visibleText(name)}` },
    href: `${path('traces')}?filter=${encodeURIComponent(filterTerm('key', id))}`,
  }));
}

function usePeople(wanted: string): Found[] {
  const path = usePath();
  const query = { search: wanted, limit: foundMax };
  const users = useLoom('listUsers', { query }, { staleTime: 60_000 });
  const conversations = useLoom('listSessions', { query }, { staleTime: 60_000 });
  return [
    ...(users.data?.users ?? []).map(({ userId }) => ({
      ...{ icon: UserRound, label: `User ${visibleText(userId)}` },
      href: `${path('traces')}?filter=${encodeURIComponent(filterTerm('user', userId))}`,
    })),
    ...(conversations.data?.sessions ?? []).map(({ sessionId }) => ({
      ...{ icon: MessagesSquare, label: `Conversation ${visibleText(sessionId)}` },
      href: path('sessions', sessionId),
    })),
  ];
}
