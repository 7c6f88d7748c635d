import type { CostFigures } from '../../trace-store.ts';
import type { StoredRow } from './row-codec.ts';

/** Sums over newest costs, one row of `newest_usd`, `newest_state` and `newest_reason` a span. */
export const figuresOfCosts = `toString(sum(newest_usd)) AS usd, countIf(newest_state != 'unpriced') AS priced,
  countIf(newest_state = 'unpriced' AND newest_reason = 'no_price') AS without_price,
  countIf(newest_state = 'partial') AS partly_priced`;

/** The same over the hourly rollup. */
export const figuresOfCostsHourly = `toString(sum(total_usd)) AS usd, sum(priced) AS priced,
  sum(without_price) AS without_price, sum(partly_priced) AS partly_priced`;

/** Reads a row of either; without a row there is no cost yet. */
export function readCosts(row: StoredRow | undefined): CostFigures {
  return {
    costUsd: Number(row?.['priced'] ?? 0) > 0 ? String(row?.['usd']) : null,
    withoutPrice: Number(row?.['without_price'] ?? 0),
    partlyPriced: Number(row?.['partly_priced'] ?? 0),
  };
}
