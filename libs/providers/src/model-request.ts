import { LoomError, messageOf } from '@loom/errors';
import { type CallFacts, exactNumber } from '@loom/trace-schema';
import { jsonMembers, type JsonMembers, type JsonSplice, spliceBytes } from './json-members.ts';
import { record, snakeCase, text as textOf } from './json-values.ts';

/** Characters of a number that is recorded with its digits. */
const literalLengthMax = 256;

/** A request's body, read once. `bytes` are the caller's, untouched. */
export interface ModelRequest {
  readonly bytes: Buffer;
  readonly members: JsonMembers;
  readonly model: string;
  readonly stream: boolean;
  /** Whether the caller asked for the usage chunk of a stream. */
  readonly includeUsage: boolean;
  readonly streamOptions: Readonly<Record<string, unknown>> | null;
  /** Characters of the body, for an estimate when the provider reports no usage. */
  readonly characters: number;
  /** The longest answer that the caller allows, tokens; null: not said. */
  readonly outputTokensMax: number | null;
  /** The response that this one continues (Responses API), or null. */
  readonly previousResponseId: string | null;
  /** Items of earlier responses that are named instead of sent (Responses API). */
  readonly itemReferences: readonly string[];
  readonly parameters: CallFacts['parameters'];
  /** The caller's own name for its end user. */
  readonly endUser: string | null;
  /** The verb at the end of the path, in dialects that have some. */
  readonly verb?: string;
  /** See {@link RequestShape}. */
  readonly fitBody?: RequestShape['fitBody'];
}

/** What the path of a request states, in dialects whose bodies do not. */
export interface PathRequest {
  readonly model: string;
  readonly stream: boolean;
  /** One of the dialect's. */
  readonly verb: string;
}

/** What of a dialect's body Loom itself needs; everything else is the provider's to judge. */
export interface RequestShape {
  /** Members that must be there, each with what it must be. */
  readonly required: Readonly<Record<string, 'array' | 'text-or-array' | 'any'>>;
  /** Members whose scalar value is kept among the facts of the call. */
  readonly parameters: readonly string[];
  /** Members that limit the length of the answer, the first that is there counts. */
  readonly outputTokensMax: readonly string[];
  /** The member that holds the parameters and the limit, by each of its names. Without it they are the body's own members. */
  readonly settings?: readonly string[];
  /**
   * Returns the body for a provider of this dialect that calls the model so: with that name wherever the body repeats the
   * one in the path, and without what Loom sealed for others. The same bytes where there is nothing to change. Only of
   * dialects whose path names the model.
   */
  readonly fitBody?: (bytes: Buffer, model: string) => Buffer;
  /** Facts that are not scalars: counts and types. */
  readonly furtherParameters?: (body: Readonly<Record<string, unknown>>) => Record<string, string | number>;
  readonly endUser: (body: Readonly<Record<string, unknown>>) => unknown;
  /** Ids of items that the request names instead of sending them. */
  readonly itemReferences?: (body: Readonly<Record<string, unknown>>) => readonly string[];
}

const invalid = (message: string, param: string | null, reason?: string) =>
  new LoomError('invalid_request', message, { ...(param ? { param } : {}), ...(reason ? { reason } : {}) });

/**
 * Reads and checks what Loom itself needs of a request; everything else is passed on as it is. `path`: what the path
 * states in place of the body. Throws `invalid_request` that names the member.
 */
export function readModelRequest(
  bytes: Buffer,
  shape: RequestShape,
  path: PathRequest | null = null,
): ModelRequest {
  if (bytes.length === 0) throw invalid('the request body is empty; send a JSON object', null, 'empty_body');
  const members = jsonMembers(bytes);
  const text = bytes.toString('utf8');
  const body = parseBody(text);
  const ownMembers = path ? [] : ['model', 'stream', 'stream_options'];
  for (const name of [...ownMembers, ...Object.keys(shape.required)]) {
    if (members.duplicates.has(name))
      throw invalid(`"${name}" stands twice in the request body`, name, 'duplicate_member');
  }
  const {
    model,
    stream,
    stream_options: streamOptions,
  } = path ? { ...path, stream_options: undefined } : body;
  if (model === undefined) throw invalid('you must provide a model parameter', 'model', 'missing_model');
  if (typeof model !== 'string' || model === '') throw invalid(`"model" must be a non-empty string`, 'model');
  if (model.length > 256) throw invalid(`"model" is longer than 256 characters`, 'model');
  if (stream !== undefined && stream !== null && typeof stream !== 'boolean') {
    throw invalid(`"stream" must be a boolean`, 'stream');
  }
  if (streamOptions !== undefined && streamOptions !== null && !record(streamOptions)) {
    throw invalid(`"stream_options" must be an object`, 'stream_options');
  }
  for (const [name, kind] of Object.entries(shape.required)) checkMember(body, name, kind);
  const settings = settingsOf(bytes, members, body, shape);
  return {
    bytes,
    members,
    model,
    stream: stream === true,
    includeUsage: record(streamOptions)?.include_usage === true,
    streamOptions: record(streamOptions),
    characters: text.length,
    outputTokensMax: outputTokensMaxOf(settings.body, shape),
    previousResponseId: textOf(body.previous_response_id),
    itemReferences: shape.itemReferences?.(body) ?? [],
    parameters: parametersOf(settings, body, shape),
    endUser: textOf(shape.endUser(body))?.slice(0, 256) ?? null,
    ...(path ? { verb: path.verb } : {}),
    ...(shape.fitBody ? { fitBody: shape.fitBody } : {}),
  };
}

