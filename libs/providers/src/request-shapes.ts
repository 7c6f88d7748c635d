import { geminiFacts, fitGeminiBody } from './gemini/gemini-facts.ts';
import { record, snakeCase, text } from './json-values.ts';
import type { RequestShape } from './model-request.ts';
import { itemReferencesOf } from './openai-responses/item-references.ts';

const sampling = ['temperature', 'top_p', 'max_tokens', 'n', 'seed', 'presence_penalty', 'frequency_penalty'];

const messageCount = (body: Readonly<Record<string, unknown>>): Record<string, number> =>
  Array.isArray(body.messages) ? { message_count: body.messages.length } : {};

const formatType = (value: unknown): Record<string, string> => {
  const type = text(record(value)?.type);
  return type === null ? {} : { response_format: type.slice(0, 64) };
};

/** `POST /v1/chat/completions`. */
export const chatShape: RequestShape = {
  required: { messages: 'array' },
  parameters: [
    ...sampling,
    ...['max_completion_tokens', 'service_tier', 'reasoning_effort', 'verbosity', 'parallel_tool_calls'],
    ...['logprobs', 'top_logprobs', 'store', 'tool_choice'],
  ],
  outputTokensMax: ['max_completion_tokens', 'max_tokens'],
  furtherParameters: (body) => ({ ...messageCount(body), ...formatType(body.response_format) }),
  endUser: (body) => body.user ?? body.safety_identifier,
};

/** `POST /v1/responses`. `input` may be missing where a stored prompt has it. */
export const responsesShape: RequestShape = {
  required: {},
  parameters: [
    ...['temperature', 'top_p', 'max_output_tokens', 'max_tool_calls', 'top_logprobs', 'service_tier'],
    ...['parallel_tool_calls', 'store', 'background', 'truncation', 'tool_choice', 'previous_response_id'],
  ],
  outputTokensMax: ['max_output_tokens'],
  furtherParameters: (body) => {
    const effort = text(record(body.reasoning)?.effort);
    return {
      ...(Array.isArray(body.input) ? { input_count: body.input.length } : {}),
      ...(effort === null ? {} : { reasoning_effort: effort.slice(0, 64) }),
      ...formatType(record(body.text)?.format),
    };
  },
  endUser: (body) => body.user ?? body.safety_identifier,
  itemReferences: itemReferencesOf,
};

/** `POST /v1/messages` of the Anthropic API. */
export const messagesShape: RequestShape = {
  required: { messages: 'array', max_tokens: 'any' },
  parameters: ['temperature', 'top_p', 'top_k', 'max_tokens', 'service_tier'],
  outputTokensMax: ['max_tokens'],
  furtherParameters: (body) => {
    const budget = record(body.thinking)?.budget_tokens;
    return { ...messageCount(body), ...(typeof budget === 'number' ? { thinking_budget: budget } : {}) };
  },
  endUser: (body) => record(body.metadata)?.user_id,
};

/** `POST /v1/messages/count_tokens` of the Anthropic API. */
export const countTokensShape: RequestShape = { ...messagesShape, required: { messages: 'array' } };

/** `POST /v1/embeddings`. */
export const embeddingsShape: RequestShape = {
  required: { input: 'text-or-array' },
  parameters: ['dimensions', 'encoding_format'],
  outputTokensMax: [],
  furtherParameters: (body) => (Array.isArray(body.input) ? { input_count: body.input.length } : {}),
  endUser: (body) => body.user,
};

/** `POST /v1/completions`, the legacy API. */
export const completionsShape: RequestShape = {
  required: { prompt: 'any' },
  parameters: [...sampling, 'best_of', 'echo', 'logprobs', 'suffix'],
  outputTokensMax: ['max_tokens'],
  endUser: (body) => body.user,
};

const geminiParameters = [
  ...['temperature', 'topP', 'topK', 'maxOutputTokens', 'candidateCount', 'seed', 'presencePenalty'],
  ...['frequencyPenalty', 'responseLogprobs', 'logprobs', 'responseMimeType', 'mediaResolution'],
];

/** `POST /v1beta/models/{model}:generateContent` of the Gemini API, and `:streamGenerateContent`. */
export const geminiShape: RequestShape = {
  required: { contents: 'any' },
  settings: ['generationConfig', 'generation_config'],
  parameters: [...geminiParameters, ...geminiParameters.map(snakeCase)],
  outputTokensMax: ['maxOutputTokens', 'max_output_tokens'],
  furtherParameters: geminiFacts,
  endUser: () => null,
  fitBody: fitGeminiBody,
};

/** `POST /v1beta/models/{model}:countTokens`. */
export const geminiCountTokensShape: RequestShape = { ...geminiShape, required: {} };

/** `POST /v1beta/models/{model}:batchEmbedContents`, which has `requests`, and `:embedContent`, which is one of them. */
export const geminiEmbeddingsShape: RequestShape = {
  required: {},
  parameters: [],
  outputTokensMax: [],
  furtherParameters: (body) => (Array.isArray(body.requests) ? { input_count: body.requests.length } : {}),
  endUser: () => null,
  fitBody: fitGeminiBody,
};
