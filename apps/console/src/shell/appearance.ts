'use client';

import { useSyncExternalStore } from 'react';

/** Changes when the colours of the page do: for what is drawn and not styled. */
export function useAppearance(): string {
  return useSyncExternalStore(subscribe, appearance, () => '');
}

const darkQuery = '(prefers-color-scheme: dark)';

function appearance(): string {
  return `${document.documentElement.dataset['theme'] ?? ''} ${window.matchMedia(darkQuery).matches}`;
}

function subscribe(onChange: () => void): () => void {
  const observer = new MutationObserver(onChange);
  observer.observe(document.documentElement, { attributeFilter: ['data-theme'] });
  const dark = window.matchMedia(darkQuery);
  dark.addEventListener('change', onChange);
  return () => {
    observer.disconnect();
    dark.removeEventListener('change', onChange);
  };
}
