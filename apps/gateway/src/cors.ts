import type { IncomingMessage, ServerResponse } from 'node:http';
import { LoomError } from '@loom/errors';

const methods = 'GET, HEAD, POST, DELETE';
const requestHeadersMax = 2048;
/** Browsers ask again after this. Seconds. */
const preflightSeconds = '600';

/**
 * Lets pages of some origins call the gateway (fetch.spec.whatwg.org, "CORS protocol"). Without origins it does nothing:
 * browsers then keep every page away.
 */
export class Cors {
  readonly #origins: ReadonlySet<string>;

  constructor(origins: readonly string[]) {
    this.#origins = new Set(origins.map((origin) => origin.replace(/\/$/, '').toLowerCase()));
  }

  /** Says on the answer that its page may read it. */
  allow({ headers }: IncomingMessage, response: ServerResponse): void {
    if (this.#origins.size === 0) return;
    response.setHeader('vary', 'origin');
    if (!this.#isAllowed(headers.origin)) return;
    response.setHeader('access-control-allow-origin', headers.origin ?? '');
    response.setHeader('access-control-expose-headers', '*');
  }

  /**
   * Answers the question of a browser whether a page may send a request. False for a request that is none; throws
   * `permission_denied` for a page that may not.
   */
  answerPreflight({ method, headers }: IncomingMessage, response: ServerResponse): boolean {
    if (method !== 'OPTIONS' || headers['access-control-request-method'] === undefined) return false;
    if (!this.#isAllowed(headers.origin)) throw refused(headers.origin);
    const asked = headers['access-control-request-headers'] ?? '';
    response.writeHead(204, {
      'access-control-allow-methods': methods,
      'access-control-allow-headers': asked.slice(0, requestHeadersMax),
      'access-control-max-age': preflightSeconds,
      'content-length': '0',
    });
    response.end();
    return true;
  }

  #isAllowed(origin: string | undefined): boolean {
    return origin !== undefined && (this.#origins.has('*') || this.#origins.has(origin.toLowerCase()));
  }
}

function refused(origin = ''): LoomError {
  return new LoomError(
    'permission_denied',
    `pages of "${origin.slice(0, 200)}" may not call this gateway: its operator can name them in LOOM_GATEWAY_CORS_ORIGINS`,
    { param: 'origin', reason: 'origin_not_allowed' },
  );
}
