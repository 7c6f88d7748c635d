import type { Call } from './call.ts';

/**
 * One step of a call's way through the gateway. `handle` does its part and calls `next` once to go on; what it does
 * after `next` has resolved, it does when the call is over (`call.end` is then set, unless the call was refused).
 *
 * To refuse a call, throw a `LoomError` before calling `next`: the caller gets it in its own dialect, and the refusal is
 * recorded. After the answer has begun nothing can be refused any more. Work before `next` delays the call; the bytes
 * of the answer do not pass through a middleware. Must be safe for many calls at once.
 */
export interface GatewayMiddleware {
  /** For logs and errors. */
  readonly name: string;
  handle(call: Call, next: () => Promise<void>): Promise<void>;
}

/**
 * What a middleware file exports as its default (`LOOM_GATEWAY_MIDDLEWARES`, files separated by commas). Called once at
 * start; a throw ends the start.
 */
export type MiddlewareFactory = () => GatewayMiddleware | Promise<GatewayMiddleware>;

/** The chain as one function. */
export function compose(middlewares: readonly GatewayMiddleware[]): (call: Call) => Promise<void> {
  const step = (index: number, call: Call): Promise<void> => {
    const middleware = middlewares[index];
    if (!middleware) return Promise.resolve();
    let called = false;
    return middleware.handle(call, () => {
      if (called) return Promise.reject(new Error(`middleware ${middleware.name} called next twice`));
      called = true;
      return step(index + 1, call);
    });
  };
  return (call) => step(0, call);
}
