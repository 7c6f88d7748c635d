import * as z from 'zod';
import { Instant, SpanBuckets } from './trace.ts';

const quantiles = z.object({ p50: z.number(), p95: z.number(), p99: z.number() });

/** How much of a cost is not known. */
const unknownCosts = {
  /** Calls whose model has no price. */
  withoutPrice: z.int().nonnegative(),
  /** Calls of which a part has no price. */
  partlyPriced: z.int().nonnegative(),
};

export const MetricsGroupBy = z.enum(['none', 'model', 'provider', 'key', 'project']);

/** Buckets without calls and costs are left out. */
export const MetricsSeries = z.object({
  bucketSeconds: z.int().positive(),
  points: z.array(
    z.object({
      bucketStart: Instant,
      /** Model, provider, key or project (ids); '' without a group. */
      group: z.string(),
      /**
       * Operations that ended, each once, however many attempts it took: calls of models, refused ones too, counts of
       * tokens, operations on stored responses. One request is one span.
       */
      requests: z.int().nonnegative(),
      /** Of them those that failed, were refused or interrupted, or were answered with 400 and above. */
      errors: z.int().nonnegative(),
      tokens: SpanBuckets,
      /** Null where no call has a known cost. */
      costUsd: z.string().nullable(),
      ...unknownCosts,
      latencyMs: quantiles.nullable(),
      timeToFirstChunkMs: quantiles.nullable(),
      /** What Loom added before the provider was called. */
      gatewayOverheadMs: quantiles.nullable(),
      /** Calls that took more than one attempt. */
      retried: z.int().nonnegative(),
    }),
  ),
});
export type MetricsSeries = z.infer<typeof MetricsSeries>;

/** The same over the whole range, one row per group, most requests first. No row without calls and costs. */
export const MetricsSummary = z.object({
  groups: z.array(MetricsSeries.shape.points.element.omit({ bucketStart: true })),
});
export type MetricsSummary = z.infer<typeof MetricsSummary>;

/**
 * Series and summary of a range in one answer, whole and by group, beside the time before. The range, the bucket and
 * the group are those of the question.
 */
export const MetricsOverview = z.object({
  from: Instant,
  to: Instant,
  bucketSeconds: z.int().positive(),
  /** Starts of all buckets of the range. */
  buckets: z.array(Instant),
  groupBy: MetricsGroupBy,
  /** Of the project; null without calls and costs. */
  total: MetricsSummary.shape.groups.element.nullable(),
  /** The same over as long a time that ends where this one begins. */
  before: MetricsSummary.shape.groups.element.nullable(),
  /** Most requests first. */
  groups: MetricsSummary.shape.groups,
  /** Of the project, by bucket. */
  points: MetricsSeries.shape.points,
  /** Sums by bucket and group; group null: all but the `groupsMax` that cost most and those with most tokens. */
  groupedPoints: z.array(
    MetricsSeries.shape.points.element
      .pick({
        bucketStart: true,
        requests: true,
        errors: true,
        tokens: true,
        costUsd: true,
        withoutPrice: true,
        partlyPriced: true,
      })
      .extend({ group: z.string().nullable() }),
  ),
});
export type MetricsOverview = z.infer<typeof MetricsOverview>;

/** What matches a filter, counted and added up: of the matching spans, not of what else their traces have. */
export const Matches = z.object({
  from: Instant,
  to: Instant,
  bucketSeconds: z.int().positive(),
  traces: z.int().nonnegative(),
  spans: z.int().nonnegative(),
  errors: z.int().nonnegative(),
  totalTokens: z.int().nonnegative(),
  /** Null where no call has a known cost. */
  totalUsd: z.string().nullable(),
  ...unknownCosts,
  /** Those with spans, in order. */
  buckets: z.array(
    z.object({ bucketStart: Instant, spans: z.int().nonnegative(), errors: z.int().nonnegative() }),
  ),
});
export type Matches = z.infer<typeof Matches>;

export const Facets = z.object({
  facets: z.array(
    z.object({
      attribute: z.string(),
      values: z.array(z.object({ value: z.string(), count: z.int().nonnegative() })),
    }),
  ),
});
export type Facets = z.infer<typeof Facets>;

/** A conversation or an end user, as far as their calls tell. */
const activity = {
  traces: z.int().nonnegative(),
  spans: z.int().nonnegative(),
  errors: z.int().nonnegative(),
  totalTokens: z.int().nonnegative(),
  /** Null where no call has a known cost. */
  totalUsd: z.string().nullable(),
  ...unknownCosts,
  firstSeen: Instant,
  lastSeen: Instant,
};

export const SessionList = z.object({
  sessions: z.array(z.object({ sessionId: z.string(), userId: z.string().nullable(), ...activity })),
  nextCursor: z.string().nullable(),
});
export type SessionList = z.infer<typeof SessionList>;

export const UserList = z.object({
  users: z.array(z.object({ userId: z.string(), sessions: z.int().nonnegative(), ...activity })),
  nextCursor: z.string().nullable(),
});
export type UserList = z.infer<typeof UserList>;
