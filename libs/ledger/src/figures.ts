import type { Envelope } from './envelope.ts';

export type Figure = 'status' | 'tokens' | 'cost';

/** What is shown of a call. */
export interface ShownFigures {
  readonly status: number;
  /** Inclusive, by the names of an envelope's `usage`, and perhaps `totalTokens` and members that are no numbers. */
  readonly usage: Readonly<Record<string, unknown>> | null;
  /** False when the provider's parts exceeded its whole: what is shown was put right then. */
  readonly usageConsistent: boolean;
  /** Decimal US dollars; null where there is no price, `undefined` where it is not known yet. */
  readonly totalUsd: string | null | undefined;
}

const nanoUsdDigits = 9;

/** Decimal US dollars as whole nano-dollars; what is finer is rounded to the nearest. */
export function nanoUsdOf(usd: string): bigint {
  const [whole = '0', fraction = ''] = usd.split('.');
  const nanos = BigInt(whole + fraction.slice(0, nanoUsdDigits).padEnd(nanoUsdDigits, '0'));
  return nanos + (Number(fraction[nanoUsdDigits] ?? '0') >= 5 ? 1n : 0n);
}

/** Which figures leaves of a call state as well: those that are the same, and those that are not. */
export function compareFigures(
  shown: ShownFigures,
  leaves: readonly Envelope[],
): { readonly same: readonly Figure[]; readonly other: readonly Figure[] } {
  const same: Figure[] = [];
  const other: Figure[] = [];
  const compare = (figure: Figure, holds: boolean) => void (holds ? same : other).push(figure);
  const end = leaves.find(({ kind, status }) => kind !== 'call.accepted' && status !== undefined);
  if (end) compare('status', end.status === shown.status);
  if (end?.usage && (shown.usageConsistent || isConsistent(end.usage)))
    compare('tokens', shown.usageConsistent && isSameUsage(end.usage, shown.usage ?? {}));
  const costs = leaves.flatMap(({ costNanoUsd }) => (costNanoUsd === undefined ? [] : [BigInt(costNanoUsd)]));
  const { totalUsd } = shown;
  if (costs.length > 0 && totalUsd !== undefined) {
    const nanos = totalUsd !== null && /^\d+(?:\.\d*)?$/.test(totalUsd) ? nanoUsdOf(totalUsd) : null;
    const isSame = (cost: bigint) => nanos !== null && cost - nanos <= 1n && nanos - cost <= 1n;
    compare('cost', costs.some(isSame)); // a price may be computed again
  }
  return { same, other };
}

/** Members that are zero are not in an envelope's usage, and neither is the total. */
function isSameUsage(
  sealed: Readonly<Record<string, number>>,
  shown: Readonly<Record<string, unknown>>,
): boolean {
  const totalTokens = (sealed['inputTokens'] ?? 0) + (sealed['outputTokens'] ?? 0);
  const expected: Readonly<Record<string, number>> = { ...sealed, totalTokens };
  const figures = Object.entries(shown).filter(([, value]) => typeof value === 'number');
  const names = new Set([...Object.keys(sealed), ...figures.map(([name]) => name)]);
  return [...names].every((name) => (expected[name] ?? 0) === (shown[name] ?? 0));
}

function isConsistent(usage: Readonly<Record<string, number>>): boolean {
  const of = (name: string) => usage[name] ?? 0;
  const input = of('cacheReadInputTokens') + of('cacheWriteInputTokens') + of('inputAudioTokens');
  const output = of('reasoningOutputTokens') + of('outputAudioTokens');
  return input <= of('inputTokens') && output <= of('outputTokens');
}
