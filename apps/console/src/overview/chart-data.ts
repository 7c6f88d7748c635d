import type { MetricsOverview } from '@loom/api-contract';
import type { ChartPoint, ChartSeries } from './time-chart.tsx';

type Point = MetricsOverview['points'][number];
type GroupedPoint = MetricsOverview['groupedPoints'][number];

/** How many groups a chart shows by themselves. */
export const groupsMax = 7;

/** One point for every bucket of the answer's range; what has no calls is zero, or nothing for a quantile. */
export function toPoints(
  overview: MetricsOverview,
  values: Readonly<Record<string, (point: Point) => number | null>>,
  empty: 0 | null = 0,
): ChartPoint[] {
  const byBucket = new Map(overview.points.map((point) => [Date.parse(point.bucketStart), point]));
  return overview.buckets.map((start) => {
    const at = Date.parse(start);
    const point = byBucket.get(at);
    const read = Object.entries(values).map(([key, value]) => [key, point ? value(point) : empty] as const);
    return { at, values: Object.fromEntries(read) };
  });
}

/** Points stacked by group: the largest groups by themselves, the others together. */
export function toGroupedPoints(
  overview: MetricsOverview,
  value: (point: GroupedPoint) => number,
  nameOf: (group: string) => string,
): { readonly points: ChartPoint[]; readonly series: ChartSeries[] } {
  const totals = new Map<string | null, number>();
  for (const point of overview.groupedPoints)
    totals.set(point.group, (totals.get(point.group) ?? 0) + value(point));
  const ordered = [...totals].filter(([, total]) => total > 0).sort(([, a], [, b]) => b - a);
  const top = ordered.flatMap(([group]) => (group === null ? [] : [group])).slice(0, groupsMax);
  const hasOthers = ordered.length > top.length;
  // Keys of our own: a model may be called `others`.
  const keyOf = new Map<string | null, string>(top.map((group, index) => [group, `group${index}`]));
  const none = Object.fromEntries(
    [...keyOf.values(), ...(hasOthers ? ['others'] : [])].map((key) => [key, 0]),
  );
  const byBucket = new Map<number, Record<string, number>>(
    overview.buckets.map((start) => [Date.parse(start), { ...none }]),
  );
  for (const point of overview.groupedPoints) {
    const values = byBucket.get(Date.parse(point.bucketStart));
    const key = keyOf.get(point.group) ?? 'others';
    if (values) values[key] = (values[key] ?? 0) + value(point);
  }
  const shown: ChartSeries[] = top.map((group, index) => ({
    key: `group${index}`,
    label: nameOf(group) || 'unknown',
    color: `var(--series-${index + 1})`,
    kind: 'bar',
  }));
  if (hasOthers) shown.push({ key: 'others', label: 'Others', color: 'var(--series-8)', kind: 'bar' });
  return { points: [...byBucket].map(([at, values]) => ({ at, values })), series: shown };
}
