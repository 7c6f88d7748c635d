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

export const presets: Readonly<Record<string, { readonly label: string; readonly seconds: number }>> = {
  '15m': { label: 'Last 15 minutes', seconds: 15 * minute },
  '1h': { label: 'Last hour', seconds: hour },
  '6h': { label: 'Last 6 hours', seconds: 6 * hour },
  '24h': { label: 'Last 24 hours', seconds: day },
  '7d': { label: 'Last 7 days', seconds: 7 * day },
  '30d': { label: 'Last 30 days', seconds: 30 * day },
};
const defaultPreset = '24h';
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
  12 * hour,
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
  const preset = Object.hasOwn(presets, name) ? name : defaultPreset;
  const seconds = presets[preset]?.seconds ?? day;
  const stepMs = Math.min(60_000, Math.max(10_000, (seconds * 1000) / 100));
  const now = useNow(stepMs);
  if (isFixed) {
    const rangeSeconds = (Date.parse(to) - Date.parse(from)) / 1000;
    return { from, to, preset: null, bucketSeconds: bucketSecondsOf(rangeSeconds) };
  }
  return {
    from: new Date(now - seconds * 1000).toISOString(),
    to: new Date(now).toISOString(),
    preset,
    bucketSeconds: bucketSecondsOf(seconds),
  };
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
