import type { ServerResponse } from 'node:http';
import { LoomError } from '@loom/errors';
import type { Principal } from '@loom/service-kit';
import { withReadScope } from '@loom/trace-store';
import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Observable } from 'rxjs';

/**
 * Makes all reads of the trace store that a request causes the reads of its caller: they wait in the turns of the caller's
 * organization, and they end, in the engine too, when the caller closes the connection.
 */
@Injectable()
export class ReadScopeInterceptor implements NestInterceptor {
  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const http = context.switchToHttp();
    const { principal } = http.getRequest<{ readonly principal?: Principal }>();
    if (!principal) return next.handle();
    const reader = new AbortController();
    const { raw } = http.getResponse<{ readonly raw: ServerResponse }>();
    raw.once('close', () => reader.abort(new LoomError('client_closed', 'the reader has left')));
    const scope = { owner: principal.organizationId, signal: reader.signal };
    return new Observable((subscriber) => withReadScope(scope, () => next.handle().subscribe(subscriber)));
  }
}
