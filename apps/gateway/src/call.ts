import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AnswerFacts, Dialect, ModelRequest, PathRequest } from '@loom/providers';
import type { Target } from '@loom/routing';
import type { RequestSpan } from '@loom/telemetry';
import {
  type ApiKeyRecord,
  type CallAttempt,
  type CallError,
  newSpanId,
  newTraceId,
  newUuid,
  type Outcome,
  parseTraceparent,
  type ProjectRecord,
} from '@loom/trace-schema';
import { isGoogleUrl } from './dialect/dialect-paths.ts';
import type { RoutedCall } from './forward/routed-call.ts';
import type { LimitState } from './limits/limit-state.ts';
import type { ReceiptText } from './record/receipts.ts';
import type { StoredResponseCall } from './stored-responses.ts';

/** What an answer says of itself, and whether all of it was read. */
export interface Told {
  readonly facts: AnswerFacts;
  readonly whole: boolean;
}

/** How a call ended, as far as the client and the provider could see it. */
export interface CallEnd {
  /** `interrupted` when the gateway stopped in the middle of it. */
  readonly outcome: Exclude<Outcome, 'refused'>;
  /** HTTP status handed to the client; 0 when none was. */
  readonly status: number;
  readonly error: CallError | null;
  readonly deliveredBytes: number;
  /** True when the answer was a stream of server-sent events. */
  readonly streamed: boolean;
  readonly tail?: Told;
  /** Where the answer came from, when that is not where the call first went. */
  readonly target?: Target;
  /** The API that the answer's bytes are of. */
  readonly wire?: string;
  /** The content type of the provider's bytes, where they are not passed as they are. */
  readonly providerContentType?: string;
  /** Parts of the request that the provider was not told. */
  readonly dropped?: readonly string[];
  /** The usage that the answer tells belongs to another call: that of a stored response counts once. */
  readonly usageCountsElsewhere?: boolean;
  /** Every try, where there were several ways to go; the last one is the answer's. */
  readonly attempts?: readonly CallAttempt[];
}

/** Receives the answer's bytes as the provider sent them, while they pass. */
export interface AnswerTap {
  /** Head of the answer; before any chunk. */
  head(status: number): void;
  /** The buffer must not change afterwards. `atMs`: when it came, `performance.now()`. */
  chunk(bytes: Buffer, atMs: number): void;
  /** What the model has said so far, read from the bytes now: for the end of a call whose usage nobody tells. */
  text(streamed: boolean): string;
  /** The answer's bytes as the provider sent them; null when there is none or not all of it is kept. */
  answer(): Buffer | null;
}

/**
 * One call on its way through the gateway. Middlewares read it and fill in what they know; what is null has not been
 * found out yet. Times are `performance.now()` milliseconds, but for `startTimeMs`.
 */
export class Call {
  readonly id: string;
  readonly traceId: string;
  readonly spanId = newSpanId();
  readonly parentSpanId: string | null;
  readonly startTimeMs: number;
  readonly startedAt = performance.now();
  readonly request: IncomingMessage;
  readonly response: ServerResponse;

  /** Of Loom's own telemetry, when it is exported; `traceId` and `spanId` are the record's. */
  span: RequestSpan | null = null;
  /** Set by the edge, from the path; null for a path that is no API's. */
  dialect: Dialect | null = null;
  /** `gen_ai.operation.name`. */
  operation = 'chat';
  /** Set by the edge: what the path states of the request, in dialects that state it there. */
  pathRequest: PathRequest | null = null;
  /** Set by the edge: the caller wants its stream as one list in JSON, as the Gemini API has it without `alt=sse`. */
  wantsJsonList = false;
  /** Set for calls about a response that a provider stores. */
  stored: StoredResponseCall | null = null;
  /** Set by authenticate. */
  key: ApiKeyRecord | null = null;
  project: ProjectRecord | null = null;
  /** Set by limit, when the key has limits. */
  limits: LimitState | null = null;
  /** Set by read-request: the caller's headers that may go to a provider. */
  passingHeaders: Readonly<Record<string, string>> = {};
  /** Set by read-request. */
  modelRequest: ModelRequest | null = null;
  sessionId: string | null = null;
  userId: string | null = null;
  /** The caller's own labels; middlewares may add some. At most 32, each value at most 512 characters. */
  metadata: Record<string, string> = {};
  /** Set by route. A middleware before it may replace `modelRequest` but not the target. */
  target: Target | null = null;
  /** Set by route: the ways that the call may go, and the first one ready to be sent. */
  routed: RoutedCall | null = null;
  /** Set by forward: whether the response cache had the answer; null when it was not asked. */
  cache: 'hit' | 'miss' | null = null;
  /** Set by capture, when the call is durably on the record: the caller's proof of it, for the answer's head. */
  receipt: ReceiptText | null = null;
  /** Set by capture: where the answer is to be copied to. */
  tap: AnswerTap | null = null;
  /** When the provider was called. */
  dispatchedAt: number | null = null;
  /** Set by forward, when the call is over. */
  end: CallEnd | null = null;

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.request = request;
    this.response = response;
    this.startTimeMs = Date.now();
    this.id = newUuid(this.startTimeMs);
    const { traceparent } = request.headers;
    const parent = typeof traceparent === 'string' ? parseTraceparent(traceparent) : null;
    this.traceId = parent?.traceId ?? newTraceId();
    this.parentSpanId = parent?.parentSpanId ?? null;
  }

  /** How errors are told: as the dialect does it, and on a path of no dialect as the client's own API does. */
  get errorStyle(): Dialect['errors'] {
    if (this.dialect) return this.dialect.errors;
    if (isOfGoogle(this.request)) return 'google';
    return isOfAnthropic(this.request) ? 'anthropic' : 'openai';
  }

  /** The dialect of a call that has got past the edge. */
  get dialectOrThrow(): Dialect {
    return known(this.dialect, 'dialect');
  }
}

/** Whether a client of Anthropic's API sent it: those send its version with everything. */
function isOfAnthropic({ headers, url = '' }: IncomingMessage): boolean {
  return headers['anthropic-version'] !== undefined || /\/messages(?:[/?]|$)/.test(url);
}

/** Whether a client of Google's API sent it: those have a path or a header for the key of their own. */
function isOfGoogle({ headers, url = '' }: IncomingMessage): boolean {
  return headers['x-goog-api-key'] !== undefined || isGoogleUrl(url);
}

/** A value that an earlier middleware must have set. */
export function known<Value>(value: Value | null, what: string): Value {
  if (value === null) throw new Error(`${what} is not known yet: the middlewares are in the wrong order`);
  return value;
}
