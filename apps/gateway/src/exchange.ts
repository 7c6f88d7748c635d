import type { IncomingHttpHeaders } from 'node:http';
import { LoomError } from '@loom/errors';
import { type EventGate, readAnswerFacts, readTailUsage } from '@loom/providers';
import type { CallError } from '@loom/trace-schema';
import type { Call, CallEnd } from './call.ts';
import { headersForCaller } from './headers.ts';
import { errorTypeOf, openAiError, openAiErrorEvent } from './openai-errors.ts';
import { responseHeaders } from './response-headers.ts';
import type { UpstreamExchange, UpstreamListener } from './upstream/upstream.ts';

export interface ExchangeOptions {
  readonly totalTimeoutMs: number;
  readonly clientStallMs: number;
  /** Between the provider's stream and the client. */
  readonly gate: EventGate;
  /** The provider's credential: an error answer that repeats it does not hand it on. */
  readonly credential: string | null;
}

/** The tail of a stream that tells how it ended. Bytes. */
const tailBytes = 16 * 1024;

/**
 * One answer on its way from the provider to the client, as a state machine that ends once: whichever of the
 * provider's end, its failure, the client's leaving, a timeout or the gateway's stop is seen first decides.
 */
export class Exchange implements UpstreamListener {
  readonly #call: Call;
  readonly #options: ExchangeOptions;
  readonly #done = Promise.withResolvers<CallEnd>();
  #upstream: UpstreamExchange | null = null;
  #over = false;
  #status = 0;
  #streamed = false;
  #deliveredBytes = 0;
  #tail: Buffer[] = [];
  #tailLength = 0;
  #receivedLength = 0;
  #tailRead: CallEnd['tail'];
  #totalTimer: NodeJS.Timeout | null = null;
  #stallTimer: NodeJS.Timeout | null = null;

  constructor(call: Call, options: ExchangeOptions) {
    this.#call = call;
    this.#options = options;
  }

