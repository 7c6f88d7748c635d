'use client';

import { useEffect, useState } from 'react';
import { useUrlState } from '../shell/url-state.ts';

export interface TimeRange {
  /** ISO 8601. */
  readonly from: string;
  readonly to: string;
  /** Name of a range that moves with the clock; null for fixed ends. */
  readonly preset: string | null;
  /** For a chart of this range. */
  readonly bucketSeconds: number;
}

const minute = 60;
const hour = 3600;
const day = 86_400;

export interface RangePreset {
  readonly label: string;
  /** The range at a moment. */
  readonly at: (now: Date) => { readonly from: Date; readonly to: Date };
}

function last(seconds: number): RangePreset['at'] {
  return (now) => ({ from: new Date(now.getTime() - seconds * 1000), to: now });
}

const dayOf = (now: Date, offset: number) =>
  new Date(now.getFullYear(), now.getMonth(), now.getDate() + offset);
const monthOf = (now: Date, offset: number) => new Date(now.getFullYear(), now.getMonth() + offset, 1);

const defaultPreset = '24h';
const last24Hours: RangePreset = { label: 'Last 24 hours', at: last(day) };

/** Ranges that move with the clock. Days and months are those of the browser's time zone. */
export const presets: Readonly<Record<string, RangePreset>> = {
  '15m': { label: 'Last 15 minutes', at: last(15 * minute) },
  '1h': { label: 'Last hour', at: last(hour) },
  '6h': { label: 'Last 6 hours', at: last(6 * hour) },
  [defaultPreset]: last24Hours,
  '7d': { label: 'Last 7 days', at: last(7 * day) },
  '30d': { label: 'Last 30 days', at: last(30 * day) },
  today: { label: 'Today', at: (now) => ({ from: dayOf(now, 0), to: now }) },
  yesterday: { label: 'Yesterday', at: (now) => ({ from: dayOf(now, -1), to: dayOf(now, 0) }) },
  'this-month': { label: 'This month', at: (now) => ({ from: monthOf(now, 0), to: now }) },
  'last-month': { label: 'Last month', at: (now) => ({ from: monthOf(now, -1), to: monthOf(now, 0) }) },
};
const tickMs = 10_000;

const bucketSizes = [
  10,
  30,
  minute,
  5 * minute,
  15 * minute,
  30 * minute,
  hour,
  3 * hour,
  6 * hour,
  day,
  7 * day,
];
const bucketsWanted = 60;

function bucketSecondsOf(rangeSeconds: number): number {
  return bucketSizes.find((size) => rangeSeconds / size <= bucketsWanted) ?? 7 * day;
}

/** The chosen time, from the URL: `range=24h`, or `from` and `to`. Ranges up to now move on by themselves. */
export function useRange(): TimeRange {
  const { get } = useUrlState();
  const [from, to] = [get('from'), get('to')];
  const isFixed = from !== null && to !== null && Date.parse(from) < Date.parse(to);
  const name = get('range') ?? defaultPreset;
  const known = Object.hasOwn(presets, name) ? presets[name] : undefined;
  const preset = known ?? last24Hours;
  const now = useNow(stepOf(preset));
  if (isFixed) return { ...rangeOf(new Date(from), new Date(to)), from, to, preset: null };
  const { from: begin, to: end } = preset.at(new Date(now));
  return { ...rangeOf(begin, end), preset: known ? name : defaultPreset };
}

function rangeOf(from: Date, to: Date): Omit<TimeRange, 'preset'> {
  const seconds = (to.getTime() - from.getTime()) / 1000;
  return { from: from.toISOString(), to: to.toISOString(), bucketSeconds: bucketSecondsOf(seconds) };
}

/** What a short range asks for changes more often than what a long one does. Milliseconds. */
function stepOf({ at }: RangePreset): number {
  const { from, to } = at(new Date());
  return Math.min(60_000, Math.max(10_000, (to.getTime() - from.getTime()) / 100));
}

/** The time in steps: what is asked for changes once a step, not at every render. */
function useNow(stepMs: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), tickMs);
    return () => clearInterval(timer);
  }, []);
  return Math.ceil(now / stepMs) * stepMs;
}
