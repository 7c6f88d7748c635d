import { LoomError, messageOf } from '@loom/errors';
import type { CallFacts } from '@loom/trace-schema';
import { jsonMembers, type JsonMembers, type JsonSplice, spliceBytes } from '../json-members.ts';

/** A `POST /v1/chat/completions` body, read once. `bytes` are the caller's, untouched. */
export interface ChatRequest {
  readonly bytes: Buffer;
  readonly members: JsonMembers;
  readonly model: string;
  readonly stream: boolean;
  /** Whether the caller asked for the usage chunk of a stream. */
  readonly includeUsage: boolean;
  readonly streamOptions: Readonly<Record<string, unknown>> | null;
  /** Characters of the body, for an estimate when the provider reports no usage. */
  readonly characters: number;
  readonly parameters: CallFacts['parameters'];
  /** The caller's own name for its end user (`user`, `safety_identifier`). */
  readonly endUser: string | null;
}

const scalarParameters = [
  'temperature',
  'top_p',
  'max_tokens',
  'max_completion_tokens',
  'n',
  'seed',
  'presence_penalty',
  'frequency_penalty',
  'service_tier',
  'reasoning_effort',
  'verbosity',
  'parallel_tool_calls',
  'logprobs',
  'top_logprobs',
  'store',
  'tool_choice',
] as const;

const invalid = (message: string, param: string | null, reason?: string) =>
  new LoomError('invalid_request', message, { ...(param ? { param } : {}), ...(reason ? { reason } : {}) });

/**
 * Reads and checks what Loom itself needs of a chat request; everything else is the provider's to judge and is passed
 * on as it is. Throws `invalid_request` that names the member.
 */
export function readChatRequest(bytes: Buffer): ChatRequest {
  if (bytes.length === 0) throw invalid('the request body is empty; send a JSON object', null, 'empty_body');
  const members = jsonMembers(bytes);
  const text = bytes.toString('utf8');
  const body = parseObject(text);
  for (const name of ['model', 'stream', 'stream_options', 'messages']) {
    if (members.duplicates.has(name))
      throw invalid(`"${name}" stands twice in the request body`, name, 'duplicate_member');
  }
  const { model, stream, stream_options: streamOptions } = body;
  if (model === undefined) throw invalid('you must provide a model parameter', 'model', 'missing_model');
  if (typeof model !== 'string' || model === '') throw invalid(`"model" must be a non-empty string`, 'model');
  if (model.length > 256) throw invalid(`"model" is longer than 256 characters`, 'model');
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw invalid(`"stream" must be a boolean`, 'stream');
  }
  if (streamOptions !== undefined && streamOptions !== null && !isObject(streamOptions)) {
    throw invalid(`"stream_options" must be an object`, 'stream_options');
  }
  if (!Array.isArray(body.messages)) throw invalid(`"messages" must be an array`, 'messages');
  return {
    bytes,
    members,
    model,
    stream: stream === true,
    includeUsage: isObject(streamOptions) && streamOptions.include_usage === true,
    streamOptions: isObject(streamOptions) ? streamOptions : null,
    characters: text.length,
    parameters: parametersOf(body),
    endUser: endUserOf(body),
  };
}

/**
 * The bytes for the provider: the caller's own, with the model's name replaced and the usage of a stream asked for
 * where that is needed.
 */
export function chatRequestForProvider(
  request: ChatRequest,
  change: { readonly model: string; readonly askForUsage: boolean },
): Buffer {
  const { members, bodyStart } = request.members;
  const splices: JsonSplice[] = [];
  const model = members.get('model');
  if (model && change.model !== request.model) {
    splices.push({ start: model.valueStart, end: model.valueEnd, text: JSON.stringify(change.model) });
  }
  if (change.askForUsage) {
    const options = members.get('stream_options');
    const text = JSON.stringify({ ...request.streamOptions, include_usage: true });
    splices.push(
      options
        ? { start: options.valueStart, end: options.valueEnd, text }
        : { start: bodyStart, end: bodyStart, text: `"stream_options":${text},` },
    );
  }
  return spliceBytes(request.bytes, splices);
}

function parseObject(text: string): Record<string, unknown> {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch (error) {
    throw invalid(
      `could not parse the JSON body of your request: ${messageOf(error).slice(0, 200)}`,
      null,
      'invalid_json',
    );
  }
  if (!isObject(body)) throw invalid('the request body must be a JSON object', null, 'invalid_json');
  return body;
}

function parametersOf(body: Record<string, unknown>): CallFacts['parameters'] {
  const parameters: CallFacts['parameters'] = {};
  for (const name of scalarParameters) {
    const value = body[name];
    if (typeof value === 'string') parameters[name] = value.slice(0, 256);
    else if (typeof value === 'number' || typeof value === 'boolean') parameters[name] = value;
  }
  if (Array.isArray(body.messages)) parameters.message_count = body.messages.length;
  if (Array.isArray(body.tools)) parameters.tool_count = body.tools.length;
  if (isObject(body.response_format) && typeof body.response_format.type === 'string') {
    parameters.response_format = body.response_format.type.slice(0, 64);
  }
  return parameters;
}

function endUserOf(body: Record<string, unknown>): string | null {
  const user = body.user ?? body.safety_identifier;
  return typeof user === 'string' && user !== '' ? user.slice(0, 256) : null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
