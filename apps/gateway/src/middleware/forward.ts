import { Breakers, type PlannedAttempt } from '@loom/routing';
import { newUuid } from '@loom/trace-schema';
import { type Call, known } from '../call.ts';
import type { Authorizer } from '../forward/authorizer.ts';
import { Exchange } from '../forward/exchange.ts';
import { prepareAttempt } from '../forward/prepare-attempt.ts';
import type { GatewayMiddleware } from '../middleware.ts';
import { cacheableAnswer, cacheUseOf, type ResponseCache } from '../response-cache.ts';
import type { StoredItems } from '../stored-items.ts';
import type { StoredResponses } from '../stored-responses.ts';
import { replayAnswer } from '../upstream/cached-upstream.ts';
import type { Upstream } from '../upstream/upstream.ts';

export interface ForwardOptions {
  readonly http: Upstream;
  readonly simulator: Upstream;
  readonly authorizer: Authorizer;
  readonly breakers: Breakers;
  readonly storedResponses: StoredResponses;
  readonly storedItems: StoredItems;
  readonly cache: ResponseCache;
  /** A whole call, unless its route says otherwise. Milliseconds. */
  readonly totalTimeoutMs: number;
  /** A client that reads nothing is left after this. Milliseconds. */
  readonly clientStallMs: number;
  /** After this much silence a stream gets a comment. Milliseconds. */
  readonly heartbeatMs: number;
  /** Calls that are running, so that a stop can end them. */
  readonly running: Set<Exchange>;
}

/** Calls the provider and hands its answer through; resolves when the call is over, whatever its end. */
export function forward(options: ForwardOptions): GatewayMiddleware {
  return {
    name: 'forward',
    handle: async (call) => {
      const { route, plan, source, planned, prepared } = known(call.routed, 'routed');
      const use = cacheUseOf(call, route);
      const cached = use && (await options.cache.find(use, prepared.wire));
      if (use) call.cache = cached ? 'hit' : 'miss';
      const context = contextOf(call);
      const exchange = new Exchange(call, {
        totalTimeoutMs: route.timeouts.totalMs ?? options.totalTimeoutMs,
        clientStallMs: options.clientStallMs,
        heartbeatMs: options.heartbeatMs,
        firstChunkMs: route.timeouts.firstChunkMs ?? null,
        ...{ plan, context },
        breakers: cached ? new Breakers() : options.breakers, // what is given again says nothing of its provider
        prepare: (next) => prepareAttempt(source, next, options.authorizer),
        prepareWithoutUsageOption: (planned) => {
          source.withoutUsageOption.add(planned.target.provider.id);
          return prepareAttempt(source, planned, options.authorizer);
        },
        send: ({ upstream, wire }, listener) =>
          cached || wire === 'token-estimate'
            ? replayAnswer(cached ?? { bytes: upstream.body, contentType: 'application/json' }, listener)
            : (upstream.provider.kind === 'sim' ? options.simulator : options.http).send(upstream, listener),
        fallsBackOnContentPolicy: route.fallbacks.length > 0 && route.fallbackOn.includes('content_policy'),
        registersId: call.dialectOrThrow.name === 'openai-responses' && call.stored === null,
        register: (responseId, { target, keyIndex }: PlannedAttempt) =>
          options.storedResponses.keep(known(call.project, 'project').id, responseId, {
            ...{
              target,
              keyIndex,
              background: known(call.modelRequest, 'modelRequest').parameters.background === true,
            },
          }),
      });
      options.running.add(exchange);
      try {
        call.end = await exchange.run(planned, prepared);
        const usage = call.end.tail?.facts.usage ?? null;
        // Tokens that were only counted are not used.
        const counts =
          call.operation !== 'count_tokens' && (await options.storedResponses.countsUsage(call, usage));
        if (!counts) call.end = { ...call.end, usageCountsElsewhere: true };
        const answer = use && !cached ? cacheableAnswer(call, call.end) : null;
        if (use && answer) options.cache.keep(use, answer);
        options.storedItems.keep(call, call.end, context.id);
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
