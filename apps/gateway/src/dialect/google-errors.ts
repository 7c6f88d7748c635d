import type { LoomError } from '@loom/errors';
import { isContextOverflow, type ProviderError } from '@loom/providers';

/* The words of google/rpc/code.proto, with the HTTP statuses that it maps them to, and those that Loom has besides. */
const wordByStatus: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'FAILED_PRECONDITION',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  408: 'DEADLINE_EXCEEDED',
  409: 'ABORTED',
  413: 'INVALID_ARGUMENT',
  422: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  502: 'UNAVAILABLE',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
  529: 'UNAVAILABLE',
};

function wordOf(status: number): string {
  return wordByStatus[status] ?? (status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL');
}

/* Details by google/rpc/error_details.proto. */
const detailType = (name: string) => ({ '@type': `type.googleapis.com/google.rpc.${name}` });
const domain = 'loom';

function detailsOf({
  reason,
  param,
  message,
  retryAfterMs,
}: {
  readonly reason: string | null;
  readonly param: string | null;
  readonly message: string;
  readonly retryAfterMs: number | undefined;
}): object[] {
  return [
    ...(reason === null ? [] : [{ ...detailType('ErrorInfo'), reason, domain }]),
    ...(param === null
      ? []
      : [{ ...detailType('BadRequest'), fieldViolations: [{ field: param, description: message }] }]),
    ...(retryAfterMs === undefined
      ? []
      : [{ ...detailType('RetryInfo'), retryDelay: `${Math.ceil(retryAfterMs / 1000)}s` }]),
  ];
}

/** An error as Google's APIs have it: `{ error: { code, message, status, details } }`. */
export function googleError({ message, status, reason, code, param, retryAfterMs }: LoomError): object {
  const told = { reason: (reason ?? code).toUpperCase(), param: param ?? null, message, retryAfterMs };
  return { error: { code: status, message, status: wordOf(status), details: detailsOf(told) } };
}

/** A provider's error in the same form. */
export function googleProviderError(status: number, error: ProviderError): object {
  const { type, code, param = null, retryAfterMs } = error;
  const message = overflowMessage(error);
  const details = detailsOf({ reason: code ?? type, param, message, retryAfterMs });
  return { error: { code: status, message, status: wordOf(status), details } };
}

// What clients of this API know a request by that is longer than the model can read.
function overflowMessage(error: ProviderError): string {
  const known = 'The input token count exceeds the maximum number of tokens allowed';
  return isContextOverflow(error) && !/exceeds the maximum number of tokens/.test(error.message)
    ? `${known}: ${error.message}`
    : error.message;
}
