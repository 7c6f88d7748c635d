import {
  type CostComputed,
  type CostLine,
  type TieredPrice,
  type TokenBucket,
  tokenBuckets,
  toTokenBuckets,
  type Usage,
  type UsageSource,
} from '@loom/trace-schema';
import { addDecimals, type Decimal, formatDecimal, parseDecimal, perMillion, zero } from './decimal.ts';
import type { FoundPrice, PriceBook, PriceQuery } from './price-book.ts';

/** What a call is priced by: where its price is found, and how many tokens it took. */
export interface CostFacts extends PriceQuery {
  readonly usage: Usage | null;
  readonly usageSource: UsageSource;
  /** The answer came from the response cache: whatever its usage, nothing was bought. */
  readonly isCached?: boolean;
}

export type ComputedCost = Pick<
  CostComputed,
  'state' | 'reason' | 'totalUsd' | 'lines' | 'priceBookVersion' | 'priceId' | 'tier' | 'estimated'
>;

/** A bucket without a price of its own is priced as its parent. Parents without a price cost nothing. */
const parents: Readonly<Partial<Record<TokenBucket, TokenBucket>>> = {
  cacheRead: 'inputUncached',
  cacheWrite: 'inputUncached',
  inputAudio: 'inputUncached',
  reasoning: 'outputText',
  outputAudio: 'outputText',
};

/** Not a token bucket: a fee per request, kept in the price book per million requests like everything else. */
const requestsBucket = 'requests';

/**
 * Prices one call: a line per disjoint token bucket that is not empty, in exact decimals. Every token is in one
 * bucket, so nothing is counted twice. Pure; unpriced calls say why (`no_usage`, `no_price`).
 */
export function computeCost(book: PriceBook, facts: CostFacts): ComputedCost {
  const estimated = facts.usageSource === 'estimated';
  const quantities = facts.usage === null ? [] : quantitiesOf(facts.usage);
  if (facts.isCached)
    return { ...unpriced('no_usage', book.version, false), state: 'priced', reason: 'cache_hit' };
  if (quantities.length === 0) return unpriced('no_usage', book.version, estimated);
  const found = book.find(facts);
  if (!found) return unpriced('no_price', book.version, estimated);

  const inputTokens = facts.usage?.inputTokens ?? 0;
  let total = zero;
  let contextTier = 0;
  const lines: CostLine[] = [];
  for (const [bucket, quantity] of chargedQuantities(quantities, found)) {
    const { price, above } = priceAt(priceOf(found, bucket), inputTokens);
    const usd = perMillion(price, quantity);
    total = addDecimals(total, usd);
    contextTier = Math.max(contextTier, above);
    lines.push({ bucket, quantity, pricePerMillionUsd: formatDecimal(price), usd: formatDecimal(usd) });
  }
  return {
    state: 'priced',
    reason: '',
    totalUsd: formatDecimal(total),
    lines,
    priceBookVersion: found.version,
    priceId: found.id,
    tier: tierOf(found, contextTier),
    estimated,
  };
}

function unpriced(reason: 'no_usage' | 'no_price', version: string, estimated: boolean): ComputedCost {
  return {
    state: 'unpriced',
    reason,
    totalUsd: '0',
    lines: [],
    priceBookVersion: version,
    priceId: '',
    tier: 'default',
    estimated,
  };
}

function quantitiesOf(usage: Usage): [string, number][] {
  const { buckets } = toTokenBuckets(usage);
  return tokenBuckets.filter((bucket) => buckets[bucket] > 0).map((bucket) => [bucket, buckets[bucket]]);
}

function chargedQuantities(quantities: [string, number][], { entry }: FoundPrice): [string, number][] {
  return entry.prices[requestsBucket] ? [...quantities, [requestsBucket, 1]] : quantities;
}

function priceOf({ entry }: FoundPrice, bucket: string): TieredPrice | undefined {
  const parent = parents[bucket as TokenBucket];
  return entry.prices[bucket] ?? (parent && entry.prices[parent]);
}

/** The price above the highest `start` that the input passes; `above` is that start, or 0. */
function priceAt(tiered: TieredPrice | undefined, inputTokens: number): { price: Decimal; above: number } {
  if (!tiered) return { price: zero, above: 0 };
  const tier = tiered.tiers.findLast(({ start }) => inputTokens > start);
  return { price: parseDecimal(tier?.price ?? tiered.base), above: tier?.start ?? 0 };
}

function tierOf({ entry }: FoundPrice, contextTier: number): string {
  const parts = [
    ...(entry.serviceTier === 'default' ? [] : [`service:${entry.serviceTier}`]),
    ...(contextTier > 0 ? [`context>${contextTier}`] : []),
  ];
  return parts.join(' ') || 'default';
}
