import type { IncomingHttpHeaders } from 'node:http';
import { isLoomError, LoomError } from '@loom/errors';
import {
  type AnswerContext,
  type AnswerFacts,
  type ProviderError,
  statusOfError,
  wireOf,
} from '@loom/providers';
import {
  type AttemptFailure,
  type AttemptPlan,
  type Breakers,
  type PlannedAttempt,
  targetKey,
} from '@loom/routing';
import { type CallAttempt, type CallError, newSpanId, providerNameOf } from '@loom/trace-schema';
import { type Call, type CallEnd, known, type Told } from '../call.ts';
import {
  errorBody,
  errorEvent,
  providerErrorBody,
  providerErrorEvent,
  type StreamPlace,
} from '../dialect/dialect-errors.ts';
import { errorTypeOf } from '../dialect/openai-errors.ts';
import { headersForCaller } from '../headers.ts';
import { unixNanos } from '../record/emitter.ts';
import { responseHeaders } from '../response-headers.ts';
import type { UpstreamExchange, UpstreamListener } from '../upstream/upstream.ts';
import { AnswerTail } from './answer-tail.ts';
import { classifyStatus } from './classify-failure.ts';
import { Attempt, type AttemptHost, type FailedAnswer } from './attempt.ts';
import { bytesOf, type Piece } from './held-answer.ts';
import { JsonList } from './json-list.ts';
import type { PreparedAttempt } from './prepare-attempt.ts';

export interface ExchangeOptions {
  readonly totalTimeoutMs: number;
  readonly clientStallMs: number;
  /** After this much silence a stream gets a comment, so that nothing on the way takes it for dead. Milliseconds. */
  readonly heartbeatMs: number;
  readonly plan: AttemptPlan;
  readonly breakers: Breakers;
  readonly context: AnswerContext;
  readonly prepare: (planned: PlannedAttempt) => Promise<PreparedAttempt>;
  /** The same attempt again, without the option that its provider refused. */
  readonly prepareWithoutUsageOption: (planned: PlannedAttempt) => Promise<PreparedAttempt>;
  readonly send: (prepared: PreparedAttempt, listener: UpstreamListener) => UpstreamExchange;
  readonly registersId: boolean;
  readonly firstChunkMs: number | null;
  /** The route has another target for answers that a content policy cut off. */
  readonly fallsBackOnContentPolicy: boolean;
  readonly register: (responseId: string, attempt: PlannedAttempt) => Promise<void>;
}

interface Running {
  readonly planned: PlannedAttempt;
  readonly prepared: PreparedAttempt;
  readonly attempt: Attempt;
  readonly spanId: string;
  readonly startTimeMs: number;
  readonly startedAt: number;
}

/**
 * One call, from its first attempt to its end, as a state machine that ends once: whichever of the provider's end, its
 * failure, the client's leaving, a timeout or the gateway's stop is seen first decides. Attempts follow each other until
 * one is opened; after its first byte there is no other.
 */
export class Exchange implements AttemptHost {
  readonly #call: Call;
  readonly #options: ExchangeOptions;
  readonly #done = Promise.withResolvers<CallEnd>();
  readonly #attempts: CallAttempt[] = [];
  #running: Running | null = null;
  /** Of an answer that is no stream. */
  #tail: AnswerTail | null = null;
  /** Of an answer that was held until it was whole. */
  #learned: Told | null = null;
  #isOpen = false;
  #over = false;
  #status = 0;
  #contentType: string | undefined;
  #streamed = false;
  #deliveredBytes = 0;
  #writtenEvents = 0;
  #totalTimer: NodeJS.Timeout | null = null;
  #stallTimer: NodeJS.Timeout | null = null;
  #waitTimer: NodeJS.Timeout | null = null;
  #heartbeatTimer: NodeJS.Timeout | null = null;
  /** Whether what was written ends with an event, so that a comment may follow. */
  #isBetweenEvents = true;
  /** Set where the caller wants its stream as a list. */
  #list: JsonList | null = null;

  constructor(call: Call, options: ExchangeOptions) {
    this.#call = call;
    this.#options = options;
  }

