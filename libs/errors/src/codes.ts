/**
 * The closed table of error codes: the HTTP status each maps to, and whether the same call may succeed if it is
 * made again unchanged. Metrics label by these codes, dialects render them; nothing else decides a status.
 */
export const errorCodes = {
  invalid_request: { status: 400, retryable: false },
  unauthenticated: { status: 401, retryable: false },
  permission_denied: { status: 403, retryable: false },
  not_found: { status: 404, retryable: false },
  method_not_allowed: { status: 405, retryable: false },
  request_timed_out: { status: 408, retryable: true }, // the client was too slow to send its request
  conflict: { status: 409, retryable: false },
  payload_too_large: { status: 413, retryable: false },
  unsupported: { status: 422, retryable: false }, // this driver or provider cannot
  rate_limited: { status: 429, retryable: true },
  client_closed: { status: 499, retryable: false }, // the client left before the answer; never sent
  internal: { status: 500, retryable: false },
  config_invalid: { status: 500, retryable: false }, // start-up only
  upstream_failed: { status: 502, retryable: true },
  overloaded: { status: 503, retryable: true }, // back-pressure; carries retryAfterMs
  unavailable: { status: 503, retryable: true }, // a dependency is down
  upstream_timed_out: { status: 504, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

export type ErrorCode = keyof typeof errorCodes;
