'use client';

import { useEffect, useMemo, useState } from 'react';
import { useUrlState } from '../shell/url-state.ts';
import { columnLooks } from './columns.tsx';

const phone = '(max-width: 48rem)';

/** Which columns are shown, from the URL; without a word there, those that fit the width. */
export function useColumns(): [readonly string[], (columns: readonly string[]) => void] {
  const { get, set } = useUrlState();
  const text = get('columns');
  const isPhone = useIsPhone();
  const columns = useMemo(() => {
    if (text !== null) return text.split(',').filter((id) => Object.hasOwn(columnLooks, id));
    const shown = isPhone ? ['always'] : ['always', 'wide'];
    return Object.keys(columnLooks).filter((id) => shown.includes(columnLooks[id]?.shown ?? ''));
  }, [text, isPhone]);
  return [
    columns,
    (chosen) =>
      set({
        columns: Object.keys(columnLooks)
          .filter((id) => chosen.includes(id))
          .join(','),
      }),
  ];
}

export function useIsPhone(): boolean {
  const [isPhone, setIsPhone] = useState(
    () => typeof window !== 'undefined' && window.matchMedia(phone).matches,
  );
  useEffect(() => {
    const query = window.matchMedia(phone);
    const read = () => setIsPhone(query.matches);
    read();
    query.addEventListener('change', read);
    return () => query.removeEventListener('change', read);
  }, []);
  return isPhone;
}
