import { anthropicClient } from './anthropic-messages/messages-client.ts';
import { anthropicProvider } from './anthropic-messages/messages-provider.ts';
import type { ClientHalf, ProviderHalf } from './neutral/halves.ts';
import { openAiChatClient } from './openai-chat/chat-client.ts';
import { openAiChatProvider } from './openai-chat/chat-provider.ts';
import { openAiResponsesClient } from './openai-responses/responses-client.ts';
import { type Pair, pairOf } from './pair.ts';

/** The caller's side of each dialect that is translated, and the provider's side of each API. */
const clients: readonly ClientHalf[] = [openAiChatClient, openAiResponsesClient, anthropicClient];
const providers: readonly ProviderHalf[] = [openAiChatProvider, anthropicProvider];

const pairs: ReadonlyMap<string, Pair> = new Map(
  clients.flatMap((client) =>
    providers
      .filter((provider) => provider.wire !== client.dialect)
      .map((provider) => [`${client.dialect}-to-${provider.wire}`, pairOf(client, provider)] as const),
  ),
);

/** The translation of a dialect to a provider's API, as `<client>-to-<provider>`; undefined when there is none. */
export function findPair(dialect: string, wire: string): Pair | undefined {
  return pairs.get(`${dialect}-to-${wire}`);
}

export const pairNames: readonly string[] = [...pairs.keys()];
