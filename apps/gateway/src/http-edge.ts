import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoomError, LoomError, toLoomError } from '@loom/errors';
import { type Dialect, dialectOf, dialects } from '@loom/providers';
import { isTracing, type Logger, type RequestSpan, startRequestSpan } from '@loom/telemetry';
import { Call } from './call.ts';
import { Cors } from './cors.ts';
import { modelListOf, modelOf } from './dialect/model-shapes.ts';
import type { ModelCatalog } from './model-list.ts';
import { errorBody } from './dialect/dialect-errors.ts';
import type { RefusalRecorder } from './record/refusal-recorder.ts';
import { findStoredResponse, type StoredResponseCall } from './stored-responses.ts';
import { responseHeaders } from './response-headers.ts';

export interface HttpEdgeOptions {
  readonly callModel: (call: Call) => Promise<void>;
  readonly listModels: (call: Call) => Promise<ModelCatalog>;
  readonly refusals: RefusalRecorder;
  readonly logger: Logger;
  /** Origins whose pages may call. */
  readonly corsOrigins: readonly string[];
  /** Calls at once. */
  readonly callsMax: number;
  readonly onCallOver: (call: Call, error: LoomError | null) => void;
}

/** Paths that the application behind the edge answers. Everything else is the API's, byte for byte. */
const applicationPaths = new Set(['/healthz', '/readyz', '/metrics']);
const modelsPath = '/v1/models';
const dialectByPath = new Map(dialects.map((dialect) => [dialect.path, dialect]));
const responses = dialectOf('openai-responses');

/** After a refusal whose body was not read, this much of it is swallowed so that the client can read the answer. */
const drainBytesMax = 64 * 1024 * 1024;
const drainMs = 2_000;

/** The HTTP edge: paths and methods, one place where errors become answers and refusals become records. */
export class HttpEdge {
  readonly #options: HttpEdgeOptions;
  readonly #cors: Cors;
  #calls = 0;
  #stopping = false;

  constructor(options: HttpEdgeOptions) {
    this.#options = options;
    this.#cors = new Cors(options.corsOrigins);
  }

  /** Calls that are on their way. */
  get calls(): number {
    return this.#calls;
  }

  /** From now on every call is refused. */
  stop(): void {
    this.#stopping = true;
  }

  /** True when the request is the edge's; it is then answered, whatever happens. */
  handle(request: IncomingMessage, response: ServerResponse): boolean {
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    if (isRead && applicationPaths.has(request.url ?? '')) return false;
    const call = new Call(request, response);
    call.span = isTracing() ? startSpan(request) : null;
    if (call.span) call.span.run(() => void this.#answer(call));
    else void this.#answer(call);
    return true;
  }

  async #answer(call: Call): Promise<void> {
    this.#calls += 1;
    call.response.on('error', () => undefined); // a client that is gone; its 'close' is what counts
    try {
      await this.#dispatch(call);
      this.#options.onCallOver(call, null);
    } catch (thrown) {
      const error = toLoomError(thrown);
      if (!isLoomError(thrown) || error.code === 'internal') {
        this.#options.logger.error({ callId: call.id, error: thrown }, 'call failed in the gateway');
      }
      this.#options.onCallOver(call, error);
      if (call.end === null && call.tap === null) this.#options.refusals.record(call, error);
      this.#refuse(call, error);
    } finally {
      this.#calls -= 1;
      if (call.span) endSpan(call, call.span);
    }
  }

  async #dispatch(call: Call): Promise<void> {
    const { method = '', url = '' } = call.request;
    this.#cors.allow(call.request, call.response);
    if (this.#cors.answerPreflight(call.request, call.response)) return;
    const { path, query, allowed, dialect, stored } = findRoute(method, url);
    call.dialect = dialect;
    if (dialect) call.operation = dialect.operation;
    if (!allowed.includes(method)) {
      const use = allowed.join(' or ');
      call.response.setHeader('allow', allowed.join(', '));
      throw new LoomError('method_not_allowed', `${method} is not allowed for ${path}; use ${use}`, {
        reason: 'method_not_allowed',
      });
    }
    if (stored) {
      call.stored = stored;
      call.operation = stored.operation;
    }
    if (this.#stopping)
      throw new LoomError('overloaded', 'the gateway is stopping', {
        retryAfterMs: 1000,
        reason: 'stopping',
      });
    if (this.#calls > this.#options.callsMax) {
      throw new LoomError('overloaded', `the gateway has ${this.#options.callsMax} calls running`, {
        retryAfterMs: 1000,
        reason: 'too_many_calls',
      });
    }
    if (isModelsPath(path)) this.#send(call, 200, await this.#models(call, path, query));
    else await this.#options.callModel(call);
  }

  async #models(call: Call, path: string, query: string): Promise<object> {
    const id = modelIdOf(path);
    const catalog = await this.#options.listModels(call);
    if (id !== null) return modelOf(catalog.get(id), call.errorStyle);
    return modelListOf(catalog, call.errorStyle, new URLSearchParams(query));
  }