/** A request that has no body, such as reading a response that a provider stores. */
export function requestWithoutBody({ stream }: { readonly stream: boolean }): ModelRequest {
  return {
    ...{ bytes: Buffer.alloc(0), members: { bodyStart: 0, members: new Map(), duplicates: new Set() } },
    ...{ model: '', stream, includeUsage: false, streamOptions: null, characters: 0, outputTokensMax: null },
    ...{ previousResponseId: null, itemReferences: [], parameters: {}, endUser: null },
  };
}

/** The same request with another value of a member that it has. `json`: the value's text. */
export function withMember(request: ModelRequest, name: string, json: string): ModelRequest {
  const place = request.members.members.get(name);
  if (!place) return request;
  const bytes = spliceBytes(request.bytes, [{ start: place.valueStart, end: place.valueEnd, text: json }]);
  return { ...request, bytes, members: jsonMembers(bytes) };
}

/**
 * The bytes for a provider that speaks the caller's dialect: the caller's own, with the model's name replaced and the
 * usage of a stream asked for where that is needed.
 */
export function requestForProvider(
  request: ModelRequest,
  change: { readonly model: string; readonly askForUsage: boolean },
): Buffer {
  if (request.fitBody) return request.fitBody(request.bytes, change.model);
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

/** A request's body as an object. Throws `invalid_request` when it is none. */
function parseBody(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw invalid(
      `could not parse the JSON body of your request: ${messageOf(error).slice(0, 200)}`,
      null,
      'invalid_json',
    );
  }
  const body = record(value);
  if (!body) throw invalid('the request body must be a JSON object', null, 'invalid_json');
  return body;
}

function checkMember(
  body: Readonly<Record<string, unknown>>,
  name: string,
  kind: RequestShape['required'][string],
): void {
  const value = body[name];
  if (kind === 'array' && !Array.isArray(value)) throw invalid(`"${name}" must be an array`, name);
  if (kind === 'text-or-array' && typeof value !== 'string' && !Array.isArray(value))
    throw invalid(`"${name}" must be a string or an array`, name);
  if (value === undefined) throw invalid(`you must provide "${name}"`, name);
}

function outputTokensMaxOf(body: Readonly<Record<string, unknown>>, shape: RequestShape): number | null {
  for (const name of shape.outputTokensMax) {
    const value = body[name];
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  }
  return null;
}

/** The object that holds a request's parameters, with its own bytes. */
interface Settings {
  readonly bytes: Buffer;
  readonly members: JsonMembers;
  readonly body: Readonly<Record<string, unknown>>;
}

function settingsOf(
  bytes: Buffer,
  members: JsonMembers,
  body: Settings['body'],
  { settings }: RequestShape,
): Settings {
  if (!settings) return { bytes, members, body };
  const name = settings.find((one) => record(body[one])) ?? '';
  const place = members.members.get(name);
  const inner = record(body[name]);
  if (!place || !inner)
    return { bytes, members: { bodyStart: 0, members: new Map(), duplicates: new Set() }, body: {} };
  const slice = bytes.subarray(place.valueStart, place.valueEnd);
  return { bytes: slice, members: jsonMembers(slice), body: inner };
}

function parametersOf(
  { bytes, members, body: settings }: Settings,
  body: Readonly<Record<string, unknown>>,
  shape: RequestShape,
): CallFacts['parameters'] {
  const parameters: CallFacts['parameters'] = {};
  for (const member of shape.parameters) {
    const value = settings[member];
    const name = snakeCase(member);
    if (typeof value === 'string') parameters[name] = value.slice(0, 256);
    else if (typeof value === 'boolean') parameters[name] = value;
    else if (typeof value === 'number') {
      const { valueStart = 0, valueEnd = 0 } = members.members.get(member) ?? {};
      const literal = bytes.toString('latin1', valueStart, valueEnd);
      if (literal.length > literalLengthMax) throw invalid(`"${member}" has too many digits`, member);
      parameters[name] = exactNumber(literal);
    }
  }
  if (Array.isArray(body.tools)) parameters.tool_count = body.tools.length;
  const further = shape.furtherParameters?.(body) ?? {};
  for (const [name, value] of Object.entries(further)) {
    if (typeof value === 'number' && !Number.isSafeInteger(value))
      throw invalid(`"${name}" must be a whole number of at most 15 digits`, name);
  }
  return { ...parameters, ...further };
}
