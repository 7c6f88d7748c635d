import { LoomError } from '@loom/errors';
import { millisOfNanos, nanosOfMillis } from '@loom/trace-schema';

/** Unix nanoseconds as ISO 8601 to the microsecond. */
export function toInstant(unixNanos: string): string {
  const nanos = BigInt(unixNanos);
  const seconds = new Date(millisOfNanos(unixNanos)).toISOString().slice(0, 19);
  return `${seconds}.${String((nanos % 1_000_000_000n) / 1000n).padStart(6, '0')}Z`;
}

export function toMilliseconds(nanos: number): number {
  return nanos / 1e6;
}

export interface TimeRange {
  /** Unix nanoseconds, or null for no bound. */
  readonly from: string | null;
  readonly to: string | null;
}

const rangeDaysMax = 400;
const dayMs = 86_400_000;

/**
 * The range that `from` and `to` (ISO 8601 or unix milliseconds) name. Throws `invalid_request` when it is empty or
 * longer than 400 days.
 */
export function toRange(query: { from?: string | undefined; to?: string | undefined }): TimeRange {
  const fromMs = query.from === undefined ? null : toUnixMs(query.from);
  const toMs = query.to === undefined ? null : toUnixMs(query.to);
  if (fromMs !== null) {
    const endMs = toMs ?? Date.now();
    if (toMs !== null && toMs <= fromMs) {
      throw new LoomError('invalid_request', `from ${query.from} is not before to ${query.to}`, {
        param: 'to',
      });
    }
    if (endMs - fromMs > rangeDaysMax * dayMs) {
      throw new LoomError('invalid_request', `the range is longer than ${rangeDaysMax} days`, {
        param: 'from',
      });
    }
  }
  return { from: fromMs === null ? null : toNanos(fromMs), to: toMs === null ? null : toNanos(toMs) };
}

/** The same with both ends: `to` is now and `from` as long before it as said, unless the caller named them. */
export function toClosedRange(
  query: { from?: string | undefined; to?: string | undefined },
  defaultMs: number,
  nowMs: number,
): { from: string; to: string } {
  const to = query.to ?? String(nowMs);
  const from = query.from ?? String(Math.max(0, toUnixMs(to) - defaultMs));
  const range = toRange({ from, to });
  return { from: range.from ?? '0', to: range.to ?? '0' };
}

function toUnixMs(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Date.parse(text);
}

function toNanos(unixMs: number): string {
  return nanosOfMillis(Math.max(0, unixMs));
}
