import * as z from 'zod';
import { unixNanos } from './instants.ts';

/** An amount that the trace store's decimals can hold. */
const decimalString = z.string().regex(/^\d{1,18}(\.\d+)?$/);

/**
 * `priced`: every part of the call has a price. `partial`: part of the price is not known; `missing` lists what.
 * `unpriced`: there is no price at all.
 */
export const CostState = z.enum(['pending', 'priced', 'partial', 'unpriced']);
export type CostState = z.infer<typeof CostState>;

/**
 * What one token bucket, or one kind of use, cost: the count × the price per million, in exact decimals. US dollars as
 * strings.
 */
export const CostLine = z.strictObject({
  bucket: z.string(),
  quantity: z.int().nonnegative(),
  pricePerMillionUsd: decimalString,
  usd: decimalString,
  /** The bucket whose price was taken, where the line's own has none: the amount is a guess. */
  pricedAs: z.string().optional(),
});
export type CostLine = z.infer<typeof CostLine>;

/**
 * The price of one ended call under one price-book version (topic `loom.costs.v1`). Appended, never updated; its id
 * is `<terminal id>/cost/<version>`. It repeats what cost filters, sorts and rollups need: nobody joins it.
 */
export const CostComputed = z.strictObject({
  id: z.string(),
  type: z.literal('cost.computed'),
  emitter: z.uuid(),
  seq: z.int().positive(),
  time: unixNanos,
  organizationId: z.string(),
  projectId: z.string(),
  callId: z.uuid(),
  traceId: z.string(),
  spanId: z.string(),
  /** Start of the call, unix nanoseconds. */
  startTime: unixNanos,
  operation: z.string(),
  provider: z.string(),
  requestModel: z.string(),
  responseModel: z.string(),
  keyId: z.string(),
  userId: z.string(),
  state: z.enum(['priced', 'partial', 'unpriced']),
  /**
   * Why there is no price: `no_price`, `no_usage`; `incomplete_price` when partial. Of a priced call `reported` when the
   * total is the provider's own, `cache_hit` when nothing was bought, else ''.
   */
  reason: z.string(),
  totalUsd: decimalString,
  lines: z.array(CostLine),
  priceBookVersion: z.string(),
  /** The price that matched, e.g. `openai/gpt-4o-mini@2024-07-18`; '' when unpriced. */
  priceId: z.string(),
  /** The tier that applied: `default`, `context>200000`, `service:flex`. */
  tier: z.string(),
  /** True when the tokens are an estimate. */
  estimated: z.boolean(),
  /**
   * What has no price: a bucket (`cacheWrite1h`; its line is priced as another), a kind of use (`webSearches`), a term
   * (`serviceTier:priority`). Absent when nothing is missing.
   */
  missing: z.array(z.string()).optional(),
  /** What the provider says that the call cost, whatever the total is. Absent when it says nothing. */
  reportedUsd: decimalString.optional(),
});
export type CostComputed = z.infer<typeof CostComputed>;
