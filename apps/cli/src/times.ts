import { isIsoTime } from '@loom/api-contract';
import { LoomError } from '@loom/errors';

const unitMs: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time to come: `30d` is in 30 days; anything else must be a time. ISO 8601 out. */
export function toExpiry(text: string): string {
  const [, count, unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count) return new Date(Date.now() + Number(count) * (unitMs[unit] ?? 0)).toISOString();
  if (isIsoTime(text)) return new Date(Date.parse(text)).toISOString();
  throw new LoomError('invalid_request', `"${text}" is no time; write 12h, 30d or 2026-11-22T10:00:00Z`);
}

/** `1h` is an hour ago; anything else must be a time. ISO 8601 out. */
export function toTime(text: string): string {
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  const ms = ago?.[2] ? Date.now() - Number(ago[1]) * (unitMs[ago[2]] ?? 0) : Date.parse(text);
  if (!ago && !isIsoTime(text)) {
    throw new LoomError('invalid_request', `"${text}" is no time; write 30m, 1h, 7d or 2026-11-22T10:00:00Z`);
  }
  return new Date(ms).toISOString();
}
