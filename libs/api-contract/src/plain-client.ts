import { type ErrorCode, errorCodes, LoomError, messageOf } from '@loom/errors';
import type * as z from 'zod';
import { type Endpoint, endpoints } from './endpoints.ts';
import type { ErrorBody } from './error-body.ts';
import type { LiveEvent } from './live.ts';
import { liveEventTypes } from './live-event-types.ts';
import type { RouteName, routes } from './routes.ts';
import { readServerSentEvents } from './server-sent-events.ts';

export interface LoomClientOptions {
  /** Without a trailing slash: `http://127.0.0.1:4100`. */
  readonly queryUrl: string;
  readonly controlUrl: string;
  /** Null where something in between adds the credential (the console's origin). */
  readonly apiKey: string | null;
  /** The project that a console session asks about; a key has its own. */
  readonly projectId?: string;
  readonly fetch?: typeof globalThis.fetch;
}

type Field<R, Name extends string> =
  R extends Record<Name, infer Schema extends z.ZodObject> ? Record<Name, z.input<Schema>> : unknown;
type InputOf<R> = Field<R, 'params'> &
  Field<R, 'body'> &
  Partial<Field<R, 'query'>> & { signal?: AbortSignal };
type OutputOf<R> = R extends { response: infer Schema extends z.ZodType } ? z.output<Schema> : never;
type JsonRouteName = {
  [Name in RouteName]: (typeof routes)[Name]['response'] extends z.ZodType ? Name : never;
}[RouteName];

/**
 * One method per route that answers JSON, named as in the route table: `client.listTraces({ query: { limit: 10 } })`.
 * A refusal rejects with the server's LoomError; a server that cannot be reached with `unavailable`.
 */
export type LoomClient = {
  readonly [Name in JsonRouteName]: (
    ...input: unknown extends Field<(typeof routes)[Name], 'params'> & Field<(typeof routes)[Name], 'body'>
      ? [input?: InputOf<(typeof routes)[Name]>]
      : [input: InputOf<(typeof routes)[Name]>]
  ) => Promise<OutputOf<(typeof routes)[Name]>>;
} & {
  /** The recorded bytes of a request or answer. */
  readonly getSpanRaw: (input: InputOf<typeof routes.getSpanRaw>) => Promise<Uint8Array>;
  /** The newest signed head of a log. */
  readonly getCheckpoint: (input?: Partial<InputOf<typeof routes.getCheckpoint>>) => Promise<string>;
  /** A bundle as it comes; a failure on the way errs the stream. */
  readonly exportBundle: (
    input: { query: Field<typeof routes.exportBundle, 'query'>['query'] } & { signal?: AbortSignal },
  ) => Promise<ReadableStream<Uint8Array>>;
  /** Events as they happen, until the signal aborts or the server ends. `onAlive`: at each sign of life, heartbeats too. */
  readonly live: (input?: { signal?: AbortSignal; onAlive?: () => void }) => AsyncGenerator<LiveEvent>;
};