  run(send: (listener: UpstreamListener) => UpstreamExchange): Promise<CallEnd> {
    const { response } = this.#call;
    if (response.destroyed || response.socket?.destroyed) {
      this.#clientLeft(); // before the provider was called
      return this.#done.promise;
    }
    response.on('close', this.#clientLeft);
    response.on('drain', this.#resume);
    this.#totalTimer = setTimeout(() => {
      const { totalTimeoutMs } = this.#options;
      this.failure(
        new LoomError('upstream_timed_out', `the call took longer than ${totalTimeoutMs} ms`, {
          reason: 'timeout',
        }),
      );
    }, this.#options.totalTimeoutMs);
    this.#upstream = send(this);
    return this.#done.promise;
  }

  /** Ends the call because the gateway stops. */
  stop(): void {
    const error = new LoomError('unavailable', 'the gateway is stopping', {
      reason: 'interrupted',
      retryAfterMs: 1000,
    });
    this.#breakOff(error, 'interrupted');
  }

  head(status: number, headers: IncomingHttpHeaders): void {
    if (this.#over) return;
    this.#status = status;
    this.#streamed = (headers['content-type'] ?? '').startsWith('text/event-stream');
    const outgoing = {
      ...headersForCaller(headers, { hasOwnLimits: this.#call.limits !== null }),
      ...responseHeaders(this.#call),
    };
    if (this.#streamed) {
      delete outgoing['content-length'];
      outgoing['x-accel-buffering'] = 'no';
    }
    this.#call.response.writeHead(status, outgoing);
    if (this.#streamed) this.#call.response.flushHeaders();
    this.#call.tap?.head(status);
  }

  chunk(bytes: Buffer): void {
    if (this.#over) return;
    const shown = this.#status >= 400 ? this.#withoutCredential(bytes) : bytes;
    const passed = this.#streamed ? this.#options.gate.push(shown) : shown;
    if (passed.length > 0) this.#write(passed);
    this.#call.tap?.chunk(shown);
    this.#keepTail(shown);
  }

  end(): void {
    if (this.#over) return;
    const { response } = this.#call;
    const failure = this.#failureOfAnswer();
    const rest = this.#streamed ? this.#options.gate.end() : null;
    if (failure?.breaks) response.write(openAiErrorEvent(failure.breaks));
    else if (rest && rest.length > 0) this.#write(rest);
    response.end();
    this.#finish(failure ? 'failed' : 'completed', failure?.error ?? null);
  }

  failure(error: LoomError): void {
    // A connection that breaks after the provider has said that it is done takes nothing from the answer.
    if (this.#streamed && !this.#over && Buffer.concat(this.#tail).includes('data: [DONE]')) this.end();
    else this.#breakOff(error, 'failed');
  }

  // Ends visibly, in the caller's dialect, however much of the answer is out already.
  #breakOff(error: LoomError, outcome: CallEnd['outcome']): void {
    if (this.#over) return;
    const { response } = this.#call;
    this.#upstream?.abort();
    if (!response.headersSent) {
      this.#status = error.status;
      const body = Buffer.from(JSON.stringify(openAiError(error)));
      if (error.retryAfterMs !== undefined)
        response.setHeader('retry-after', Math.ceil(error.retryAfterMs / 1000));
      response.writeHead(error.status, {
        ...responseHeaders(this.#call),
        'content-type': 'application/json',
        'content-length': body.length,
      });
      response.end(body);
    } else if (this.#streamed) {
      response.end(openAiErrorEvent(error)); // half an event that was held back is on the record alone
    } else {
      response.destroy(); // a body that breaks off must not look whole
    }
    this.#finish(outcome, { type: errorTypeOf(error), message: error.message, code: error.code });
  }

  readonly #clientLeft = (): void => {
    if (this.#over) return;
    this.#upstream?.abort();
    this.#finish('aborted', {
      type: 'client_abort',
      message: 'the client left before the answer was complete',
      code: null,
    });
  };

  readonly #resume = (): void => {
    if (this.#stallTimer) clearTimeout(this.#stallTimer);
    this.#stallTimer = null;
    this.#upstream?.resume();
  };

  #write(bytes: Buffer): void {
    const { response } = this.#call;
    this.#deliveredBytes += bytes.length;
    if (response.write(bytes) || this.#stallTimer) return;
    // The client reads slower than the provider sends: wait for it, but not for ever.
    this.#upstream?.pause();
    this.#stallTimer = setTimeout(() => response.destroy(), this.#options.clientStallMs);
  }

  #keepTail(bytes: Buffer): void {
    this.#tail.push(bytes);
    this.#tailLength += bytes.length;
    this.#receivedLength += bytes.length;
    while (this.#tailLength - (this.#tail[0]?.length ?? 0) >= tailBytes)
      this.#tailLength -= this.#tail.shift()?.length ?? 0;
  }

  // A provider's end is no success when it answered with an error status or event, or broke off in silence.
  #failureOfAnswer(): { error: CallError; breaks: LoomError | null } | null {
    if (this.#status >= 300) {
      const message = `the provider answered with status ${this.#status}`;
      return { error: { type: 'upstream_error', message, code: String(this.#status) }, breaks: null };
    }
    const { facts } = this.#readTail();
    if (facts.error) return { error: facts.error, breaks: null };
    if (!this.#streamed || facts.ended) return null;
    const breaks = new LoomError('upstream_failed', "the provider's stream ended before it was complete", {
      reason: 'upstream_error',
    });
    return { error: { type: 'upstream_error', message: breaks.message, code: breaks.code }, breaks };
  }

  #readTail(): NonNullable<CallEnd['tail']> {
    if (this.#tailRead) return this.#tailRead;
    const tail = Buffer.concat(this.#tail);
    const whole = this.#tailLength === this.#receivedLength;
    const facts = readAnswerFacts(tail, this.#streamed);
    const usage = facts.usage ?? (this.#streamed ? null : readTailUsage(tail));
    this.#tailRead = { facts: { ...facts, usage }, whole };
    return this.#tailRead;
  }

  // Of the same length, so that a content-length stays true.
  #withoutCredential(bytes: Buffer): Buffer {
    const { credential } = this.#options;
    if (credential === null || credential === '' || !bytes.includes(credential)) return bytes;
    return Buffer.from(
      bytes.toString('latin1').replaceAll(credential, '*'.repeat(credential.length)),
      'latin1',
    );
  }

  #finish(outcome: CallEnd['outcome'], error: CallError | null): void {
    this.#over = true;
    if (this.#totalTimer) clearTimeout(this.#totalTimer);
    if (this.#stallTimer) clearTimeout(this.#stallTimer);
    this.#call.response.off('close', this.#clientLeft).off('drain', this.#resume);
    this.#done.resolve({
      outcome,
      status: this.#status,
      error,
      deliveredBytes: this.#deliveredBytes,
      streamed: this.#streamed,
      ...(this.#tail.length > 0 ? { tail: this.#readTail() } : {}),
    });
  }
}
