import type { ClientHalf } from '../neutral/halves.ts';
import { FeatureUse } from '../neutral/request-builder.ts';
import { ResponsesStreamWriter, writeResponse } from './responses-client-answer.ts';
import { readResponsesBody, readTools } from './responses-client-request.ts';

/** Callers that speak the OpenAI Responses API. */
export const openAiResponsesClient: ClientHalf = {
  dialect: 'openai-responses',
  readRequest: readResponsesBody,
  readTools: (body) => readTools(body, new FeatureUse()),
  writeAnswer: writeResponse,
  streamWriter: (context) => new ResponsesStreamWriter(context),
};
