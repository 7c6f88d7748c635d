import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { type ErrorCode, LoomError, toLoomError } from '@loom/errors';
import {
  type ConnectionLimits,
  createLimitedServer,
  listenFault,
  type RequestFault,
} from '@loom/http-server';
import { type Logger, type Metrics, type RequestSpan, startRequestSpan } from '@loom/telemetry';
import {
  type ArgumentMetadata,
  type DynamicModule,
  StandardSchemaValidationPipe,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { errorBody, LoomErrorFilter, publicMessage } from './loom-error.filter.ts';
import { assertStorable } from './storable-text.ts';

export interface HttpApplicationOptions {
  readonly module: DynamicModule | Type;
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  /** What the names of the variables of host and port begin with, such as `LOOM_QUERY`; for the message of a fault. */
  readonly variables?: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Resolves when the service can do its work; rejects with the reason when it cannot. */
  readonly ready: () => Promise<void>;
  /** Bytes of a request body on the routes of this application. */
  readonly bodyBytesMax?: number;
  /** What connections may hold; default: {@link connectionLimits}. */
  readonly connections?: Partial<ConnectionLimits>;
  /** The body of the answer to a request that no application sees; default: Loom's own error body. */
  readonly faultBody?: (fault: RequestFault) => object;
  /** Gives a listener that sees requests before the application: true when it has taken one. Built after the module. */
  readonly intercept?: (
    app: NestFastifyApplication,
  ) => (request: IncomingMessage, response: ServerResponse) => boolean;
}

export interface HttpApplication {
  readonly app: NestFastifyApplication;
  readonly url: string;
  close(): Promise<void>;
}

/** Room for a few thousand people with live pages; one address never takes more than half. */
const connectionLimits: ConnectionLimits = { connectionsMax: 4096, perAddressMax: 2048, requestMs: 30_000 };

const faultCodes = {
  400: 'invalid_request',
  405: 'method_not_allowed',
  408: 'request_timed_out',
  431: 'invalid_request',
} as const satisfies Record<RequestFault['status'], ErrorCode>;

/** What fits into a head that Node takes, so that the schema says what is wrong with a parameter. Characters. */
const paramLengthMax = 16_384;

/** Starts a Nest application on Fastify with what every service has: `/healthz`, `/readyz`, `/metrics`, one error filter. */
export async function startHttpApplication(options: HttpApplicationOptions): Promise<HttpApplication> {
  let intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  const adapter = new FastifyAdapter({
    bodyLimit: options.bodyBytesMax ?? 1024 * 1024,
    routerOptions: { maxParamLength: paramLengthMax },
    forceCloseConnections: true,
    frameworkErrors: (error: Error, _request: FastifyRequest, reply: FastifyReply) => {
      const message = `the path cannot be read: ${error.message}`;
      void reply.status(400).send(errorBody(new LoomError('invalid_request', message)));
    },
    serverFactory: (handler: RequestListener) =>
      createLimitedServer({
        ...{ ...connectionLimits, ...options.connections },
        onRequest: (request, response) => {
          if (!intercept(request, response)) handler(request, response);
        },
        faultBody:
          options.faultBody ??
          (({ status, message }) => errorBody(new LoomError(faultCodes[status], message))),
      }),
  });
  const fastify = adapter.getInstance<FastifyInstance>();
  traceRequests(fastify);
  addHealthRoutes(fastify, options);
  const app = await NestFactory.create<NestFastifyApplication>(options.module, adapter, {
    logger: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new LoomErrorFilter(options.logger));
  app.useGlobalPipes(
    new StorablePipe({
      exceptionFactory: (issues) => {
        const [first] = issues;
        const param = (first?.path ?? [])
          .map((part) => String(typeof part === 'object' ? part.key : part))
          .join('.');
        const message = issues
          .map((issue) => issue.message)
          .join('; ')
          .slice(0, 1000);
        return new LoomError('invalid_request', `${param || 'body'}: ${message}`, { param });
      },
    }),
  );
  if (options.intercept) intercept = options.intercept(app);
  await listen(app, options);
  const address = app.getHttpServer().address() as { port: number };
  return { app, url: `http://${options.host}:${address.port}`, close: () => app.close() };
}

/** Checks an input against its schema, and that a store can keep the texts of a body. */
class StorablePipe extends StandardSchemaValidationPipe {
  override async transform<Input>(value: Input, metadata: ArgumentMetadata): Promise<Input> {
    if (metadata.type === 'body') assertStorable(value);
    return super.transform(value, metadata);
  }
}

async function listen(app: NestFastifyApplication, options: HttpApplicationOptions): Promise<void> {
  try {
    await app.listen(options.port, options.host);
  } catch (cause) {
    await app.close(); // what the module has begun ends before its stores do
    const fault = listenFault(cause, options);
    throw fault === null ? cause : new LoomError('config_invalid', fault, { cause });
  }
}

function addHealthRoutes(fastify: FastifyInstance, options: HttpApplicationOptions): void {
  fastify.get('/healthz', () => ({ status: 'ok' }));
  fastify.get('/readyz', async (_request, reply) => {
    try {
      await options.ready();
      return { status: 'ready' };
    } catch (error) {
      return reply
        .status(503)
        .send(errorBody(new LoomError('unavailable', `not ready: ${publicMessage(toLoomError(error))}`)));
    }
  });
  fastify.get('/metrics', async (_request, reply) => {
    const { contentType, body } = await options.metrics.render();
    return reply.header('content-type', contentType).send(body);
  });
}

const untracedRoutes = new Set(['/healthz', '/readyz', '/metrics']);

// The work on each request runs inside its span, so that what it logs carries the span's ids.
function traceRequests(fastify: FastifyInstance): void {
  const spans = new WeakMap<FastifyRequest, RequestSpan>();
  fastify.addHook('onRequest', (request, _reply, done) => {
    const route = request.routeOptions.url ?? '';
    const { traceparent } = request.headers;
    const caller = typeof traceparent === 'string' ? traceparent : undefined;
    const span = untracedRoutes.has(route)
      ? null
      : startRequestSpan({ method: request.method, route, caller });
    if (!span) {
      done();
      return;
    }
    spans.set(request, span);
    span.run(done);
  });
  // A body that was waited for came in the context of its socket.
  fastify.addHook('preValidation', (request, _reply, done) => {
    const span = spans.get(request);
    if (span) span.run(done);
    else done();
  });
  const end = (request: FastifyRequest, status: number, errorType?: string): void => {
    spans.get(request)?.end({ status, errorType });
    spans.delete(request);
  };
  fastify.addHook('onResponse', (request, { statusCode }, done) => {
    end(request, statusCode, statusCode >= 500 ? String(statusCode) : undefined);
    done();
  });
  fastify.addHook('onRequestAbort', (request, done) => {
    end(request, 0);
    done();
  });
}
