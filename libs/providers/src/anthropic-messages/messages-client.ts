import type { ClientHalf } from '../neutral/halves.ts';
import { MessagesStreamWriter, writeMessage } from './messages-client-answer.ts';
import { readMessagesBody } from './messages-client-request.ts';

/** Callers that speak the Anthropic Messages API. */
export const anthropicClient: ClientHalf = {
  dialect: 'anthropic-messages',
  readRequest: readMessagesBody,
  writeAnswer: writeMessage,
  streamWriter: (context) => new MessagesStreamWriter(context),
};
