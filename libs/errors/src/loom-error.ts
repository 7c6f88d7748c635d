import { errorCodes, type ErrorCode } from './codes.ts';

const marker = Symbol.for('loom.error');

export interface LoomErrorOptions {
  /** The request field or configuration key at fault, in the caller's own spelling. */
  readonly param?: string;
  /** A finer, stable word below the code, such as `model_not_found`. */
  readonly reason?: string;
  /** How long to wait before the same call may succeed. Milliseconds. */
  readonly retryAfterMs?: number;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

/** The one error type of Loom. The message is lower case, says what failed with which value, and holds no secret. */
export class LoomError extends Error {
  readonly code: ErrorCode;
  readonly param: string | undefined;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message: string, options: LoomErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'LoomError';
    this.code = code;
    this.param = options.param;
    this.reason = options.reason;
    this.retryAfterMs = options.retryAfterMs;
    this.details = options.details;
    Object.defineProperty(this, marker, { value: true });
  }

  get status(): number {
    return errorCodes[this.code].status;
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
  }
}

/** True for a LoomError of any copy of this module (several may be loaded by a third-party middleware). */
export function isLoomError(value: unknown): value is LoomError {
  return typeof value === 'object' && value !== null && marker in value;
}

/** A foreign error becomes `internal`; its text stays in `cause` and in the log, never in an answer. */
export function toLoomError(value: unknown): LoomError {
  return isLoomError(value) ? value : new LoomError('internal', 'internal error', { cause: value });
}

/** The message of anything thrown, for logs and for the details of a dead letter. */
export function messageOf(value: unknown): string {
  return value instanceof Error ? value.message : String(value);
}
