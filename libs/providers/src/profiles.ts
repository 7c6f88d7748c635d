import { LoomError } from '@loom/errors';
import type { DialectName } from './dialects.ts';
import { record } from './json-values.ts';

/** The name of a provider's API: one of the dialects, or one that no caller speaks. */
type WireName =
  | DialectName
  | 'bedrock-converse'
  | 'cohere-chat'
  | 'cohere-embeddings'
  | 'bedrock-count-tokens'
  /** Loom itself, by an estimate. */
  | 'token-estimate';

interface EndpointRequest {
  readonly model: string;
  readonly stream: boolean;
  /** Of the caller's path, in dialects that have some. */
  readonly verb?: string | undefined;
  /** The provider's own settings, by name: `apiVersion`. */
  readonly options: Readonly<Record<string, string>>;
}

/** Where and how a provider answers one kind of call. */
export interface Endpoint {
  readonly wire: WireName;
  /** Below the provider's base URL, with a leading slash. */
  readonly path: (request: EndpointRequest) => string;
  /** Changes the body where this place wants the same API said a little differently; else it goes as it is. */
  readonly adapt?: (body: Readonly<Record<string, unknown>>) => Readonly<Record<string, unknown>>;
}

/** How a provider's credential travels; `sigv4` and `google-oauth` need more than a header made of it. */
type AuthScheme = 'bearer' | 'x-api-key' | 'api-key' | 'x-goog-api-key' | 'sigv4' | 'google-oauth';

/** The wire behaviour of a kind of provider. */
export interface ProviderProfile {
  readonly kind: string;
  /** Where the API is when the operator names no other; '' when it must be named. */
  readonly defaultBaseUrl: string;
  readonly auth: AuthScheme;
  /**
   * Whether `stream_options.include_usage` may be added to a streamed request. False where the provider reports
   * usage by itself or refuses the option.
   */
  readonly asksForStreamUsage: boolean;
  /** `GET` path of the list of models (read by `readModelList`); null when there is none. */
  readonly modelsPath: string | null;
  /** On every request to this kind. */
  readonly headers?: Readonly<Record<string, string>>;
  /** By the caller's dialect; a text says why calls of that dialect cannot go there. */
  readonly endpoints: Readonly<
    Record<DialectName, Endpoint | string | ((model: string) => Endpoint | string)>
  >;
}

const at = (wire: WireName, path: string): Endpoint => ({ wire, path: () => path });
const chat = at('openai-chat', '/chat/completions');
const responses = at('openai-responses', '/responses');
const embeddings = at('openai-embeddings', '/embeddings');
const completions = at('openai-completions', '/completions');

const noEmbeddings = 'this provider has no embeddings API';
const noCompletions = 'this provider has no legacy completions API; use /v1/chat/completions';
/** For providers that count no tokens ahead of a call. */
const estimated = at('token-estimate', '/');

/** Providers of OpenAI's chat API, and of what else of it they have; the other dialects are translated to chat. */
function openAiLike(
  kind: string,
  defaultBaseUrl: string,
  has: {
    responses?: boolean;
    embeddings?: boolean;
    completions?: boolean;
    asksForStreamUsage?: boolean;
  } = {},
): ProviderProfile {
  return {
    ...{ kind, defaultBaseUrl, auth: 'bearer', asksForStreamUsage: has.asksForStreamUsage ?? true },
    modelsPath: '/models',
    endpoints: {
      'openai-chat': chat,
      'openai-responses': has.responses ? responses : chat,
      'openai-embeddings': has.embeddings === false ? noEmbeddings : embeddings,
      'openai-completions': has.completions ? completions : noCompletions,
      'anthropic-messages': chat,
      'anthropic-count-tokens': estimated,
      'gemini-generate-content': chat,
      'gemini-count-tokens': estimated,
      'gemini-embeddings': has.embeddings === false ? noEmbeddings : embeddings,
    },
  };
}

const messages = at('anthropic-messages', '/v1/messages');
const messagesCount = at('anthropic-count-tokens', '/v1/messages/count_tokens');

/*
 * Azure OpenAI has two addresses: …/openai/v1 is OpenAI's own API; …/openai wants the deployment in the path and the
 * version of the API in the query.
 */
function azurePath(path: string): Endpoint['path'] {
  return ({ model, options }) =>
    options.apiVersion === undefined
      ? path
      : path === '/responses'
        ? `${path}?api-version=${encodeURIComponent(options.apiVersion)}`
        : `/deployments/${encodeURIComponent(model)}${path}?api-version=${encodeURIComponent(options.apiVersion)}`;
}

