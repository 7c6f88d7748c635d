import type { LoomError } from '@loom/errors';
import { isContextOverflow, type ProviderError } from '@loom/providers';
import type { AttemptFailure, FailureKind } from '@loom/routing';
import type { IncomingHttpHeaders } from 'node:http';

const contentPolicy =
  /content[_ ]?(?:policy|filter|management)|responsible ?ai|safety (?:system|filter)|content was flagged/i;

const kindByStatus: Readonly<Record<number, FailureKind>> = {
  401: 'credential',
  403: 'credential',
  404: 'model_not_found',
  408: 'timeout',
  429: 'rate_limited',
  503: 'overloaded',
  504: 'timeout',
  529: 'overloaded',
};

/** What an answer with an error status says of the next attempt: by its status, and for 4xx by its words. */
export function classifyStatus(
  status: number,
  error: ProviderError | null,
  headers: IncomingHttpHeaders,
): AttemptFailure {
  const retryAfterMs = retryAfterOf(headers) ?? error?.retryAfterMs;
  // A limit of tokens for each minute speaks of tokens too; a credential or a model that is not there of neither.
  if (error && ![401, 404, 429].includes(status) && isContextOverflow(error))
    return { kind: 'context_window' };
  if (status === 400 || status === 413 || status === 422 || status === 403) {
    const words = `${error?.code ?? ''} ${error?.type ?? ''} ${error?.message ?? ''}`;
    if (contentPolicy.test(words)) return { kind: 'content_policy' };
  }
  const known = kindByStatus[status];
  if (known) return { kind: known, retryAfterMs };
  return { kind: status >= 500 ? 'server_error' : 'request', retryAfterMs };
}

/** What an error of the connection says of the next attempt. */
export function classifyError(error: LoomError): AttemptFailure {
  if (error.code === 'upstream_timed_out') return { kind: 'timeout' };
  return { kind: error.reason === 'malformed_answer' ? 'malformed' : 'connection' };
}

/** `retry-after-ms`, or `retry-after` in seconds or as a date. */
function retryAfterOf(headers: IncomingHttpHeaders): number | undefined {
  const milliseconds = Number(headers['retry-after-ms']);
  if (headers['retry-after-ms'] !== undefined && milliseconds >= 0) return milliseconds;
  const given = headers['retry-after'];
  if (given === undefined) return undefined;
  const seconds = Number(given);
  if (seconds >= 0) return seconds * 1000;
  const until = Date.parse(given) - Date.now();
  return Number.isNaN(until) ? undefined : Math.max(0, until);
}
