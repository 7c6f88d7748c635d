import { type TokenBucket, tokenBuckets } from '@loom/trace-schema';
import type { FactRow } from './rows-of-event.ts';
import type { SpanRow } from './rows.ts';

export const tokenField = (bucket: TokenBucket) => `${bucket}Tokens` as const;
export type TokenFields = Record<ReturnType<typeof tokenField>, number>;
export type FlatSpan = Omit<SpanRow, 'tokens'> & TokenFields;

/** Returns a span with a field for each column. */
export function flatSpan({ tokens, ...rest }: SpanRow): FlatSpan {
  const flat = Object.fromEntries(tokenBuckets.map((bucket) => [tokenField(bucket), tokens[bucket]]));
  return { ...rest, ...(flat as TokenFields) };
}

/** Returns the row with a field for each column that its event knows. */
export function flatRow({ table, row }: FactRow): Readonly<Record<string, unknown>> {
  return table === 'spans' ? { ...flatSpan(row) } : { ...row };
}
