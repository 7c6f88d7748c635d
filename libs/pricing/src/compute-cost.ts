import {
  type CostComputed,
  type CostLine,
  type TieredPrice,
  type TokenBucket,
  tokenBuckets,
  toTokenBuckets,
  type Usage,
  type UsageSource,
  wholeOfPart,
} from '@loom/trace-schema';
import {
  addDecimals,
  type Decimal,
  formatDecimal,
  multiplyDecimals,
  parseDecimal,
  perMillion,
  zero,
} from './decimal.ts';
import type { FoundPrice, PriceBook, PriceQuery } from './price-book.ts';
import { isStandardTier } from './service-tiers.ts';

/** What a call is priced by: where its price is found, and how many tokens it took. */
export interface CostFacts extends PriceQuery {
  readonly usage: Usage | null;
  readonly usageSource: UsageSource;
  /** The answer came from the response cache: whatever its usage, nothing was bought. */
  readonly isCached?: boolean;
}

export type ComputedCost = Pick<
  CostComputed,
  | 'state'
  | 'reason'
  | 'totalUsd'
  | 'lines'
  | 'priceBookVersion'
  | 'priceId'
  | 'tier'
  | 'estimated'
  | 'missing'
  | 'reportedUsd'
>;

/**
 * Reasoning is output to every provider that has no price for it of its own
 * (https://developers.openai.com/api/docs/guides/reasoning: "billed as output tokens";
 * https://platform.claude.com/docs/en/build-with-claude/extended-thinking; https://ai.google.dev/gemini-api/docs/pricing:
 * "including thinking tokens").
 */
const pricedAsParent: ReadonlySet<string> = new Set(['reasoning']);

/** A bucket without a price of its own is priced as its parent, and the cost is partial. */
const parents: Readonly<Partial<Record<TokenBucket, TokenBucket>>> = {
  cacheRead: 'inputUncached',
  cacheWrite: 'inputUncached',
  inputAudio: 'inputUncached',
  reasoning: 'outputText',
  outputAudio: 'outputText',
};

/** Whoever enters a custom price leaves these empty where they cost what input costs. */
const parentOfCustom: ReadonlySet<string> = new Set(['cacheRead', 'cacheWrite']);

/** Parts that the provider counts and does not bill: Cohere's `billed_units` leaves them out. */
const unbilled = /Unbilled$/;

/** Not a token bucket: a fee per request, kept in the price book per million requests like everything else. */
const requestsBucket = 'requests';

interface Quantity {
  readonly bucket: string;
  readonly quantity: number;
  /** What is sold by the piece is not multiplied by terms. */
  readonly isToken: boolean;
}

interface Term {
  /** `serviceTier:flex`, as the price book names its factors. */
  readonly name: string;
  readonly factors: Readonly<Record<string, string>>;
}

/**
 * Prices one call: a line per disjoint token bucket, part of one and kind of use that is not empty, in exact decimals.
 * Every token is in one line, so nothing is counted twice. What has no price is in `missing`, and the state is `partial`;
 * unpriced calls say why (`no_usage`, `no_price`). The provider's own figure is the total where the book does not have the
 * whole price. Pure.
 */
export function computeCost(book: PriceBook, facts: CostFacts): ComputedCost {
  const estimated = facts.usageSource === 'estimated';
  if (facts.isCached)
    return { ...unpriced('no_usage', book.version, false), state: 'priced', reason: 'cache_hit' };
  const quantities = facts.usage === null ? [] : quantitiesOf(facts.usage);
  const reported = facts.usage?.details?.reportedUsd;
  if (quantities.length === 0) return withReported(unpriced('no_usage', book.version, estimated), reported);
  const found = book.find(facts);
  if (!found) return withReported(unpriced('no_price', book.version, estimated), reported);
  return withReported(costAt(found, quantities, facts), reported);
}

function costAt(found: FoundPrice, quantities: readonly Quantity[], facts: CostFacts): ComputedCost {
  const inputTokens = facts.usage?.inputTokens ?? 0;
  const { terms, missing } = termsOf(found, facts);
  let total = zero;
  let contextTier = 0;
  const lines: CostLine[] = [];
  for (const { bucket, quantity, isToken } of chargedQuantities(quantities, found)) {
    const own = priceOf(found, bucket, isToken);
    if (!own || own.pricedAs !== undefined) missing.push(bucket);
    if (!own) continue;
    const { price: list, above } = priceAt(own.price, inputTokens);
    const price = isToken
      ? terms.reduce((sum, term) => multiplyDecimals(sum, factorOf(term, bucket)), list)
      : list;
    const usd = perMillion(price, quantity);
    total = addDecimals(total, usd);
    contextTier = Math.max(contextTier, above);
    lines.push({
      ...{ bucket, quantity, pricePerMillionUsd: formatDecimal(price), usd: formatDecimal(usd) },
      ...(own.pricedAs === undefined ? {} : { pricedAs: own.pricedAs }),
    });
  }
  return {
    ...(missing.length === 0
      ? { state: 'priced' as const, reason: '' }
      : { state: 'partial' as const, reason: 'incomplete_price', missing }),
    totalUsd: formatDecimal(total),
    lines,
    priceBookVersion: found.version,
    priceId: found.id,
    tier: tierOf(found, terms, contextTier),
    estimated: facts.usageSource === 'estimated',
  };
}

