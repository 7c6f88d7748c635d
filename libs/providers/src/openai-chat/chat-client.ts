import type { ClientHalf } from '../neutral/halves.ts';
import { ChatStreamWriter, writeChatCompletion } from './chat-client-answer.ts';
import { readChatBody } from './chat-client-request.ts';

/** Callers that speak the OpenAI chat API. */
export const openAiChatClient: ClientHalf = {
  dialect: 'openai-chat',
  readRequest: readChatBody,
  writeAnswer: writeChatCompletion,
  streamWriter: (context) => new ChatStreamWriter(context),
};
