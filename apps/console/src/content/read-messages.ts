import type { ConversationReader } from './conversation.ts';
import { turnOfMessage } from './read-chat.ts';
import { list, other, partsOf, turn } from './read-parts.ts';

/** Anthropic's messages: `system` and `messages` of blocks in, one message or a count of tokens out. */
export const readMessages: ConversationReader = (request, response) => {
  const { system } = request;
  const { content, input_tokens: count } = response;
  return [
    ...(system === undefined || system === null ? [] : [turn('system', partsOf(system), false)]),
    ...list(request['messages']).map((message) => turnOfMessage(message, false)),
    ...(Array.isArray(content) ? [turnOfMessage(response, true)] : []),
    ...(typeof count === 'number' ? [turn('count', [other('input_tokens', count)], true)] : []),
  ];
};
