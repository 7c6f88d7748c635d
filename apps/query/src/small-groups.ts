import type { MetricsOverview, MetricsSeries } from '@loom/api-contract';
import { addDecimals, formatDecimal, parseDecimal } from '@loom/pricing';

type Point = MetricsOverview['groupedPoints'][number];

/**
 * The groups that cost most and those with most tokens, `groupsMax` of each, as they are; the points of all others
 * together, bucket by bucket, as group null, after them.
 */
export function mergeSmallGroups(
  points: readonly MetricsSeries['points'][number][],
  groupsMax: number,
): Point[] {
  const large = new Set([
    ...largest(points, ({ costUsd }) => Number(costUsd), groupsMax),
    ...largest(
      points,
      ({ tokens }) => Object.values(tokens).reduce((sum, count) => sum + count, 0),
      groupsMax,
    ),
  ]);
  const merged = new Map<string, Point>();
  const kept: Point[] = [];
  for (const { bucketStart, group, requests, errors, tokens, ...costs } of points) {
    const { costUsd, withoutPrice, partlyPriced } = costs;
    const point = { bucketStart, group, requests, errors, tokens, costUsd, withoutPrice, partlyPriced };
    if (large.has(group)) kept.push(point);
    else merged.set(bucketStart, add(merged.get(bucketStart), point));
  }
  return [...kept, ...merged.values()];
}

function largest(
  points: readonly Point[],
  value: (point: Point) => number,
  count: number,
): (string | null)[] {
  const totals = new Map<string | null, number>();
  for (const point of points) totals.set(point.group, (totals.get(point.group) ?? 0) + value(point));
  return [...totals]
    .sort(([, left], [, right]) => right - left)
    .slice(0, count)
    .map(([group]) => group);
}

function add(sum: Point | undefined, point: Point): Point {
  if (!sum) return { ...point, group: null };
  const tokens = Object.entries(point.tokens).map(
    ([bucket, count]) => [bucket, count + sum.tokens[bucket as keyof Point['tokens']]] as const,
  );
  return {
    bucketStart: point.bucketStart,
    group: null,
    requests: point.requests + sum.requests,
    errors: point.errors + sum.errors,
    tokens: Object.fromEntries(tokens) as Point['tokens'],
    costUsd: addCosts(point.costUsd, sum.costUsd),
    withoutPrice: point.withoutPrice + sum.withoutPrice,
    partlyPriced: point.partlyPriced + sum.partlyPriced,
  };
}

function addCosts(left: string | null, right: string | null): string | null {
  if (left === null || right === null) return left ?? right;
  return formatDecimal(addDecimals(parseDecimal(left), parseDecimal(right)));
}
