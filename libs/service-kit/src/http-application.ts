import {
  createServer,
  STATUS_CODES,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { LoomError, messageOf } from '@loom/errors';
import { type Logger, type Metrics, type RequestSpan, startRequestSpan } from '@loom/telemetry';
import { type DynamicModule, StandardSchemaValidationPipe, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { errorBody, LoomErrorFilter } from './loom-error.filter.ts';

export interface HttpApplicationOptions {
  readonly module: DynamicModule | Type;
  readonly host: string;
  /** 0 means any free port. */
  readonly port: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Resolves when the service can do its work; rejects with the reason when it cannot. */
  readonly ready: () => Promise<void>;
  /** Bytes of a request body on the routes of this application. */
  readonly bodyBytesMax?: number;
  /** The body of the answer to a request that is no HTTP; default: Loom's own error body. */
  readonly clientFaultBody?: (fault: ClientFault) => object;
  /** Gives a listener that sees requests before the application: true when it has taken one. Built after the module. */
  readonly intercept?: (
    app: NestFastifyApplication,
  ) => (request: IncomingMessage, response: ServerResponse) => boolean;
}

/** What Node's HTTP parser refuses before there is a request. */
export interface ClientFault {
  readonly status: number;
  readonly message: string;
}

export interface HttpApplication {
  readonly app: NestFastifyApplication;
  readonly url: string;
  close(): Promise<void>;
}

/** What fits into a head that Node takes, so that the schema says what is wrong with a parameter. Characters. */
const paramLengthMax = 16_384;

/** Starts a Nest application on Fastify with what every service has: `/healthz`, `/readyz`, `/metrics`, one error filter. */
export async function startHttpApplication(options: HttpApplicationOptions): Promise<HttpApplication> {
  let intercept: (request: IncomingMessage, response: ServerResponse) => boolean = () => false;
  const adapter = new FastifyAdapter({
    bodyLimit: options.bodyBytesMax ?? 1024 * 1024,
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: paramLengthMax },
    forceCloseConnections: true,
    clientErrorHandler: (error, socket) => {
      const fault = clientFault(error.code);
      const shape =
        options.clientFaultBody ?? (({ message }) => errorBody(new LoomError('invalid_request', message)));
      const body = Buffer.from(JSON.stringify(shape(fault)));
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
      const head = [
        `HTTP/1.1 ${fault.status} ${STATUS_CODES[fault.status] ?? ''}`,
        'connection: close',
        'content-type: application/json',
        `content-length: ${body.length}`,
      ];
      socket.end(`${head.join('\r\n')}\r\n\r\n${body.toString()}`);
    },
    serverFactory: (handler: RequestListener) => {
      const listener: RequestListener = (request, response) => {
        if (!intercept(request, response)) handler(request, response);
      };
      return createServer({ headersTimeout: 10_000, requestTimeout: 0, keepAliveTimeout: 65_000 }, listener);
    },
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
    new StandardSchemaValidationPipe({
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
  await app.listen(options.port, options.host);
  const address = app.getHttpServer().address() as { port: number };
  return { app, url: `http://${options.host}:${address.port}`, close: () => app.close() };
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
        .send(errorBody(new LoomError('unavailable', `not ready: ${messageOf(error)}`)));
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

function clientFault(code: string | undefined): ClientFault {
  if (code === 'HPE_HEADER_OVERFLOW')
    return { status: 431, message: 'the request headers are larger than 16 KiB' };
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return { status: 408, message: 'the request headers came too slowly' };
  return { status: 400, message: `the request is not valid HTTP (${code ?? 'unknown fault'})` };
}
