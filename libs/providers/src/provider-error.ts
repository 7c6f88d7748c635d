import type { CallError } from '@loom/trace-schema';
import { formOf } from './answer-form.ts';
import { record, records, text } from './json-values.ts';
import { sseData } from './sse.ts';

/** An error as a provider tells it. */
export interface ProviderError extends CallError {
  /** The member of the request at fault, in the provider's words. */
  readonly param?: string | null;
  /** How long the provider asks to wait, where the body says so. Milliseconds. */
  readonly retryAfterMs?: number;
}

/** Characters of a message that are kept. */
const messageMax = 2000;

/**
 * The error that a provider tells, in the shapes that are about: an object with message, type or status, and code; or a
 * plain text. Null when the value tells none.
 */
export function readProviderError(value: unknown): ProviderError | null {
  if (typeof value === 'string' && value !== '')
    return { type: 'upstream_error', message: value.slice(0, messageMax), code: null };
  const error = record(value);
  if (!error) return null;
  const { code } = error;
  const param = text(error.param);
  const retryAfterMs = retryInfoOf(error.details);
  return {
    type: text(error.type) ?? text(error.status) ?? 'upstream_error',
    message: (innerMessage(error) ?? text(error.message) ?? JSON.stringify(error)).slice(0, messageMax),
    code: typeof code === 'string' || typeof code === 'number' ? String(code) : null,
    ...(param === null ? {} : { param }),
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
}

// OpenRouter: { message: "Provider returned error", metadata: { raw: what the provider behind it said } }.
function innerMessage(error: Readonly<Record<string, unknown>>): string | null {
  const raw = text(record(error.metadata)?.raw);
  if (raw === null || text(error.message) === null) return null;
  return `${text(error.message)}: ${readErrorBody(Buffer.from(raw))?.message ?? raw}`;
}

// google.rpc.RetryInfo among the details of a Google error: { "@type": …, retryDelay: "34.07s" }.
function retryInfoOf(details: unknown): number | null {
  const info = records(details).find((detail) => text(detail['@type'])?.endsWith('google.rpc.RetryInfo'));
  const seconds = /^(\d+(?:\.\d+)?)s$/.exec(text(info?.retryDelay) ?? '')?.[1];
  return seconds === undefined ? null : Math.ceil(Number(seconds) * 1000);
}

/**
 * The error of an answer with an error status, whatever its shape: JSON of any provider, an event of a stream, plain text
 * or a page. Null for a body without words.
 */
export function readErrorBody(bytes: Buffer): ProviderError | null {
  const whole = bytes
    .toString('utf8')
    .replace(/^\ufeff/, '')
    .trim();
  const isStream = formOf(bytes, 'sse') === 'stream';
  const [said = ''] = isStream ? sseData(bytes) : [whole];
  if (said === '') return null;
  try {
    const body: unknown = JSON.parse(said);
    return errorOfBody(Array.isArray(body) ? body[0] : body);
  } catch {
    return readProviderError(wordsOf(said));
  }
}

/*
 *   { error: { … } | text }                OpenAI, Anthropic, Google; a list of one at Google
 *   { message, type?, code?, param? }      Mistral, Cohere, Bedrock (also `Message`), vLLM
 *   { detail: text | { loc, msg }[] }      FastAPI
 *   { errors: { message }[] }              Cloudflare
 */
function errorOfBody(value: unknown): ProviderError | null {
  const body = record(value);
  if (!body) return readProviderError(value);
  const told = readProviderError(body.error);
  if (told) return told;
  if (text(body.message) !== null) return readProviderError(body);
  const [detail] = records(body.detail);
  const message = text(body.Message) ?? text(body.detail) ?? text(detail?.msg) ?? text(body.msg);
  if (message === null) return readProviderError(records(body.errors)[0]) ?? readProviderError(body);
  const at = Array.isArray(detail?.loc) ? detail.loc.filter((part) => part !== 'body').join('.') : '';
  return { type: 'upstream_error', message, code: null, ...(at === '' ? {} : { param: at }) };
}

// Of a page its words.
function wordsOf(said: string): string {
  if (!said.startsWith('<')) return said;
  const words = said.replaceAll(/<(script|style)\b[^]*?<\/\1>/gi, ' ').replaceAll(/<[^>]*>/g, ' ');
  return words.replaceAll(/\s+/g, ' ').trim().slice(0, 300);
}

/*
 * The HTTP status that an error's own words stand for, in lower case. Sources: docs.anthropic.com/en/api/errors;
 * platform.openai.com/docs/guides/error-codes; google/rpc/code.proto; the errors of Bedrock's ConverseStream in its API
 * reference.
 */
const statusByWord: Readonly<Record<string, number>> = {
  ...{ invalid_request_error: 400, authentication_error: 401, billing_error: 402, permission_error: 403 },
  ...{ not_found_error: 404, request_too_large: 413, rate_limit_error: 429, api_error: 500 },
  ...{ timeout_error: 504, overloaded_error: 529 },
  ...{ invalid_api_key: 401, model_not_found: 404, rate_limit_exceeded: 429, insufficient_quota: 429 },
  ...{
    context_length_exceeded: 400,
    invalid_prompt: 400,
    content_filter: 400,
    content_policy_violation: 400,
  },
  ...{ invalid_argument: 400, failed_precondition: 400, out_of_range: 400, unauthenticated: 401 },
  ...{ permission_denied: 403, not_found: 404, already_exists: 409, aborted: 409, resource_exhausted: 429 },
  ...{ internal: 500, unknown: 500, data_loss: 500, unimplemented: 501, unavailable: 503 },
  ...{ deadline_exceeded: 504 },
  ...{ validationexception: 400, accessdeniedexception: 403, resourcenotfoundexception: 404 },
  ...{ modeltimeoutexception: 408, modelerrorexception: 424, modelstreamerrorexception: 424 },
  ...{ throttlingexception: 429, modelnotreadyexception: 429, internalserverexception: 500 },
  ...{ serviceunavailableexception: 503 },
};

/** The HTTP status that an error told in an answer with status 200 stands for; 502 when its words do not say. */
export function statusOfError(error: ProviderError): number {
  const status = Number(error.code);
  if (Number.isInteger(status) && status >= 400 && status < 600) return status;
  if (isContextOverflow(error)) return 400;
  const words = [error.code ?? '', error.type].map((word) => word.toLowerCase());
  return words.map((word) => statusByWord[word]).find((found) => found !== undefined) ?? 502;
}

const overflowCodes: ReadonlySet<string> = new Set([
  'context_length_exceeded',
  'context_window_exceeded', // OpenAI-compatible servers
  'model_context_window_exceeded', // Anthropic, Z.ai
  'exceed_context_size_error', // llama.cpp, as its type
  'model_max_prompt_tokens_exceeded', // GitHub Copilot
  'string_above_max_length_tokens',
]);

/** In the words of each provider. */
const overflowWords = [
  /context[_ ]length/i, // OpenAI, Azure, DeepSeek, Mistral, Fireworks, OpenRouter, Ollama, LM Studio
  /context window/i, // OpenAI Responses, MiniMax
  /context[_ ](?:size|limit)/i, // llama.cpp; Anthropic: "input length and `max_tokens` exceed context limit"
  /maximum context/i,
  /prompt (?:is )?too long/i, // Anthropic, Fireworks, Ollama
  /input is too long/i, // Bedrock
  /too many (?:input )?tokens/i, // Cohere
  /exceeds? the (?:maximum|model'?s?) (?:number of )?(?:input )?tokens?/i, // Gemini
  /maximum prompt length/i, // xAI
  /reduce the length of the messages/i, // Groq
  /`?inputs`? (?:tokens )?(?:\+ `?max_new_tokens`? )?must (?:have less than|be <=) \d+/i, // Together, TGI
  /exceeded model token limit/i, // Moonshot
];

/** Whether the error says that the request is longer than the model can read, in whichever form. */
export function isContextOverflow({ type, code, message }: CallError): boolean {
  return (
    overflowCodes.has(code ?? '') ||
    overflowCodes.has(type) ||
    overflowWords.some((words) => words.test(message))
  );
}
