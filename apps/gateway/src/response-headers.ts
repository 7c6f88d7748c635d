import type { OutgoingHttpHeaders } from 'node:http';
import type { Call } from './call.ts';
import { limitHeaders } from './limits/limit-state.ts';

/**
 * The headers that every answer carries, refusals too. `server-timing` says what Loom added until now. Of a key with
 * limits they tell what is left; of a call that was accepted they hold the receipt.
 */
export function responseHeaders(call: Call): OutgoingHttpHeaders {
  const addedMs = (call.dispatchedAt ?? performance.now()) - call.startedAt;
  return {
    'x-loom-trace-id': call.traceId,
    'x-loom-span-id': call.spanId,
    'x-request-id': call.id,
    // By this Anthropic's clients know a request.
    ...(call.errorStyle === 'anthropic' ? { 'request-id': call.id } : {}),
    'server-timing': `loom;dur=${addedMs.toFixed(3)}`,
    ...(call.receipt === null ? {} : { 'x-loom-receipt': call.receipt() }),
    ...(call.cache ? { 'x-loom-cache': call.cache } : {}),
    ...(call.limits ? limitHeaders(call.limits) : {}),
  };
}
