import type { ClientHalf } from '../neutral/halves.ts';
import { FeatureUse } from '../neutral/request-builder.ts';
import { MessagesStreamWriter, writeMessage } from './messages-client-answer.ts';
import { readMessagesBody, readTools } from './messages-client-request.ts';

/** Callers that speak the Anthropic Messages API. */
export const anthropicClient: ClientHalf = {
  dialect: 'anthropic-messages',
  readRequest: readMessagesBody,
  readTools: ({ tools }) => readTools(tools, new FeatureUse()),
  writeAnswer: writeMessage,
  streamWriter: (context) => new MessagesStreamWriter(context),
};
