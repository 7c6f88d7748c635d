import { LoomError, toLoomError } from '@loom/errors';
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
    if (error.code === 'internal') this.#logger.error({ error: error.cause }, 'request failed');
    if (error.retryAfterMs !== undefined)
      void reply.header('retry-after', Math.ceil(error.retryAfterMs / 1000));
    void reply.status(error.status).send(errorBody(error));
  }
}

/** The JSON body of an error of Loom's own APIs. */
export function errorBody(error: LoomError): object {
  const { code, message, param, details } = error;
  return { error: { code, message, ...(param ? { param } : {}), ...(details ? { details } : {}) } };
}

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
