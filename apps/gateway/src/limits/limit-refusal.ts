import type { Grant, WindowDemand } from '@loom/counter-store';
import { LoomError } from '@loom/errors';
import { durationText } from './limit-state.ts';

/** When a slot is free again, nobody knows. Milliseconds. */
const slotRetryMs = 1_000;
const reason = 'rate_limit_exceeded';
const remedy = 'who manages the key can raise the limit';

/** What a caller is told whose key has no room: which limit, and what helps. */
export function limitRefusal(
  { refusedBy, retryAfterMs, windows: states }: Grant,
  { windows, slots }: { readonly windows: readonly WindowDemand[]; readonly slots: number | null },
): LoomError {
  const window = windows.find(({ name }) => name === refusedBy);
  if (!window) {
    return new LoomError(
      'rate_limited',
      `rate limit reached for this API key: ${slots} concurrent calls; wait until one of them has ended; ${remedy}`,
      { reason, retryAfterMs: slotRetryMs, details: { limited: 'requests' } },
    );
  }
  const { name, limit, amount } = window;
  const details = { limited: name };
  if (retryAfterMs === null) {
    return new LoomError(
      'rate_limited',
      `the request is too large for this API key: it may use ${amount} ${name}, and the limit is ${limit} ${name} per ` +
        `minute; send a shorter input or a lower max_completion_tokens; ${remedy}`,
      { reason, details },
    );
  }
  const used = limit - (states.find((state) => state.name === name)?.remaining ?? 0);
  return new LoomError(
    'rate_limited',
    `rate limit reached for this API key: ${limit} ${name} per minute, used ${used}, requested ${amount}; try again in ` +
      `${durationText(Math.max(retryAfterMs, 1))}; ${remedy}`,
    { reason, retryAfterMs: Math.max(retryAfterMs, 1), details },
  );
}

/** Under the policy that no call goes on whose limits cannot be checked. */
export function closedRefusal(cause: LoomError): LoomError {
  return new LoomError(
    'unavailable',
    'the limits of this API key cannot be checked now, so the call was not made; try again in a moment',
    { reason: 'limits_unavailable', retryAfterMs: cause.retryAfterMs ?? 1000, cause },
  );
}