const geminiPath: Endpoint['path'] = ({ model, stream }) =>
  `/models/${encodeURIComponent(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
const gemini: Endpoint = {
  wire: 'gemini-generate-content',
  path: (request) => `/v1beta${geminiPath(request)}`,
};

const geminiEmbeddings: Endpoint = {
  wire: 'gemini-embeddings',
  path: ({ model, verb = 'batchEmbedContents' }) => `/v1beta/models/${encodeURIComponent(model)}:${verb}`,
};
const noVertexEmbeddings = 'embeddings of Vertex AI are not translated; use the provider kind "gemini"';

/** Claude on Vertex AI: the Messages API with the model in the path and its version in the body. */
const claudeOnVertex: Endpoint = {
  wire: 'anthropic-messages',
  path: ({ model, stream }) =>
    `/publishers/anthropic/models/${encodeURIComponent(model)}:${stream ? 'streamRawPredict' : 'rawPredict'}`,
  adapt: ({ model: _model, ...body }) => ({ anthropic_version: 'vertex-2023-10-16', ...body }),
};
const geminiOnVertex: Endpoint = { ...gemini, path: (request) => `/publishers/google${geminiPath(request)}` };
const onVertex = (model: string) => (model.startsWith('claude') ? claudeOnVertex : geminiOnVertex);

const geminiCount: Endpoint = {
  wire: 'gemini-count-tokens',
  path: ({ model }) => `/v1beta/models/${encodeURIComponent(model)}:countTokens`,
};
/** cloud.google.com/vertex-ai, "Count tokens for Claude models": the model is in the body. */
const claudeCountOnVertex: Endpoint = {
  wire: 'anthropic-count-tokens',
  path: () => '/publishers/anthropic/models/count-tokens:rawPredict',
};
/** cloud.google.com/vertex-ai, publishers.models.countTokens: the request's members stand in the body itself. */
const geminiCountOnVertex: Endpoint = {
  ...geminiCount,
  path: ({ model }) => `/publishers/google/models/${encodeURIComponent(model)}:countTokens`,
  adapt: ({ generateContentRequest: request, ...members }) => {
    const { model: _model, toolConfig: _toolConfig, ...counted } = record(request) ?? members;
    return counted;
  },
};
const countOnVertex = (model: string) =>
  model.startsWith('claude') ? claudeCountOnVertex : geminiCountOnVertex;

const converseCount: Endpoint = {
  wire: 'bedrock-count-tokens',
  path: ({ model }) => `/model/${encodeURIComponent(model)}/count-tokens`,
};

const converse: Endpoint = {
  wire: 'bedrock-converse',
  path: ({ model, stream }) =>
    `/model/${encodeURIComponent(model)}/${stream ? 'converse-stream' : 'converse'}`,
};
/** docs.aws.amazon.com/bedrock, "Monitor your token usage by counting tokens": models of Anthropic alone. */
const countOnBedrock = (model: string) => (model.includes('claude') ? converseCount : estimated);
const noBedrockEmbeddings =
  'Bedrock has a body of its own for each family of embedding models; none is translated';
const cohere = at('cohere-chat', '/v2/chat');
const cohereEmbeddings = at('cohere-embeddings', '/v2/embed');

const profiles: readonly ProviderProfile[] = [
  openAiLike('openai', 'https://api.openai.com/v1', { responses: true, completions: true }),
  {
    ...openAiLike('azure-openai', '', { responses: true, completions: true }),
    auth: 'api-key',
    endpoints: {
      'openai-chat': { ...chat, path: azurePath('/chat/completions') },
      'openai-responses': { ...responses, path: azurePath('/responses') },
      'openai-embeddings': { ...embeddings, path: azurePath('/embeddings') },
      'openai-completions': { ...completions, path: azurePath('/completions') },
      'anthropic-messages': { ...chat, path: azurePath('/chat/completions') },
      'anthropic-count-tokens': estimated,
      'gemini-generate-content': { ...chat, path: azurePath('/chat/completions') },
      'gemini-count-tokens': estimated,
      'gemini-embeddings': { ...embeddings, path: azurePath('/embeddings') },
    },
  },
  {
    ...{ kind: 'anthropic', defaultBaseUrl: 'https://api.anthropic.com', auth: 'x-api-key' },
    ...{
      asksForStreamUsage: false,
      modelsPath: '/v1/models',
      headers: { 'anthropic-version': '2023-06-01' },
    },
    endpoints: {
      'openai-chat': messages,
      'openai-responses': messages,
      'openai-embeddings': noEmbeddings,
      'openai-completions': noCompletions,
      'anthropic-messages': messages,
      'anthropic-count-tokens': messagesCount,
      'gemini-generate-content': messages,
      'gemini-count-tokens': messagesCount,
      'gemini-embeddings': noEmbeddings,
    },
  },
  {
    ...{ kind: 'gemini', defaultBaseUrl: 'https://generativelanguage.googleapis.com' },
    ...{ auth: 'x-goog-api-key', asksForStreamUsage: false, modelsPath: '/v1beta/models' },
    endpoints: {
      'openai-chat': gemini,
      'openai-responses': gemini,
      'openai-embeddings': geminiEmbeddings,
      'openai-completions': noCompletions,
      'anthropic-messages': gemini,
      'anthropic-count-tokens': geminiCount,
      'gemini-generate-content': gemini,
      'gemini-count-tokens': geminiCount,
      'gemini-embeddings': geminiEmbeddings,
    },
  },
  {
    ...{ kind: 'vertex-ai', defaultBaseUrl: '', auth: 'google-oauth' },
    ...{ asksForStreamUsage: false, modelsPath: null },
    endpoints: {
      'openai-chat': onVertex,
      'openai-responses': onVertex,
      'openai-embeddings': noVertexEmbeddings,
      'openai-completions': noCompletions,
      'anthropic-messages': onVertex,
      'anthropic-count-tokens': countOnVertex,
      'gemini-generate-content': onVertex,
      'gemini-count-tokens': countOnVertex,
      'gemini-embeddings': noVertexEmbeddings,
    },
  },
  {
    ...{
      kind: 'aws-bedrock',
      defaultBaseUrl: '',
      auth: 'sigv4',
      asksForStreamUsage: false,
      modelsPath: null,
    },
    endpoints: {
      'openai-chat': converse,
      'openai-responses': converse,
      'openai-embeddings': noBedrockEmbeddings,
      'openai-completions': noCompletions,
      'anthropic-messages': converse,
      'anthropic-count-tokens': countOnBedrock,
      'gemini-generate-content': converse,
      'gemini-count-tokens': countOnBedrock,
      'gemini-embeddings': noBedrockEmbeddings,
    },
  },
  {
    ...{ kind: 'cohere', defaultBaseUrl: 'https://api.cohere.com', auth: 'bearer' },
    ...{ asksForStreamUsage: false, modelsPath: '/v1/models' },
    endpoints: {
      'openai-chat': cohere,
      'openai-responses': cohere,
      'openai-embeddings': cohereEmbeddings,
      'openai-completions': noCompletions,
      'anthropic-messages': cohere,
      'anthropic-count-tokens': estimated,
      'gemini-generate-content': cohere,
      'gemini-count-tokens': estimated,
      'gemini-embeddings': cohereEmbeddings,
    },
  },
  // Mistral, Groq and xAI end every stream with usage in a chunk that also carries the last choice.
  openAiLike('mistral', 'https://api.mistral.ai/v1', { asksForStreamUsage: false }),
  openAiLike('groq', 'https://api.groq.com/openai/v1', { embeddings: false, asksForStreamUsage: false }),
  openAiLike('deepseek', 'https://api.deepseek.com/v1', { embeddings: false }),
  openAiLike('xai', 'https://api.x.ai/v1', { responses: true, embeddings: false, asksForStreamUsage: false }),
  openAiLike('openrouter', 'https://openrouter.ai/api/v1', { completions: true }),
  openAiLike('together', 'https://api.together.xyz/v1', { completions: true }),
  openAiLike('fireworks', 'https://api.fireworks.ai/inference/v1', { completions: true }),
  openAiLike('perplexity', 'https://api.perplexity.ai', { embeddings: false, asksForStreamUsage: false }),
  openAiLike('ollama', 'http://127.0.0.1:11434/v1', { completions: true }),
  openAiLike('vllm', '', { responses: true, completions: true }),
  openAiLike('openai-compatible', '', { completions: true }),
  openAiLike('sim', '', { completions: true }),
];

const byKind = new Map(profiles.map((profile) => [profile.kind, profile]));

/** The profile of a provider kind; undefined for a kind that Loom does not speak. */
export function profileOf(kind: string): ProviderProfile | undefined {
  return byKind.get(kind);
}

export const providerKinds: readonly string[] = profiles.map((profile) => profile.kind);

/** Where calls of a dialect go at a provider. Throws `unsupported` (422) that says why they cannot go there. */
export function endpointOf(kind: string, dialect: DialectName, model: string): Endpoint {
  const entry = profileOf(kind)?.endpoints[dialect] ?? `provider kind "${kind}" is not known`;
  const endpoint = typeof entry === 'function' ? entry(model) : entry;
  if (typeof endpoint !== 'string') return endpoint;
  throw new LoomError('unsupported', `model "${model}" cannot be called this way: ${endpoint}`, {
    param: 'model',
    reason: 'unsupported_operation',
  });
}

/**
 * The path of a call below a provider's base URL. A base URL may end with the version that the path begins with, as some
 * SDKs want it and others do not: `https://api.anthropic.com` and `https://api.anthropic.com/v1` are the same place.
 */
export function joinPath(basePath: string, path: string): string {
  const base = basePath.replace(/\/+$/, '');
  const version = /^\/(?:v\d+(?:beta)?)(?=\/)/.exec(path)?.[0];
  return version !== undefined && base.endsWith(version) ? base + path.slice(version.length) : base + path;
}

/** The header that a credential becomes; null for schemes that sign each request. */
export function credentialHeader(
  scheme: AuthScheme,
  credential: string,
): readonly [name: string, value: string] | null {
  switch (scheme) {
    case 'bearer':
      return ['authorization', `Bearer ${credential}`];
    case 'x-api-key':
    case 'api-key':
    case 'x-goog-api-key':
      return [scheme, credential];
    case 'sigv4':
    case 'google-oauth':
      return null;
  }
}
