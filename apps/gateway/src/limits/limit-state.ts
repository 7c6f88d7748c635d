import type { WindowState } from '@loom/counter-store';

/** What is known of a key's limits when its call is on its way. */
export interface LimitState {
  /** `requests` and `tokens`, those that the key has, with this call counted. */
  readonly windows: readonly WindowState[];
  /** True when the counter store could not be asked: the call goes on, and its record says so. */
  readonly isUnchecked: boolean;
}

/** The limits of the last minute, as OpenAI's headers tell them. */
export function limitHeaders({ windows }: LimitState): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { name, limit, remaining, resetMs } of windows) {
    headers[`x-ratelimit-limit-${name}`] = String(limit);
    headers[`x-ratelimit-remaining-${name}`] = String(remaining);
    headers[`x-ratelimit-reset-${name}`] = durationText(resetMs);
  }
  return headers;
}

/** `0s`, `120ms`, `1s`, `6m0s`: whole seconds from one second on, rounded up. */
export function durationText(ms: number): string {
  if (ms > 0 && ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1000);
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (hours > 0) return `${hours}h${minutes}m${rest}s`;
  return minutes > 0 ? `${minutes}m${rest}s` : `${rest}s`;
}
