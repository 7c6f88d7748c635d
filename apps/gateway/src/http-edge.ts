import type { IncomingMessage, ServerResponse } from 'node:http';
import { isLoomError, LoomError, toLoomError } from '@loom/errors';
import { isTracing, type Logger, type RequestSpan, startRequestSpan } from '@loom/telemetry';
import { Call } from './call.ts';
import { Cors } from './cors.ts';
import { modelListOf, modelOf } from './dialect/model-shapes.ts';
import { errorBody } from './dialect/dialect-errors.ts';
import { endpointName, findEndpoint } from './find-endpoint.ts';
import type { ModelCatalog } from './model-list.ts';
import type { RefusalRecorder } from './record/refusal-recorder.ts';
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
    const { path, query, allowed, dialect, stored, pathRequest, models } = findEndpoint(method, url);
    call.dialect = dialect;
    call.pathRequest = pathRequest;
    call.wantsJsonList = pathRequest?.stream === true && new URLSearchParams(query).get('alt') !== 'sse';
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
    if (models) this.#send(call, 200, await this.#models(call, models.id, query));
    else await this.#options.callModel(call);
  }

  async #models(call: Call, id: string | null, query: string): Promise<object> {
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

function startSpan({ method = '', url = '', headers }: IncomingMessage): RequestSpan | null {
  const { traceparent } = headers;
  const caller = typeof traceparent === 'string' ? traceparent : undefined;
  return startRequestSpan({ method, route: endpointName(url), caller });
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
