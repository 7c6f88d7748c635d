import type { Breakers, PlannedAttempt } from '@loom/routing';
import { newUuid } from '@loom/trace-schema';
import { type Call, known } from '../call.ts';
import type { Authorizer } from '../forward/authorizer.ts';
import { Exchange } from '../forward/exchange.ts';
import { prepareAttempt } from '../forward/prepare-attempt.ts';
import type { GatewayMiddleware } from '../middleware.ts';
import type { StoredResponses } from '../stored-responses.ts';
import type { Upstream } from '../upstream/upstream.ts';

export interface ForwardOptions {
  readonly http: Upstream;
  readonly simulator: Upstream;
  readonly authorizer: Authorizer;
  readonly breakers: Breakers;
  readonly storedResponses: StoredResponses;
  /** A whole call, unless its route says otherwise. Milliseconds. */
  readonly totalTimeoutMs: number;
  /** A client that reads nothing is left after this. Milliseconds. */
  readonly clientStallMs: number;
  /** Calls that are running, so that a stop can end them. */
  readonly running: Set<Exchange>;
}

/** Calls the provider and hands its answer through; resolves when the call is over, whatever its end. */
export function forward(options: ForwardOptions): GatewayMiddleware {
  return {
    name: 'forward',
    handle: async (call) => {
      const { route, plan, source, planned, prepared } = known(call.routed, 'routed');
      const exchange = new Exchange(call, {
        totalTimeoutMs: route.timeouts.totalMs ?? options.totalTimeoutMs,
        clientStallMs: options.clientStallMs,
        ...{ plan, breakers: options.breakers, context: contextOf(call) },
        prepare: (next) => prepareAttempt(source, next, options.authorizer),
        send: ({ upstream }, listener) =>
          (upstream.provider.kind === 'sim' ? options.simulator : options.http).send(upstream, listener),
        registersId: call.dialectOrThrow.name === 'openai-responses' && call.stored === null,
        register: (responseId, { target }: PlannedAttempt) =>
          options.storedResponses.keep(known(call.project, 'project').id, responseId, target),
      });
      options.running.add(exchange);
      try {
        call.end = await exchange.run(planned, prepared);
      } finally {
        options.running.delete(exchange);
      }
    },
  };
}

function contextOf(call: Call) {
  const request = known(call.modelRequest, 'modelRequest');
  return {
    requestModel: request.model,
    id: newUuid(call.startTimeMs).replaceAll('-', ''),
    created: Math.floor(call.startTimeMs / 1000),
    includeUsage: request.includeUsage,
    bytes: request.bytes,
  };
}
