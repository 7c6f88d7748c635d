import type { ClientHalf } from '../neutral/halves.ts';
import { FeatureUse } from '../neutral/request-builder.ts';
import { GeminiStreamWriter, writeGeminiAnswer } from './gemini-client-answer.ts';
import { readGeminiBody, readTools } from './gemini-client-request.ts';

/** Callers that speak the Gemini API. */
export const geminiClient: ClientHalf = {
  dialect: 'gemini-generate-content',
  readRequest: readGeminiBody,
  readTools: ({ tools }) => readTools(tools, new FeatureUse()),
  writeAnswer: writeGeminiAnswer,
  streamWriter: (context) => new GeminiStreamWriter(context),
};
