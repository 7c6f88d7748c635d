export { type ComputedCost, computeCost, type CostFacts } from './compute-cost.ts';
export { addDecimals, type Decimal, formatDecimal, parseDecimal, zero } from './decimal.ts';
export { type FoundPrice, PriceBook, type PriceQuery } from './price-book.ts';
