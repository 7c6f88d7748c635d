import * as z from 'zod';
import { unixNanos } from './instants.ts';

/** An amount that the trace store's decimals can hold. */
const decimalString = z.string().regex(/^\d{1,18}(\.\d+)?$/);

export const CostState = z.enum(['pending', 'priced', 'unpriced']);
export type CostState = z.infer<typeof CostState>;

/** What one token bucket cost: tokens × the price per million, in exact decimals. US dollars as strings. */
export const CostLine = z.strictObject({
  bucket: z.string(),
  quantity: z.int().nonnegative(),
  pricePerMillionUsd: decimalString,
  usd: decimalString,
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
  state: z.enum(['priced', 'unpriced']),
  /** Why there is no price: `no_price`, `no_usage`; '' when priced. */
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
});
export type CostComputed = z.infer<typeof CostComputed>;
