import { anthropicClient } from './anthropic-messages/messages-client.ts';
import { countTokensPairs } from './count-tokens/count-tokens-pairs.ts';
import { anthropicProvider } from './anthropic-messages/messages-provider.ts';
import { bedrockProvider } from './bedrock/converse-provider.ts';
import { cohereProvider } from './cohere/cohere-provider.ts';
import { geminiClient } from './gemini/gemini-client.ts';
import { geminiProvider } from './gemini/gemini-provider.ts';
import type { ClientHalf, ProviderHalf } from './neutral/halves.ts';
import { openAiChatClient } from './openai-chat/chat-client.ts';
import { openAiChatProvider } from './openai-chat/chat-provider.ts';
import { embeddingsPairs } from './openai-embeddings/embeddings-pairs.ts';
import { openAiResponsesClient } from './openai-responses/responses-client.ts';
import { type Pair, pairOf } from './pair.ts';

/** The caller's side of each dialect that is translated, and the provider's side of each API. */
const clients: readonly ClientHalf[] = [
  ...[openAiChatClient, openAiResponsesClient, anthropicClient, geminiClient],
];
const providers: readonly ProviderHalf[] = [
  openAiChatProvider,
  anthropicProvider,
  geminiProvider,
  bedrockProvider,
  cohereProvider,
];

const chatPairs = clients.flatMap((client) =>
  providers.filter(({ wire }) => wire !== client.dialect).map((provider) => pairOf(client, provider)),
);
const pairs: ReadonlyMap<string, Pair> = new Map(
  [...chatPairs, ...embeddingsPairs, ...countTokensPairs].map((pair) => [
    `${pair.dialect}-to-${pair.wire}`,
    pair,
  ]),
);

/** The translation of a dialect to a provider's API, as `<client>-to-<provider>`; undefined when there is none. */
export function findPair(dialect: string, wire: string): Pair | undefined {
  return pairs.get(`${dialect}-to-${wire}`);
}

export const pairNames: readonly string[] = [...pairs.keys()];
