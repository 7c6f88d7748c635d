import type { LoomError } from '@loom/errors';

const typeByStatus: Readonly<Record<number, string>> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  503: 'overloaded_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

/** `error.type` of the Anthropic API for an HTTP status. */
export function anthropicErrorType(status: number): string {
  return typeByStatus[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

/** Reasons that the API tells as `error.details.error_code`, and its clients act on. */
const toldReasons: ReadonlySet<string | undefined> = new Set(['thread_unsupported_request']);

/** An error as the Anthropic API tells it: `{ type: "error", error: { type, message, details? }, request_id }`. */
export function anthropicError(error: LoomError, requestId: string): object {
  const { message, status, reason } = error;
  const details = toldReasons.has(reason) ? { details: { error_code: reason } } : {};
  return {
    ...{ type: 'error', error: { type: anthropicErrorType(status), message, ...details } },
    request_id: requestId,
  };
}
