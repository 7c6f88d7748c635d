import * as z from 'zod';

/** Unix nanoseconds as decimal text, up to the year 2255: the trace store's columns end in 2262. */
export const unixNanos = z.string().regex(/^(\d{1,18}|[1-8]\d{18})$/);

/** Unix milliseconds as unix nanoseconds, a decimal text. Whole milliseconds. */
export function nanosOfMillis(ms: number): string {
  return `${BigInt(ms) * 1_000_000n}`;
}

/** Unix nanoseconds as unix milliseconds, rounded down. */
export function millisOfNanos(nanos: string): number {
  return Number(BigInt(nanos) / 1_000_000n);
}
