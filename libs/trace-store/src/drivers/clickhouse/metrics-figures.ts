import { tokenBuckets, type TokenBuckets } from '@loom/trace-schema';
import type { CostFigures, MetricsFigures, MetricsGroup, Quantiles } from '../../trace-store.ts';
import type { StoredRow } from './row-codec.ts';
import { readTokens, tokenSums } from './row-fields.ts';

/** The column of a group, on spans and costs and on both of their rollups. */
export const groupColumns: Record<MetricsGroup, string> = {
  none: `materialize('')`, // a constant would be no key to group by
  model: 'request_model',
  provider: 'provider',
  key: 'key_id',
};

const quantiles = (suffix: string, values: string, name: string) =>
  `quantilesTDigest${suffix}(0.5, 0.95, 0.99)(${values}) AS ${name}`;

/** The figures of calls as columns. Quantiles take longest, and can be left out. */
export interface FigureColumns {
  readonly sums: string;
  readonly quantiles: string;
}

const spanQuantiles = [
  quantiles('If', `duration_nanos / 1e6, outcome != 'refused'`, 'latency'),
  quantiles('If', 'time_to_first_chunk_nanos / 1e6, time_to_first_chunk_nanos >= 0', 'firstChunk'),
  quantiles(
    'If',
    `gateway_overhead_nanos / 1e6, outcome != 'refused' AND gateway_overhead_nanos > 0`,
    'overhead',
  ),
];

export const figuresOfSpans: FigureColumns = {
  sums: `count() AS requests, sum(is_error) AS errors, countIf(attempt_count > 1) AS retried, ${tokenSums}`,
  quantiles: spanQuantiles.join(', '),
};

const rollupQuantiles = [
  quantiles('Merge', 'latency_ms', 'latency'),
  quantiles('Merge', 'first_chunk_ms', 'firstChunk'),
  quantiles('Merge', 'overhead_ms', 'overhead'),
];

/** The same over the hourly rollup. */
export const figuresOfRollup: FigureColumns = {
  sums: `sum(requests) AS requests, sum(errors) AS errors, sum(retried) AS retried, ${tokenSums}`,
  quantiles: rollupQuantiles.join(', '),
};

const noTokens = Object.fromEntries(tokenBuckets.map((bucket) => [bucket, 0])) as TokenBuckets;

/** Figures of a row of calls, or of one of costs alone. */
export function readFigures(row: StoredRow, costs: CostFigures): MetricsFigures {
  const hasCalls = row['requests'] !== undefined;
  return {
    group: row['group_value'] as string,
    requests: Number(row['requests'] ?? 0),
    errors: Number(row['errors'] ?? 0),
    tokens: hasCalls ? readTokens(row) : noTokens,
    ...costs,
    latencyMs: readQuantiles(row['latency']),
    firstChunkMs: readQuantiles(row['firstChunk']),
    gatewayOverheadMs: readQuantiles(row['overhead']),
    retried: Number(row['retried'] ?? 0),
  };
}

/** Quantiles of nothing are null in JSON. */
function readQuantiles(value: unknown): Quantiles | null {
  if (!Array.isArray(value) || value[0] === null) return null;
  const [p50, p95, p99] = value.map(Number);
  return { p50: p50 ?? 0, p95: p95 ?? 0, p99: p99 ?? 0 };
}
