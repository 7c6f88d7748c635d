import { known } from '../call.ts';
import type { KeyLimiter } from '../limits/key-limiter.ts';
import type { GatewayMiddleware } from '../middleware.ts';

/** Holds a key to its limits, before the call is on the record as accepted. A key without limits passes. */
export function limit(limiter: KeyLimiter): GatewayMiddleware {
  return {
    name: 'limit',
    handle: (call, next) => {
      const { limits } = known(call.key, 'key');
      if (!limits) return next();
      const { requestsPerMinute, tokensPerMinute, concurrentCalls } = limits;
      if (requestsPerMinute === null && tokensPerMinute === null && concurrentCalls === null) return next();
      return limiter.admit(call, limits).then(async () => {
        try {
          await next();
        } finally {
          limiter.settle(call, limits);
        }
      });
    },
  };
}
