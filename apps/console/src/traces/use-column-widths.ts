'use client';

import { useCallback, useState } from 'react';

const place = 'loom.traces.column-widths';
export const columnWidthMin = 48;
export const columnWidthMax = 1200;

type Widths = Readonly<Record<string, number>>;
/** From the width that was set, if any: keys may be pressed faster than a table is drawn. Null: as wide as its content. */
export type WidthChange = (before: number | undefined) => number | null;

/** Widths of columns that this person has set, pixels, kept in this browser. Null gives a column back to its content. */
export function useColumnWidths(): [Widths, (column: string, change: WidthChange) => void] {
  const [widths, setWidths] = useState<Widths>(read);
  const set = useCallback((column: string, change: WidthChange) => {
    setWidths(({ [column]: before, ...others }) => {
      const width = change(before);
      const next = width === null ? others : { ...others, [column]: bounded(width) };
      window.localStorage.setItem(place, JSON.stringify(next));
      return next;
    });
  }, []);
  return [widths, set];
}

function read(): Widths {
  if (typeof window === 'undefined') return {};
  try {
    const kept = JSON.parse(window.localStorage.getItem(place) ?? '{}') as Record<string, unknown>;
    return Object.fromEntries(
      Object.entries(kept).flatMap(([column, width]) =>
        typeof width === 'number' ? [[column, bounded(width)]] : [],
      ),
    );
  } catch {
    return {}; // someone else's text in this place
  }
}

function bounded(width: number): number {
  return Math.round(Math.min(columnWidthMax, Math.max(columnWidthMin, width)));
}