/** The provider's own figure is the total where the price book does not have the whole price; the lines stay what they are. */
function withReported(cost: ComputedCost, reportedUsd: string | undefined): ComputedCost {
  if (reportedUsd === undefined) return cost;
  if (cost.state === 'priced') return { ...cost, reportedUsd };
  return {
    ...cost,
    state: 'priced',
    reason: 'reported',
    totalUsd: reportedUsd,
    estimated: false,
    reportedUsd,
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

function quantitiesOf(usage: Usage): Quantity[] {
  const rest: Record<string, number> = { ...toTokenBuckets(usage).buckets };
  const parts: Quantity[] = [];
  for (const [bucket, tokens] of Object.entries(usage.details?.parts ?? {})) {
    const whole = wholeOfPart(bucket);
    // Parts that exceed their whole were not told right: no token is priced twice.
    const quantity = whole === null ? 0 : Math.min(tokens, rest[whole] ?? 0);
    if (whole !== null) rest[whole] = (rest[whole] ?? 0) - quantity;
    parts.push({ bucket, quantity, isToken: true });
  }
  const uses = Object.entries(usage.details?.uses ?? {}).map(([bucket, quantity]) => ({
    ...{ bucket, quantity },
    isToken: bucket.endsWith('Tokens'),
  }));
  const buckets = tokenBuckets.map((bucket) => ({ bucket, quantity: rest[bucket] ?? 0, isToken: true }));
  return [...buckets, ...parts, ...uses].filter(({ quantity }) => quantity > 0);
}

/** With the fee for the request itself; some providers tell which of their fees it is. */
function chargedQuantities(quantities: readonly Quantity[], { entry }: FoundPrice): readonly Quantity[] {
  const isTold = quantities.some(({ bucket }) => bucket.startsWith(requestsBucket));
  if (!entry.prices[requestsBucket] || isTold) return quantities;
  return [...quantities, { bucket: requestsBucket, quantity: 1, isToken: false }];
}

function priceOf(
  { entry: { prices }, isCustom }: FoundPrice,
  bucket: string,
  isToken: boolean,
): { readonly price: TieredPrice; readonly pricedAs?: string } | null {
  const own = Object.hasOwn(prices, bucket) ? prices[bucket] : undefined;
  if (own) return { price: own };
  if (unbilled.test(bucket)) return { price: { base: '0', tiers: [] } };
  if (!isToken) return null;
  const whole = wholeOfPart(bucket);
  for (const parent of [parents[bucket as TokenBucket], whole, whole && parents[whole]]) {
    const price = parent && parent !== bucket ? prices[parent] : undefined;
    if (parent && price) {
      const isMeant = pricedAsParent.has(bucket) || (isCustom && parentOfCustom.has(bucket));
      return isMeant ? { price } : { price, pricedAs: parent };
    }
  }
  return null;
}

/** What the call was served at, as far as the price knows it; what it does not know is missing. */
function termsOf({ entry }: FoundPrice, facts: CostFacts): { terms: readonly Term[]; missing: string[] } {
  const tier = facts.serviceTier;
  const asked = [
    ...(isStandardTier(tier) || entry.serviceTier === tier?.toLowerCase()
      ? []
      : [`serviceTier:${(tier ?? '').toLowerCase().slice(0, 64)}`]),
    ...Object.entries(facts.usage?.details?.terms ?? {}).map(([name, value]) => `${name}:${value}`),
  ];
  const terms: Term[] = [];
  const missing: string[] = [];
  for (const name of asked) {
    const factors = entry.factors && Object.hasOwn(entry.factors, name) ? entry.factors[name] : undefined;
    if (factors) terms.push({ name, factors });
    else missing.push(name);
  }
  return { terms, missing };
}

function factorOf({ factors }: Term, bucket: string): Decimal {
  return parseDecimal(factors[bucket] ?? factors['tokens'] ?? '1');
}

/** The price above the highest `start` that the input passes; `above` is that start, or 0. */
function priceAt(tiered: TieredPrice, inputTokens: number): { price: Decimal; above: number } {
  const tier = tiered.tiers.findLast(({ start }) => inputTokens > start);
  return { price: parseDecimal(tier?.price ?? tiered.base), above: tier?.start ?? 0 };
}

function tierOf({ entry }: FoundPrice, terms: readonly Term[], contextTier: number): string {
  const parts = [
    ...(entry.serviceTier === 'default' ? [] : [`service:${entry.serviceTier}`]),
    ...terms.map(({ name }) => name.replace(/^serviceTier:/, 'service:')),
    ...(contextTier > 0 ? [`context>${contextTier}`] : []),
  ];
  return parts.join(' ') || 'default';
}
