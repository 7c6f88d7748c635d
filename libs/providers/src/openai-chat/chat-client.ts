import type { ClientHalf } from '../neutral/halves.ts';
import { FeatureUse } from '../neutral/request-builder.ts';
import { ChatStreamWriter, writeChatCompletion } from './chat-client-answer.ts';
import { readChatBody, readTools } from './chat-client-request.ts';

/** Callers that speak the OpenAI chat API. */
export const openAiChatClient: ClientHalf = {
  dialect: 'openai-chat',
  readRequest: readChatBody,
  readTools: ({ tools }) => readTools(tools, new FeatureUse()),
  writeAnswer: writeChatCompletion,
  streamWriter: (context) => new ChatStreamWriter(context),
};
