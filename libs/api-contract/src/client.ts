import { type ErrorCode, errorCodes, LoomError, messageOf } from '@loom/errors';
import type * as z from 'zod';
import { ErrorBody } from './error-body.ts';
import { LiveEvent } from './live.ts';
import { type Route, type RouteName, routes } from './routes.ts';
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

export function createLoomClient(options: LoomClientOptions): LoomClient {
  const call = (route: Route, input: AnyInput) => send(options, route, input);
  const methods = Object.entries<Route>(routes).flatMap(([name, route]) => {
    const { response } = route;
    if ('mediaType' in response) return [];
    return [[name, async (input: AnyInput = {}) => readJson(await call(route, input), response)] as const];
  });
  return {
    ...Object.fromEntries(methods),
    getSpanRaw: async (input: AnyInput) =>
      new Uint8Array(await (await call(routes.getSpanRaw, input)).arrayBuffer()),
    live: async function* (input: AnyInput & { onAlive?: () => void } = {}) {
      const { body } = await call(routes.live, input);
      if (!body) return;
      for await (const { data } of readServerSentEvents(body, input.onAlive)) {
        const event = LiveEvent.safeParse(JSON.parse(data));
        if (event.success) yield event.data; // a newer server may send kinds that are not known here
      }
    },
  } as unknown as LoomClient;
}

async function send(options: LoomClientOptions, route: Route, input: AnyInput): Promise<Response> {
  const base = route.service === 'query' ? options.queryUrl : options.controlUrl;
  const path = route.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(input.params?.[name])),
  );
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined && value !== null) search.set(name, String(value));
  }
  const url = `${base}${path}${search.size > 0 ? `?${search.toString()}` : ''}`;
  let response: Response;
  try {
    response = await (options.fetch ?? globalThis.fetch)(url, {
      method: route.method,
      redirect: 'error',
      headers: {
        accept: 'mediaType' in route.response ? route.response.mediaType : 'application/json',
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

async function readJson<Schema extends z.ZodType>(
  response: Response,
  schema: Schema,
): Promise<z.output<Schema>> {
  const parsed = schema.safeParse(await response.json().catch(() => undefined));
  if (parsed.success) return parsed.data;
  throw new LoomError(
    'upstream_failed',
    `${new URL(response.url).pathname}: the answer is not what this client knows`,
    {
      cause: parsed.error,
    },
  );
}

async function errorOf(response: Response): Promise<LoomError> {
  const parsed = ErrorBody.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success)
    return new LoomError(codeOf('', response.status), `the server answered ${response.status}`);
  const { code, message, param, details } = parsed.data.error;
  const known = codeOf(code, response.status);
  return new LoomError(known, message, {
    ...(param !== undefined && { param }),
    ...(details && { details }),
    ...(known !== code && { reason: code }),
  });
}

function codeOf(code: string, status: number): ErrorCode {
  if (Object.hasOwn(errorCodes, code)) return code as ErrorCode;
  const byStatus = Object.entries(errorCodes).find(([, entry]) => entry.status === status);
  return (byStatus?.[0] ?? 'upstream_failed') as ErrorCode;
}