  #send(call: Call, status: number, value: object): void {
    const body = Buffer.from(JSON.stringify(value));
    const headers = {
      ...responseHeaders(call),
      'content-type': 'application/json',
      'content-length': body.length,
    };
    call.response.writeHead(status, headers).end(call.request.method === 'HEAD' ? undefined : body);
  }

  #refuse(call: Call, error: LoomError): void {
    const { request, response } = call;
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    if (error.retryAfterMs !== undefined)
      response.setHeader('retry-after', Math.ceil(error.retryAfterMs / 1000));
    if (!request.complete) {
      response.setHeader('connection', 'close');
      drain(request);
    }
    this.#send(call, error.status, errorBody(call.errorStyle, error, call.id));
  }
}

/** For telemetry: no ids in it, and '' for a path that is none of ours. */
function routeNameOf(path: string): string {
  if (path === modelsPath || dialectByPath.has(path)) return path;
  if (isModelsPath(path)) return `${modelsPath}/{id}`;
  return path.startsWith(`${responses.path}/`) ? `${responses.path}/{id}` : '';
}

function startSpan({ method = '', url = '', headers }: IncomingMessage): RequestSpan | null {
  const [path = ''] = url.split('?', 1);
  const { traceparent } = headers;
  const caller = typeof traceparent === 'string' ? traceparent : undefined;
  return startRequestSpan({ method, route: routeNameOf(path), caller });
}

function endSpan({ id, traceId, project, end, response }: Call, span: RequestSpan): void {
  const status = end?.status ?? response.statusCode;
  const outcome = end?.outcome ?? (status < 400 ? 'completed' : 'refused');
  const failed = status >= 500 || outcome === 'failed' || outcome === 'interrupted';
  span.end({
    status,
    errorType: failed ? (end?.error?.type ?? String(status)) : undefined,
    // By these the trace of the operator leads to the call on the record.
    attributes: {
      'loom.call.id': id,
      'loom.call.trace_id': traceId,
      'loom.call.outcome': outcome,
      ...(project ? { 'loom.project.id': project.id } : {}),
    },
  });
}

interface FoundRoute {
  readonly path: string;
  readonly query: string;
  readonly allowed: readonly string[];
  readonly dialect: Dialect | null;
  readonly stored: StoredResponseCall | null;
}

/** What answers a path, as it stands or as {@link plainPath} understands it. Throws `not_found`. */
function findRoute(method: string, url: string): FoundRoute {
  const at = url.indexOf('?');
  const path = at < 0 ? url : url.slice(0, at);
  const query = at < 0 ? '' : url.slice(at + 1);
  const found = routeOf(method, path, query) ?? routeOf(method, plainPath(path), query);
  if (found) return found;
  throw new LoomError('not_found', `unknown request URL: ${method} ${path.slice(0, 200)}`, {
    reason: 'unknown_url',
  });
}

function routeOf(method: string, path: string, query: string): FoundRoute | null {
  if (isModelsPath(path)) return { path, query, allowed: ['GET', 'HEAD'], dialect: null, stored: null };
  const dialect = dialectByPath.get(path);
  if (dialect) return { path, query, allowed: ['POST'], dialect, stored: null };
  const found = findStoredResponse(method, path, query);
  return found && { path, query, dialect: responses, ...found };
}

/**
 * A path as it was meant by a base URL with a slash too many, with `/v1` although the client adds it, or without it
 * although the client does not.
 */
function plainPath(path: string): string {
  const single = path.replaceAll(/\/{2,}/g, '/').replace(/\/$/, '');
  const once = single.replace(/^(?:\/v1)+(?=\/)/, '/v1');
  return once.startsWith('/v1/') ? once : `/v1${once}`;
}

function isModelsPath(path: string): boolean {
  return path === modelsPath || (path.startsWith(`${modelsPath}/`) && path.length > modelsPath.length + 1);
}

/** The model that a path names, with the slashes that it has; null for the list. Throws `invalid_request`. */
function modelIdOf(path: string): string | null {
  if (path === modelsPath) return null;
  try {
    return decodeURIComponent(path.slice(modelsPath.length + 1));
  } catch {
    throw new LoomError('invalid_request', 'the model in the path is not percent-encoded as it should be', {
      param: 'model',
    });
  }
}

// The rest of a body that nobody wants: a client that is still sending reads its answer only afterwards.
function drain(request: IncomingMessage): void {
  let bytes = 0;
  const timer = setTimeout(() => request.destroy(), drainMs);
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > drainBytesMax) request.destroy();
  });
  request.on('close', () => clearTimeout(timer));
  request.on('error', () => undefined);
}
