import { formatCount, formatUsd } from '../format/numbers.ts';

export interface CostProps {
  /** Decimal US dollars; null: no call has a known cost. */
  readonly usd: string | null;
  /** Calls whose model has no price. */
  readonly withoutPrice: number;
  /** Calls of which a part has no price. */
  readonly partlyPriced: number;
}

/** A sum of costs, which never hides what is not known: a dash for no cost at all, a mark for a sum that lacks some. */
export function Cost({ usd, ...unknown }: CostProps) {
  const gap = missingCosts(unknown);
  if (usd === null)
    return (
      <span className="text-muted" title={gap ?? 'No priced calls'}>
        –
      </span>
    );
  return (
    <span title={[`$${usd}`, gap].filter((text) => text !== null).join('. ')}>
      {formatUsd(usd)}
      {gap !== null && <span className="text-warn"> +?</span>}
    </span>
  );
}

/** What a sum of costs lacks, as a sentence; null when it lacks nothing. */
export function missingCosts({ withoutPrice, partlyPriced }: Omit<CostProps, 'usd'>): string | null {
  const parts = [
    ...(withoutPrice > 0 ? [`${calls(withoutPrice)} without a price`] : []),
    ...(partlyPriced > 0 ? [`${calls(partlyPriced)} priced in part`] : []),
  ];
  return parts.length === 0 ? null : parts.join(', ');
}

function calls(count: number): string {
  return count === 1 ? '1 call' : `${formatCount(count)} calls`;
}
