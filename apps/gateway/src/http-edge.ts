import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoomError, LoomError, toLoomError } from '@loom/errors';
import { type Dialect, dialectOf, dialects } from '@loom/providers';
import { isTracing, type Logger, type RequestSpan, startRequestSpan } from '@loom/telemetry';
import { Call } from './call.ts';
import type { ModelList } from './model-list.ts';
import { errorBody } from './dialect/dialect-errors.ts';
import type { RefusalRecorder } from './record/refusal-recorder.ts';
import { findStoredResponse, type StoredResponseCall } from './stored-responses.ts';
import { responseHeaders } from './response-headers.ts';

export interface HttpEdgeOptions {
  readonly callModel: (call: Call) => Promise<void>;
  readonly listModels: (call: Call) => Promise<ModelList>;
  readonly refusals: RefusalRecorder;
  readonly logger: Logger;
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

/** The HTTP edge: exact paths and methods, one place where errors become answers and refusals become records. */
export class HttpEdge {
  readonly #options: HttpEdgeOptions;
  #calls = 0;
  #stopping = false;

  constructor(options: HttpEdgeOptions) {
    this.#options = options;
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
    const { path, allowed, dialect, stored } = findRoute(method, url);
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
    if (path === modelsPath) this.#send(call, 200, await this.#options.listModels(call));
    else await this.#options.callModel(call);
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
    this.#send(call, error.status, errorBody(call.dialect, error, call.id));
  }
}

/** For telemetry: no ids in it, and '' for a path that is none of ours. */
function routeNameOf(path: string): string {
  if (path === modelsPath || dialectByPath.has(path)) return path;
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
  readonly allowed: readonly string[];
  readonly dialect: Dialect | null;
  readonly stored: StoredResponseCall | null;
}

/** What answers a path. Throws `not_found`. Paths are exact; only ids of responses vary. */
function findRoute(method: string, url: string): FoundRoute {
  const query = url.indexOf('?');
  const path = query < 0 ? url : url.slice(0, query);
  if (path === modelsPath) return { path, allowed: ['GET'], dialect: null, stored: null };
  const dialect = dialectByPath.get(path);
  if (dialect) return { path, allowed: ['POST'], dialect, stored: null };
  const found = findStoredResponse(method, path, query < 0 ? '' : url.slice(query + 1));
  if (found) return { path, dialect: responses, ...found };
  throw new LoomError('not_found', `unknown request URL: ${method} ${path.slice(0, 200)}`, {
    reason: 'unknown_url',
  });
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