  /** Runs from an attempt that is ready to be sent; resolves when the call is over, whatever its end. */
  run(planned: PlannedAttempt, prepared: PreparedAttempt): Promise<CallEnd> {
    const { response } = this.#call;
    if (response.destroyed || response.socket?.destroyed) {
      this.#clientLeft(); // before the provider was called
      return this.#done.promise;
    }
    response.on('close', this.#clientLeft);
    response.on('drain', this.#resume);
    const { totalTimeoutMs } = this.#options;
    this.#totalTimer = setTimeout(() => {
      const message = `the call took longer than ${totalTimeoutMs} ms`;
      this.#breakOff(new LoomError('upstream_timed_out', message, { reason: 'timeout' }), 'failed');
    }, totalTimeoutMs);
    this.#begin(planned, prepared);
    return this.#done.promise;
  }

  /** Ends the call because the gateway stops. */
  stop(): void {
    const options = { reason: 'interrupted', retryAfterMs: 1000 };
    this.#breakOff(new LoomError('unavailable', 'the gateway is stopping', options), 'interrupted');
  }

  open({
    status,
    headers,
    streamed,
  }: {
    status: number;
    headers: IncomingHttpHeaders;
    streamed: boolean;
  }): void {
    const prepared = this.#prepared();
    this.#status = status;
    this.#contentType = headers['content-type'];
    this.#streamed = streamed;
    this.#tail = streamed ? null : new AnswerTail(wireOf(prepared.wire));
    this.#isOpen = true;
    const outgoing = {
      ...headersForCaller(headers, { hasOwnLimits: this.#call.limits !== null }),
      ...responseHeaders(this.#call),
    };
    if (prepared.wire === 'token-estimate') outgoing['x-loom-token-count'] = 'estimated';
    if (prepared.dropped.length > 0) outgoing['x-loom-dropped'] = headerText(prepared.dropped.join(', '));
    if (streamed) {
      delete outgoing['content-length'];
      outgoing['x-accel-buffering'] = 'no';
      if (prepared.pair || !isEventStream(headers)) outgoing['content-type'] = eventStreamType;
      if (this.#call.wantsJsonList) {
        this.#list = new JsonList();
        outgoing['content-type'] = 'application/json; charset=utf-8';
      }
    }
    this.#call.response.writeHead(status, outgoing);
    if (streamed) this.#call.response.flushHeaders();
    this.#call.tap?.head(status);
    const { heartbeatMs } = this.#options;
    if (streamed) this.#heartbeatTimer = setInterval(() => this.#beat(), heartbeatMs).unref();
  }

  /** It is Loom's, not the provider's: it is on no record and counts as nothing that was delivered. */
  #beat(): void {
    if (this.#isBetweenEvents && this.#stallTimer === null)
      this.#call.response.write(this.#list ? '\n' : heartbeat);
  }

  write(given: Buffer | string): void {
    const { response } = this.#call;
    const bytes = this.#list ? this.#list.push(given) : given;
    if (bytes.length === 0) return;
    this.#deliveredBytes += Buffer.byteLength(bytes);
    if (this.#heartbeatTimer) {
      this.#heartbeatTimer.refresh();
      const end = typeof bytes === 'string' ? bytes.slice(-4) : bytes.subarray(-4).toString('latin1');
      this.#isBetweenEvents = this.#list !== null || /(?:\n\n|\n\r\n|\r\r)$/.test(end);
    }
    // Bytes that pass carry their own numbers.
    if (typeof bytes === 'string') this.#writtenEvents += bytes.match(/^data: /gm)?.length ?? 0;
    if (response.write(bytes) || this.#stallTimer) return;
    // The client reads slower than the provider sends: wait for it, but not for ever.
    this.#running?.attempt.pause();
    this.#stallTimer = setTimeout(() => response.destroy(), this.#options.clientStallMs);
  }

  keep({ bytes, atMs }: Piece): void {
    this.#call.tap?.chunk(bytes, atMs);
    this.#tail?.push(bytes);
  }

  learn(facts: AnswerFacts): void {
    this.#learned = { facts, whole: true };
  }

  close({ failure, rest }: { readonly failure: LoomError | null; readonly rest?: Buffer | string }): void {
    if (this.#over) return;
    const facts = this.#told()?.facts;
    const isMalformed = failure?.reason === 'malformed_answer';
    const saidSo = this.#streamed && facts?.ended === true && !isMalformed;
    const isEnded = saidSo || (!this.#streamed && failure === null);
    const providerError = facts?.error ?? null;
    if (isEnded && !providerError) {
      if (rest !== undefined && rest.length > 0) this.write(rest);
      this.#endStream('');
      this.#settle('succeeded');
      this.#finish('completed', null);
    } else if (providerError) {
      // Bytes that pass have told it already; a translated stream is told it now.
      this.#endStream(
        this.#running?.attempt.isTranslated
          ? providerErrorEvent(this.#call.dialectOrThrow, providerError, this.#streamPlace())
          : '',
      );
      const told = classifyStatus(statusOfError(providerError), providerError, {});
      this.#settle(isOfTarget(told) ? 'failed' : 'succeeded');
      this.#finish('failed', providerError);
    } else {
      this.#settle('failed');
      this.#breakOff(failure ?? brokenStream(), 'failed');
    }
  }

  get fallsBackOnContentPolicy(): boolean {
    return this.#options.fallsBackOnContentPolicy;
  }

  fail(failure: AttemptFailure, cause: LoomError, answer: FailedAnswer | null): void {
    if (this.#over) return;
    this.#settle(isOfTarget(failure) ? 'failed' : 'succeeded');
    const status = answer?.status ?? null;
    const error = {
      type: errorTypeOf(cause),
      message: cause.message,
      code: status === null ? cause.code : String(status),
    };
    const running = this.#note({
      ...{ status, error, usage: answer?.usage ?? null, serviceTier: answer?.serviceTier ?? null },
    });
    const { plan, prepare, prepareWithoutUsageOption } = this.#options;
    if (running.prepared.addsUsageOption && answer && refusesUsageOption(answer)) {
      const again = { ...running.planned, reason: 'retry' as const, waitMs: 0 };
      this.#goOn(again, { cause, answer, running }, prepareWithoutUsageOption);
      return;
    }
    const next = plan.next(failure);
    if (next) this.#goOn(next, { cause, answer, running }, prepare);
    else this.#giveUp(cause, answer);
  }

  beforeHandingOut(responseId: string): Promise<void> {
    const running = known(this.#running, 'running');
    return this.#options.register(responseId, running.planned);
  }

  #prepared(): PreparedAttempt {
    return known(this.#running, 'running').prepared;
  }

  #begin(planned: PlannedAttempt, prepared: PreparedAttempt): void {
    const { context, registersId, firstChunkMs, heartbeatMs, plan } = this.#options;
    const isLast = !plan.mayGoOn;
    const otherwiseMs = firstChunkMs === null ? heartbeatMs : null;
    const attempt = new Attempt(this, {
      ...{ firstChunkMs, isLast, commitMs: isLast ? lastCommitMs : otherwiseMs },
      prepared,
      context,
      registersId: registersId && prepared.pair === null,
    });
    const times = { startTimeMs: Date.now(), startedAt: performance.now() };
    this.#running = { planned, prepared, attempt, spanId: newSpanId(), ...times };
    this.#call.dispatchedAt ??= times.startedAt;
    this.#options.breakers.started(targetKey(planned.target));
    attempt.begin((listener) => this.#options.send(prepared, listener));
  }

  #goOn(
    next: PlannedAttempt,
    last: { readonly cause: LoomError; readonly answer: FailedAnswer | null; readonly running: Running },
    prepare: ExchangeOptions['prepare'],
  ): void {
    this.#waitTimer = setTimeout(() => {
      this.#waitTimer = null;
      prepare(next).then(
        (prepared) => {
          if (!this.#over) this.#begin(next, prepared);
        },
        (thrown: unknown) => {
          if (this.#over) return;
          // A target that cannot be asked at all is passed over.
          const other = this.#options.plan.next({
            kind: isLoomError(thrown) ? 'model_not_found' : 'request',
          });
          if (other) this.#goOn(other, last, this.#options.prepare);
          else this.#giveUp(last.cause, last.answer, last.running);
        },
      );
    }, next.waitMs);
  }

  // No attempt is left: the last one's failure is the call's.
  #giveUp(cause: LoomError, answer: FailedAnswer | null, running = this.#running): void {
    this.#running = running;
    if (!answer || !running) {
      this.#breakOff(cause, 'failed');
      return;
    }
    if (answer.isAnswer) {
      running.attempt.deliverAnyway();
      return;
    }
    const { error, passes = false } = answer;
    if (!error) {
      this.#keepFailed(answer, cause.status);
      this.#breakOff(cause, 'failed');
      return;
    }
    const body = bytesOf(answer.pieces);
    // A redirect is no answer for the caller.
    const status = answer.status < 400 ? 502 : answer.status;
    const shown = passes ? body : Buffer.from(JSON.stringify(this.#providerBody(status, error)));
    const headers = { ...answer.headers, 'content-length': String(shown.length) };
    if (!passes) headers['content-type'] = 'application/json';
    if (error.retryAfterMs !== undefined) headers['retry-after'] ??= retryAfter(error.retryAfterMs);
    this.open({ headers, streamed: false, status });
    this.#keepFailed(answer, status);
    this.#endWith(shown, error);
  }

  /** What the provider sent is on the record, though the client gets something else. */
  #keepFailed({ pieces }: FailedAnswer, status: number): void {
    this.#call.tap?.head(status);
    for (const { bytes, atMs } of pieces) this.#call.tap?.chunk(bytes, atMs);
  }

  #endWith(body: Buffer, error: CallError): void {
    this.write(body);
    this.#call.response.end();
    this.#finish('failed', error);
  }

  #body(error: LoomError): object {
    return errorBody(this.#call.errorStyle, error, this.#call.id);
  }

  #providerBody(status: number, error: ProviderError): object {
    return providerErrorBody(this.#call.dialectOrThrow, { status, error, requestId: this.#call.id });
  }

  // Ends visibly, in the caller's dialect, however much of the answer is out already.
  #breakOff(error: LoomError, outcome: CallEnd['outcome']): void {
    if (this.#over) return;
    const { response } = this.#call;
    this.#running?.attempt.abort();
    this.#settle('released');
    if (!response.headersSent) {
      this.#status = error.status;
      const body = Buffer.from(JSON.stringify(this.#body(error)));
      if (error.retryAfterMs !== undefined) response.setHeader('retry-after', retryAfter(error.retryAfterMs));
      response.writeHead(error.status, {
        ...responseHeaders(this.#call),
        'content-type': 'application/json',
        'content-length': body.length,
      });
      response.end(body);
    } else if (this.#streamed) {
      // Half an event that was held back is on the record alone.
      this.#endStream(errorEvent(this.#call.dialectOrThrow, error, this.#streamPlace()));
    } else {
      response.destroy(); // a body that breaks off must not look whole
    }
    this.#finish(outcome, { type: errorTypeOf(error), message: error.message, code: error.code });
  }

  /** Ends the answer, with an event of Loom's own where that is not empty. */
  #endStream(event: string): void {
    const list = this.#list;
    this.#call.response.end(list ? list.push(event) + list.end() : event);
  }

  #streamPlace(): StreamPlace {
    const attempt = this.#running?.attempt;
    const sequence = attempt?.isTranslated ? this.#writtenEvents : (attempt?.nextSequence() ?? 0);
    return { requestId: this.#call.id, sequence };
  }

  /** What the answer that was opened says; null when none was. */
  #told(): Told | null {
    if (!this.#isOpen) return null;
    if (this.#learned) return this.#learned;
    return this.#streamed ? (this.#running?.attempt.toldByStream() ?? null) : (this.#tail?.read() ?? null);
  }

  readonly #clientLeft = (): void => {
    if (this.#over) return;
    this.#running?.attempt.abort();
    this.#settle('released');
    const message = 'the client left before the answer was complete';
    this.#finish('aborted', { type: 'client_abort', message, code: null });
  };

  readonly #resume = (): void => {
    if (this.#stallTimer) clearTimeout(this.#stallTimer);
    this.#stallTimer = null;
    this.#running?.attempt.resume();
  };

  #settle(how: 'succeeded' | 'failed' | 'released'): void {
    const { breakers } = this.#options;
    if (!this.#running) return;
    const target = targetKey(this.#running.planned.target);
    if (how === 'failed') breakers.failed(target, performance.now());
    else breakers[how](target);
  }

  /** Writes down the attempt that is over. */
  #note({
    status,
    error,
    usage,
    serviceTier,
  }: Pick<CallAttempt, 'status' | 'error' | 'usage' | 'serviceTier'>): Running {
    const running = known(this.#running, 'running');
    const { planned, spanId, startTimeMs, startedAt } = running;
    this.#attempts.push({
      ...{ spanId, provider: planned.target.provider.name, model: planned.target.model },
      providerKind: providerNameOf(planned.target.provider.kind),
      startTime: unixNanos(startTimeMs),
      durationNanos: Math.round((performance.now() - startedAt) * 1e6),
      ...{ status, error, usage, reason: planned.reason, keyIndex: planned.keyIndex },
      ...(serviceTier ? { serviceTier } : {}),
    });
    return running;
  }

  #finish(outcome: CallEnd['outcome'], error: CallError | null): void {
    if (this.#over) return;
    this.#over = true;
    for (const timer of [this.#totalTimer, this.#stallTimer, this.#waitTimer, this.#heartbeatTimer])
      if (timer) clearTimeout(timer);
    this.#call.response.off('close', this.#clientLeft).off('drain', this.#resume);
    const running = this.#running;
    const told = this.#told();
    // Of a call that had only one way to go, the call itself is the attempt.
    const isRouted = this.#attempts.length > 1 || running?.planned.reason !== 'only';
    if (running && isRouted && this.#attempts.at(-1)?.spanId !== running.spanId)
      this.#note({
        ...{ status: this.#status === 0 ? null : this.#status, error },
        ...{ usage: told?.facts.usage ?? null, serviceTier: told?.facts.serviceTier ?? null },
      });
    this.#done.resolve({
      ...{
        outcome,
        status: this.#status,
        error,
        deliveredBytes: this.#deliveredBytes,
        streamed: this.#streamed,
      },
      ...(told ? { tail: told } : {}),
      ...(running
        ? { target: running.planned.target, wire: running.prepared.wire, dropped: running.prepared.dropped }
        : {}),
      ...(this.#contentType === undefined ? {} : { providerContentType: this.#contentType }),
      attempts: isRouted ? this.#attempts : [],
    });
  }
}

const droppedCharactersMax = 2048;
const heartbeat = ': keep-alive\n\n';
/** A first event that is an error comes with the head, or soon after it. Milliseconds. */
const lastCommitMs = 1000;

/** In whole seconds. */
const retryAfter = (milliseconds: number) => String(Math.ceil(milliseconds / 1000));

const eventStreamType = 'text/event-stream; charset=utf-8';

/** Whether clients know the answer by its content type for the stream that it is. */
function isEventStream(headers: IncomingHttpHeaders): boolean {
  return headers['content-type']?.startsWith('text/event-stream') === true;
}

/** Whether a provider says that it does not take the option that asks for the usage of a stream. */
function refusesUsageOption({ status, pieces }: FailedAnswer): boolean {
  return (
    (status === 400 || status === 422) &&
    /stream_options|include_usage/.test(bytesOf(pieces).toString('utf8'))
  );
}

const brokenStream = () =>
  new LoomError('upstream_failed', "the provider's stream ended before it was complete", {
    reason: 'upstream_error',
  });

/** Names that a caller made up, as a header can carry them: printable ASCII, the rest percent-encoded, not too long. */
function headerText(text: string): string {
  const encoded = text.toWellFormed().replaceAll(/[^\x20-\x7e]+/g, (foreign) => encodeURIComponent(foreign));
  return encoded.slice(0, droppedCharactersMax);
}

/** Whether a failure says something of the target; what the request brought about itself does not. */
function isOfTarget({ kind }: AttemptFailure): boolean {
  return (
    kind !== 'request' && kind !== 'context_window' && kind !== 'content_policy' && kind !== 'rate_limited'
  );
}
