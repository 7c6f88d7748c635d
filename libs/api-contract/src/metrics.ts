import { z } from 'zod';
import { Instant, SpanBuckets } from './trace.ts';

const quantiles = z.object({ p50: z.number(), p95: z.number(), p99: z.number() });

export const MetricsGroupBy = z.enum(['none', 'model', 'provider', 'key']);

/** Buckets without calls and costs are left out. */
export const MetricsSeries = z.object({
  bucketSeconds: z.int().positive(),
  points: z.array(
    z.object({
      bucketStart: Instant,
      /** Model, provider or key; '' without a group. */
      group: z.string(),
      requests: z.int().nonnegative(),
      errors: z.int().nonnegative(),
      tokens: SpanBuckets,
      costUsd: z.string(),
      latencyMs: quantiles.nullable(),
      timeToFirstChunkMs: quantiles.nullable(),
    }),
  ),
});
export type MetricsSeries = z.infer<typeof MetricsSeries>;

export const Facets = z.object({
  facets: z.array(
    z.object({
      attribute: z.string(),
      values: z.array(z.object({ value: z.string(), count: z.int().nonnegative() })),
    }),
  ),
});
export type Facets = z.infer<typeof Facets>;
