'use client';

import { useEffect, useRef } from 'react';
import { isTyping } from './shortcuts.ts';

/** Keys of a list, as a map from key to what it does; nothing happens while someone types. */
export function useKeys(keys: Readonly<Record<string, () => void>>): void {
  const current = useRef(keys);
  useEffect(() => {
    current.current = keys;
  });
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (isTyping(event) || event.metaKey || event.ctrlKey || event.altKey) return;
      const onControl =
        event.target instanceof HTMLElement &&
        event.target.closest('button, a, [role=tab], summary') !== null;
      if (onControl && (event.key === 'Enter' || event.key === ' ')) return;
      const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const act = Object.hasOwn(current.current, name) ? current.current[name] : undefined;
      if (!act) return;
      event.preventDefault();
      act();
    };
    window.addEventListener('keydown', onKey);
    return () => window.removeEventListener('keydown', onKey);
  }, []);
}
