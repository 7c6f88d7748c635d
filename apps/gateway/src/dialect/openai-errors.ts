import { type ErrorCode, isLoomError, type LoomError } from '@loom/errors';

const typeByCode: Partial<Record<ErrorCode, string>> = {
  unauthenticated: 'authentication_error',
  permission_denied: 'permission_error',
  rate_limited: 'rate_limit_error',
  internal: 'server_error',
  overloaded: 'server_error',
  unavailable: 'server_error',
  upstream_failed: 'upstream_error',
  upstream_timed_out: 'timeout',
};

const codeByCode: Partial<Record<ErrorCode, string>> = {
  unauthenticated: 'invalid_api_key',
  payload_too_large: 'request_too_large',
  request_timed_out: 'request_timeout',
};

/** An error as the OpenAI API tells it: `{ error: { message, type, param, code } }`. */
export function openAiError(error: LoomError): {
  error: Record<'message' | 'type' | 'param' | 'code', string | null>;
} {
  return {
    error: {
      message: error.message,
      type: limitTypeOf(error) ?? typeByCode[error.code] ?? 'invalid_request_error',
      param: error.param ?? null,
      code: error.reason ?? codeByCode[error.code] ?? error.code,
    },
  };
}

/** A limit of the caller's own is told by what it limits: `requests` or `tokens`. */
function limitTypeOf({ code, details }: LoomError): string | null {
  return code === 'rate_limited' && typeof details?.limited === 'string' ? details.limited : null;
}

/** `error.type` on the record. */
export function errorTypeOf(error: unknown): string {
  if (!isLoomError(error)) return 'internal';
  return error.code === 'upstream_timed_out' ? 'timeout' : (error.reason ?? error.code);
}
