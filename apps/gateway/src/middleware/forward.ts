import type { CredentialReader } from '../credentials.ts';
import { chatRequestForProvider, profileOf, EventGate } from '@loom/providers';
import { known } from '../call.ts';
import { Exchange } from '../exchange.ts';
import { headersForProvider } from '../headers.ts';
import type { GatewayMiddleware } from '../middleware.ts';
import type { Upstream } from '../upstream/upstream.ts';

export interface ForwardOptions {
  readonly http: Upstream;
  readonly simulator: Upstream;
  readonly credentials: CredentialReader;
  /** A call may take this long in all. Milliseconds. */
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
      const chat = known(call.chat, 'chat');
      const { provider, model } = known(call.target, 'target');
      const profile = profileOf(provider.kind);
      const askForUsage = chat.stream && !chat.includeUsage && (profile?.asksForStreamUsage ?? false);
      const credential = options.credentials.read(provider);
      const header = credential === null || !profile ? null : profile.authHeader(credential);
      const exchange = new Exchange(call, {
        totalTimeoutMs: options.totalTimeoutMs,
        clientStallMs: options.clientStallMs,
        gate: new EventGate({ takesUsageOut: askForUsage }),
        credential,
      });
      options.running.add(exchange);
      try {
        call.dispatchedAt = performance.now();
        const upstream = provider.kind === 'sim' ? options.simulator : options.http;
        call.end = await exchange.run((listener) =>
          upstream.send(
            {
              provider,
              path: '/chat/completions',
              headers: headersForProvider(call.request.headers, header, chat.stream),
              body: chatRequestForProvider(chat, { model, askForUsage }),
              chat,
            },
            listener,
          ),
        );
      } finally {
        options.running.delete(exchange);
      }
    },
  };
}
