import { type ErrorCode, LoomError, messageOf, toLoomError } from '@loom/errors';
import type { Logger } from '@loom/telemetry';
import { type ArgumentsHost, Catch, type ExceptionFilter, HttpException } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Everything that a controller throws, as `{ error: { code, message, param, details } }` with the status of its code. */
@Catch()
export class LoomErrorFilter implements ExceptionFilter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { raw, method, routeOptions } = host.switchToHttp().getRequest<FastifyRequest>();
    if (raw.destroyed && !raw.complete) {
      // Anyone can do that, as often as they like: no line of the log for it, and no error.
      this.#logger.debug({ method, route: routeOptions.url ?? '' }, 'request was broken off');
      return void reply.status(400).send();
    }
    const error =
      thrown instanceof HttpException ? fromHttp(thrown) : toLoomError(fromFastify(thrown) ?? thrown);
    if (error.status >= 500)
      this.#logger.error({ code: error.code, error: error.cause ?? error }, 'request failed');
    if (error.retryAfterMs !== undefined)
      void reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000));
    void reply.status(error.status).send(errorBody(error));
  }
}

/** The JSON body of an error of Loom's own APIs. */
export function errorBody(error: LoomError): object {
  const { code, param, details } = error;
  const message = publicMessage(error);
  return { error: { code, message, ...(param ? { param } : {}), ...(details ? { details } : {}) } };
}

/**
 * Returns what a caller may read. A failure whose message quotes its cause may quote an engine, with statements and paths:
 * that is for the log alone.
 */
export function publicMessage(error: LoomError): string {
  if (error.status < 500 || !quotesCause(error)) return error.message;
  return failureMessages[error.code] ?? 'the request failed; the log of the service says why';
}

function quotesCause({ message, cause }: LoomError): boolean {
  let inner: unknown = cause;
  for (let depth = 0; inner !== undefined && depth < causesMax; depth += 1) {
    if (message.includes(messageOf(inner))) return true;
    inner = inner instanceof Error ? inner.cause : undefined;
  }
  return false;
}

const causesMax = 5;

const failureMessages: Partial<Record<ErrorCode, string>> = {
  unavailable: 'something that this service needs is unavailable; try again later',
  overloaded: 'the service has too much to do; try again later',
  upstream_timed_out: 'this took too long; choose a shorter time range or a narrower filter',
};

// Nest's own refusals: an unknown route, a body that does not fit its schema.
function fromHttp(exception: HttpException): LoomError {
  const status = exception.getStatus();
  const response = exception.getResponse();
  const text = typeof response === 'object' && 'message' in response ? response.message : exception.message;
  const message = (Array.isArray(text) ? text.join('; ') : String(text)).slice(0, 2000);
  const cause = exception;
  if (status === 404) return new LoomError('not_found', message, { cause });
  if (status === 401) return new LoomError('unauthenticated', message, { cause });
  if (status === 403) return new LoomError('permission_denied', message, { cause });
  if (status === 413) return new LoomError('payload_too_large', message, { cause });
  if (status < 500) return new LoomError('invalid_request', message, { cause });
  return new LoomError('internal', 'internal error', { cause });
}

// Fastify's: a body that cannot be parsed, is too large, or has an unknown content type.
function fromFastify(thrown: unknown): LoomError | null {
  const fault = thrown as { statusCode?: unknown; message?: unknown; code?: unknown } | null;
  if (typeof fault?.code !== 'string' || !fault.code.startsWith('FST_')) return null;
  const message = String(fault.message);
  return new LoomError(fault.statusCode === 413 ? 'payload_too_large' : 'invalid_request', message, {
    cause: thrown,
  });
}
