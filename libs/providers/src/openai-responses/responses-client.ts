import type { ClientHalf } from '../neutral/halves.ts';
import { ResponsesStreamWriter, writeResponse } from './responses-client-answer.ts';
import { readResponsesBody } from './responses-client-request.ts';

/** Callers that speak the OpenAI Responses API. */
export const openAiResponsesClient: ClientHalf = {
  dialect: 'openai-responses',
  readRequest: readResponsesBody,
  writeAnswer: writeResponse,
  streamWriter: (context) => new ResponsesStreamWriter(context),
};
