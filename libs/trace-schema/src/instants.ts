/** Unix milliseconds as unix nanoseconds, a decimal text. Whole milliseconds. */
export function nanosOfMillis(ms: number): string {
  return `${BigInt(ms) * 1_000_000n}`;
}

/** Unix nanoseconds as unix milliseconds, rounded down. */
export function millisOfNanos(nanos: string): number {
  return Number(BigInt(nanos) / 1_000_000n);
}
