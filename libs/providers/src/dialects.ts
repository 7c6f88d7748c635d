import type { RequestShape } from './model-request.ts';
import {
  chatShape,
  completionsShape,
  countTokensShape,
  embeddingsShape,
  geminiCountTokensShape,
  geminiEmbeddingsShape,
  geminiShape,
  messagesShape,
  responsesShape,
} from './request-shapes.ts';

export type DialectName =
  | 'openai-chat'
  | 'openai-responses'
  | 'openai-embeddings'
  | 'openai-completions'
  | 'anthropic-messages'
  | 'anthropic-count-tokens'
  | 'gemini-generate-content'
  | 'gemini-count-tokens'
  | 'gemini-embeddings';

/** An API that callers speak. */
export interface Dialect {
  readonly name: DialectName;
  /** Exact path of its `POST`; `{model}` stands for the model, and `{verb}` for one of the verbs. */
  readonly path: string;
  /** By the verb at the end of the path, whether a stream is wanted. Only where the path names the model. */
  readonly verbs?: Readonly<Record<string, { readonly stream: boolean }>>;
  /** `gen_ai.operation.name`. */
  readonly operation: string;
  readonly shape: RequestShape;
  /** How errors are told: as a body, and as the last event of a stream that breaks. */
  readonly errors: 'openai' | 'anthropic' | 'google';
  readonly streamErrors: 'openai-chat' | 'openai-responses' | 'anthropic' | 'google';
  /** Whether a stream tells its usage only where `stream_options.include_usage` asks for it. */
  readonly hasUsageOption: boolean;
}

const openAi = { errors: 'openai', streamErrors: 'openai-chat', hasUsageOption: false } as const;
const anthropic = { errors: 'anthropic', streamErrors: 'anthropic', hasUsageOption: false } as const;
const google = {
  path: '/v1beta/models/{model}:{verb}',
  errors: 'google',
  streamErrors: 'google',
  hasUsageOption: false,
} as const;

export const dialects: readonly Dialect[] = [
  {
    ...{ name: 'openai-chat', path: '/v1/chat/completions', operation: 'chat', shape: chatShape },
    ...{ ...openAi, hasUsageOption: true },
  },
  {
    ...{ name: 'openai-responses', path: '/v1/responses', operation: 'chat', shape: responsesShape },
    ...{ ...openAi, streamErrors: 'openai-responses' },
  },
  {
    ...{ name: 'openai-embeddings', path: '/v1/embeddings', operation: 'embeddings', shape: embeddingsShape },
    ...openAi,
  },
  {
    ...{ name: 'openai-completions', path: '/v1/completions', operation: 'text_completion' },
    ...{ shape: completionsShape, ...openAi, hasUsageOption: true },
  },
  {
    ...{ name: 'anthropic-messages', path: '/v1/messages', operation: 'chat', shape: messagesShape },
    ...anthropic,
  },
  {
    ...{ name: 'anthropic-count-tokens', path: '/v1/messages/count_tokens', operation: 'count_tokens' },
    ...{ shape: countTokensShape, ...anthropic },
  },
  {
    ...{ name: 'gemini-generate-content', operation: 'chat', shape: geminiShape, ...google },
    verbs: { generateContent: { stream: false }, streamGenerateContent: { stream: true } },
  },
  {
    ...{ name: 'gemini-count-tokens', operation: 'count_tokens', shape: geminiCountTokensShape, ...google },
    verbs: { countTokens: { stream: false } },
  },
  {
    ...{ name: 'gemini-embeddings', operation: 'embeddings', shape: geminiEmbeddingsShape, ...google },
    verbs: { batchEmbedContents: { stream: false }, embedContent: { stream: false } },
  },
];

const byName = new Map(dialects.map((dialect) => [dialect.name, dialect]));

export function dialectOf(name: DialectName): Dialect {
  const found = byName.get(name);
  if (!found) throw new Error(`no dialect ${name}`);
  return found;
}