interface AnyInput {
  readonly params?: Record<string, unknown>;
  readonly query?: Record<string, string | number | boolean | null | undefined>;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Names the project that a console session asks about. */
export const projectHeader = 'x-loom-project';

/** What is made of an answer before the caller has it; it throws what the call is to reject with. */
export interface AnswerReader {
  readonly json: (name: RouteName, answer: unknown) => unknown;
  /** Null: an event that is left out. */
  readonly event: (event: unknown) => LiveEvent | null;
}

const asItCame: AnswerReader = {
  json: (_, answer) => answer,
  event: (event) => (liveEventTypes.includes((event as LiveEvent).type) ? (event as LiveEvent) : null),
};

/**
 * A client that takes JSON answers as they come: for pages that are delivered together with the services that they
 * ask, and would carry every schema else. New members of an answer are not left out.
 */
export function createPlainClient(options: LoomClientOptions, reader: AnswerReader = asItCame): LoomClient {
  const call = (endpoint: Endpoint, input: AnyInput) => send(options, endpoint, input);
  const methods = Object.entries<Endpoint>(endpoints).flatMap(([name, endpoint]) => {
    if (endpoint.mediaType !== undefined) return [];
    const read = async (input: AnyInput = {}) =>
      reader.json(name as RouteName, await readJson(await call(endpoint, input), endpoint.path));
    return [[name, read] as const];
  });
  return {
    ...Object.fromEntries(methods),
    getSpanRaw: async (input: AnyInput) =>
      new Uint8Array(await (await call(endpoints.getSpanRaw, input)).arrayBuffer()),
    getCheckpoint: async (input: AnyInput = {}) => (await call(endpoints.getCheckpoint, input)).text(),
    exportBundle: async (input: AnyInput) => (await call(endpoints.exportBundle, input)).body,
    live: async function* (input: AnyInput & { onAlive?: () => void } = {}) {
      const { body } = await call(endpoints.live, input);
      if (!body) return;
      for await (const { data } of readServerSentEvents(body, input.onAlive)) {
        const event = reader.event(JSON.parse(data));
        if (event) yield event;
      }
    },
  } as unknown as LoomClient;
}

async function send(options: LoomClientOptions, endpoint: Endpoint, input: AnyInput): Promise<Response> {
  const base = endpoint.service === 'query' ? options.queryUrl : options.controlUrl;
  const path = endpoint.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    segmentOf(name, input.params?.[name]),
  );
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined && value !== null) search.set(name, String(value));
  }
  const url = `${base}${path}${search.size > 0 ? `?${search.toString()}` : ''}`;
  let response: Response;
  try {
    response = await (options.fetch ?? globalThis.fetch)(url, {
      method: endpoint.method,
      redirect: 'error',
      headers: {
        accept: endpoint.mediaType ?? 'application/json',
        ...(options.apiKey !== null && { authorization: `Bearer ${options.apiKey}` }),
        ...(options.projectId !== undefined && { [projectHeader]: options.projectId }),
        ...(input.body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(input.body !== undefined && { body: JSON.stringify(input.body) }),
      ...(input.signal && { signal: input.signal }),
    });
  } catch (cause) {
    if (input.signal?.aborted) throw cause;
    throw new LoomError('unavailable', `${base} cannot be reached (${messageOf(cause)}); is Loom running?`, {
      cause,
    });
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

/** Dots alone are a way up, encoded or not. */
function segmentOf(param: string, value: unknown): string {
  const text = String(value);
  if (text === '.' || text === '..')
    throw new LoomError('invalid_request', `"${text}" is no ${param}`, { param });
  return encodeURIComponent(text);
}

async function readJson(response: Response, path: string): Promise<unknown> {
  try {
    return await response.json();
  } catch (cause) {
    throw unknownAnswer(path, cause);
  }
}

export function unknownAnswer(path: string, cause: unknown): LoomError {
  return new LoomError('upstream_failed', `${path}: the answer is not what this client knows`, { cause });
}

async function errorOf(response: Response): Promise<LoomError> {
  const body = (await response.json().catch(() => null)) as Partial<ErrorBody> | null;
  const { code, message, param, details } = body?.error ?? {};
  if (typeof code !== 'string' || typeof message !== 'string')
    return new LoomError(codeOf('', response.status), `the server answered ${response.status}`);
  const known = codeOf(code, response.status);
  return new LoomError(known, message, {
    ...(typeof param === 'string' && { param }),
    ...(typeof details === 'object' && { details }),
    ...(known !== code && { reason: code }),
  });
}

function codeOf(code: string, status: number): ErrorCode {
  if (Object.hasOwn(errorCodes, code)) return code as ErrorCode;
  const byStatus = Object.entries(errorCodes).find(([, entry]) => entry.status === status);
  return (byStatus?.[0] ?? 'upstream_failed') as ErrorCode;
}
