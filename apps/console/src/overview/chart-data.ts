import type { MetricsSeries } from '@loom/api-contract';
import type { ChartPoint, ChartSeries } from './time-chart.tsx';

type Point = MetricsSeries['points'][number];
type Value = (point: Point) => number | null;

const groupsMax = 7;

/** One point for every bucket of the range; what has no calls is zero, or nothing for a quantile. */
export function toPoints(
  points: readonly Point[],
  range: { readonly from: string; readonly to: string; readonly bucketSeconds: number },
  values: Readonly<Record<string, Value>>,
  empty: 0 | null = 0,
): ChartPoint[] {
  const byBucket = new Map(points.map((point) => [Date.parse(point.bucketStart), point]));
  return bucketsOf(range).map((at) => {
    const point = byBucket.get(at);
    const read = ([key, value]: [string, Value]) => [key, point ? value(point) : empty] as const;
    return { at, values: Object.fromEntries(Object.entries(values).map(read)) };
  });
}

/** Points stacked by group: the largest groups by themselves, the others together. */
export function toGroupedPoints(
  points: readonly Point[],
  range: { readonly from: string; readonly to: string; readonly bucketSeconds: number },
  value: (point: Point) => number,
  nameOf: (group: string) => string,
): { readonly points: ChartPoint[]; readonly series: ChartSeries[] } {
  const totals = new Map<string, number>();
  for (const point of points) totals.set(point.group, (totals.get(point.group) ?? 0) + value(point));
  const ordered = [...totals].filter(([, total]) => total > 0).sort(([, a], [, b]) => b - a);
  const top = ordered.slice(0, groupsMax).map(([group]) => group);
  const hasOthers = ordered.length > top.length;
  // Keys of a chart are paths into its data: a model's name with a dot would be read as two steps.
  const keyOf = new Map(top.map((group, index) => [group, `group${index}`]));
  const byBucket = new Map<number, Record<string, number>>(bucketsOf(range).map((at) => [at, {}]));
  for (const point of points) {
    const values = byBucket.get(Date.parse(point.bucketStart));
    const key = keyOf.get(point.group) ?? 'others';
    if (values) values[key] = (values[key] ?? 0) + value(point);
  }
  const series: ChartSeries[] = top.map((group, index) => ({
    key: `group${index}`,
    label: nameOf(group) || 'unknown',
    color: `var(--series-${index + 1})`,
    kind: 'bar',
  }));
  if (hasOthers) series.push({ key: 'others', label: 'Others', color: 'var(--series-8)', kind: 'bar' });
  return { points: [...byBucket].map(([at, values]) => ({ at, values })), series };
}

function bucketsOf({
  from,
  to,
  bucketSeconds,
}: {
  readonly from: string;
  readonly to: string;
  readonly bucketSeconds: number;
}): number[] {
  const step = bucketSeconds * 1000;
  const first = Math.floor(Date.parse(from) / step) * step;
  const count = Math.max(0, Math.ceil((Date.parse(to) - first) / step));
  return Array.from({ length: count }, (_, index) => first + index * step);
}
