'use client';

import { CheckCircle2, X, XCircle } from 'lucide-react';
import { useSyncExternalStore } from 'react';

interface Notice {
  readonly id: number;
  readonly text: string;
  readonly isError: boolean;
}

const shownMs = 6000;
const noticesMax = 4;
const none: readonly Notice[] = [];
let notices = none;
let lastId = 0;
const listeners = new Set<() => void>();

function change(next: readonly Notice[]): void {
  notices = next;
  for (const listener of listeners) listener();
}

/** Says that something was done, or was not, in the corner of the page. */
export function notify(text: string, { isError = false } = {}): void {
  lastId += 1;
  const id = lastId;
  change([...notices.slice(1 - noticesMax), { id, text, isError }]);
  setTimeout(() => change(notices.filter((notice) => notice.id !== id)), shownMs);
}

export function Toaster() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => notices,
    () => none,
  );
  return (
    <div
      role="status"
      aria-live="polite"
      className="pointer-events-none fixed right-4 bottom-4 z-60 grid gap-2"
    >
      {shown.map(({ id, text, isError }) => {
        const Icon = isError ? XCircle : CheckCircle2;
        return (
          <div
            key={id}
            className="pointer-events-auto flex max-w-sm animate-[appear_.15s] items-start gap-2 rounded-lg border bg-surface px-3 py-2.5 shadow-lg"
          >
            <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${isError ? 'text-bad' : 'text-ok'}`} />
            <span className="break-words">{text}</span>
            <button
              type="button"
              aria-label="Dismiss"
              onClick={() => change(notices.filter((notice) => notice.id !== id))}
              className="text-muted"
            >
              <X aria-hidden className="size-4" />
            </button>
          </div>
        );
      })}
    </div>
  );
}
