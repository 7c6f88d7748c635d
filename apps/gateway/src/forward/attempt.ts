import type { IncomingHttpHeaders } from 'node:http';
import { isLoomError, LoomError, messageOf } from '@loom/errors';
import {
  type AnswerContext,
  type AnswerForm,
  type AnswerFacts,
  EventGate,
  formOf,
  policyFinishReasons,
  type ProviderError,
  readErrorBody,
  statusOfError,
  streamFactsOf,
  type StreamTranslation,
  type Wire,
  wireOf,
} from '@loom/providers';
import type { AttemptFailure } from '@loom/routing';
import type { Usage } from '@loom/trace-schema';
import type { Told } from '../call.ts';
import type { UpstreamExchange, UpstreamListener } from '../upstream/upstream.ts';
import { classifyError, classifyStatus } from './classify-failure.ts';
import { CredentialMask } from './credential-mask.ts';
import { bytesOf, type HeldAnswer, isJson, type Piece } from './held-answer.ts';
import type { PreparedAttempt } from './prepare-attempt.ts';
import { answerForCaller, type WholeAnswer } from './whole-answer.ts';

/** The client's side of an attempt. What is opened is the call's answer: no other attempt follows. */
export interface AttemptHost {
  /** The head goes out. */
  open(answer: {
    readonly status: number;
    readonly headers: IncomingHttpHeaders;
    readonly streamed: boolean;
  }): void;
  /** Bytes for the client. */
  write(bytes: Buffer | string): void;
  /** Bytes of the provider, for the record; only once the answer is open. */
  keep(piece: Piece): void;
  /** What the answer says, when all of it was kept and read: it need not be read again. */
  learn(facts: AnswerFacts): void;
  /** The opened answer is over; `rest` is what was held back, for an answer that is whole. `failure`: it broke off. */
  close(end: { readonly failure: LoomError | null; readonly rest?: Buffer | string }): void;
  /** Nothing was opened and the attempt is over. The answer is there when the provider gave one. */
  fail(failure: AttemptFailure, cause: LoomError, answer: FailedAnswer | null): void;
  /** Whether a policy that cut an answer off may be answered by another target. */
  readonly fallsBackOnContentPolicy: boolean;
  /** The id of a response that the provider stores is about to be handed out. Resolves when it may be. */
  beforeHandingOut(responseId: string): Promise<void>;
}

/**
 * An answer that was not handed out: with an error status, one that is none of its API, or one that a policy cut off and
 * that took tokens.
 */
export interface FailedAnswer extends HeldAnswer {
  readonly usage: Usage | null;
  readonly serviceTier?: string | null;
  /** What the provider says of it. `status` is what the error stands for, also where it came with 200. */
  readonly error?: ProviderError;
  /** True when the caller understands the body as it is. */
  readonly passes?: boolean;
  /** True when the client may get it after all. */
  readonly isAnswer?: boolean;
}

export interface AttemptOptions {
  readonly prepared: PreparedAttempt;
  readonly context: AnswerContext;
  /** Whether the id of the answer must be known to Loom before the client sees it. */
  readonly registersId: boolean;
  /** Until the answer must be open: a first event, or a whole JSON body. Milliseconds; null: the provider's head and idle times count. */
  readonly firstChunkMs: number | null;
  /**
   * How long the head of a stream waits for a first event, which may be an error with a status of its own or lead to
   * another attempt. Then the attempt is committed to: the head goes out. Milliseconds; null: it waits for the event.
   */
  readonly commitMs: number | null;
  /** Whether no other attempt may follow: the first keep-alive comment of the provider commits to it. */
  readonly isLast: boolean;
}

/** A JSON answer is held whole, and checked, up to this size; a larger one passes as it comes. Bytes. */
const heldBytesMax = 8 * 1024 * 1024;
/** An answer that is translated, or made a stream or one body, must be held whole; a larger one is refused. Bytes. */
const convertedBytesMax = 64 * 1024 * 1024;

/**
 * One try at one target. It holds the answer until it is sure that it is one: a JSON answer until it is whole and of its
 * API's shape, a stream until its first event. Then the answer is opened, and bytes pass as they come. A stream that is slow to
 * begin is committed to: its head and its comments pass, and what fails from then on is told in the stream.
 */
export class Attempt implements UpstreamListener {
  readonly #host: AttemptHost;
  readonly #options: AttemptOptions;
  readonly #wire: Wire;
  /** Reads the events of a stream on their way to the client, and alone decides whether the stream has ended. */
  readonly #gate: EventGate | null;
  readonly #translation: StreamTranslation | null;
  readonly #mask: CredentialMask | null;
  #upstream: UpstreamExchange | null = null;
  #head: HeldHead | null = null;
  /** The first bytes, until they say what form the answer has. */
  #start: Buffer = Buffer.alloc(0);
  #form: AnswerForm | null = null;
  #held: Piece[] = [];
  #heldBytes = 0;
  /** `waiting` for a first event, `registering` its id, `open`, `over`. */
  #state: 'waiting' | 'registering' | 'open' | 'over' = 'waiting';
  #endedEarly: (() => void) | null = null;
  #firstChunkTimer: NodeJS.Timeout | null = null;
  #commitTimer: NodeJS.Timeout | null = null;
  /** The head of the stream is out, though no event has come. */
  #isCommitted = false;

  constructor(host: AttemptHost, options: AttemptOptions) {
    this.#host = host;
    this.#options = options;
    const { pair, wire, askedForUsage } = options.prepared;
    this.#wire = wireOf(wire);
    this.#gate = pair ? null : new EventGate(streamFactsOf(this.#wire), { takesUsageOut: askedForUsage });
    this.#translation = pair ? pair.translateStream(options.context) : null;
    this.#mask = CredentialMask.of(options.prepared.credential);
  }

  begin(send: (listener: UpstreamListener) => UpstreamExchange): void {
    const { firstChunkMs } = this.#options;
    if (firstChunkMs !== null)
      this.#firstChunkTimer = setTimeout(() => this.#tooSlow(firstChunkMs), firstChunkMs);
    this.#upstream = send(this);
  }

  abort(): void {
    this.#isOver();
    this.#upstream?.abort();
  }

  pause(): void {
    this.#upstream?.pause();
  }

  resume(): void {
    this.#upstream?.resume();
  }

  /** Whether the client gets other bytes than the provider sent. */
  get isTranslated(): boolean {
    return this.#translation !== null;
  }

  /** What the events of the stream said so far. Of a translation it is less than the provider's bytes tell. */
  toldByStream(): Told {
    const reader = this.#translation ?? this.#gate;
    if (!reader) throw new Error('a stream passes or is translated');
    return { facts: reader.facts(), whole: this.#gate !== null };
  }

  /** The number that the next event has, of a numbered stream that passes. */
  nextSequence(): number {
    return this.#gate?.nextSequence() ?? 0;
  }

  head(status: number, headers: IncomingHttpHeaders): void {
    if (this.#state === 'over') return;
    const masked = this.#mask ? this.#mask.headers(headers) : headers;
    this.#head = { status, headers: masked, streamed: false };
    const { commitMs } = this.#options;
    if (commitMs !== null && this.#saysStream(this.#head))
      this.#commitTimer = setTimeout(() => this.#commit(), commitMs);
  }

  chunk(bytes: Buffer): void {
    if (this.#state === 'over' || bytes.length === 0) return;
    this.#guarded(() => this.#take(bytes));
  }

  /** What cannot be read is no answer, whatever the reason: nobody is left waiting for it. */
  #guarded(read: () => void): void {
    try {
      read();
    } catch (error) {
      if (this.#state === 'over') throw error; // it was handed over, and is the host's
      if (this.#state !== 'open') return this.#fail({ kind: 'malformed' }, unreadable(error));
      this.#upstream?.abort();
      this.#finish(unreadable(error));
    }
  }

  #take(bytes: Buffer): void {
    if (this.#form === null) this.#sniff(bytes);
    const piece = { bytes, atMs: performance.now() };
    if (this.#state === 'open') this.#pass(piece);
    else this.#hold(piece);
  }

  end(): void {
    if (this.#state === 'over') return;
    if (this.#state === 'registering') this.#endedEarly = () => this.end();
    else if (this.#state === 'open') this.#guarded(() => this.#endOpen(null));
    else this.#guarded(() => this.#endHeld());
  }

  failure(error: LoomError): void {
    if (this.#state === 'over') return;
    if (this.#state === 'registering') this.#endedEarly = () => this.failure(error);
    else if (this.#state === 'open') this.#endOpen(error);
    else this.#fail(classifyError(error), error);
  }

  /** Whether the head promises the stream that the caller wants. */
  #saysStream({ status, headers }: HeldHead): boolean {
    const type = headers['content-type'] ?? '';
    return status < 300 && this.#options.prepared.stream && /event-?stream/i.test(type);
  }

  #commit(): void {
    const head = this.#head;
    if (!head || this.#isCommitted || this.#state !== 'waiting') return;
    this.#isCommitted = true;
    this.#host.open({ ...head, streamed: true });
    this.#passComments();
  }

  /** Of what is held, the comments before the first event. Those of a stream that is translated say the same there. */
  #passComments(): void {
    const end = commentsAt(this.#heldBody());
    let passed = 0;
    while (passed < end) {
      const [piece] = this.#held;
      if (!piece) return;
      const bytes = piece.bytes.subarray(0, end - passed);
      passed += bytes.length;
      if (bytes.length < piece.bytes.length)
        this.#held[0] = { ...piece, bytes: piece.bytes.subarray(bytes.length) };
      else this.#held.shift();
      this.#pass({ ...piece, bytes });
      if (this.#translation) this.#host.write(bytes);
    }
  }

  // Content types are often missing or wrong: the first bytes say what the answer is.
  #sniff(bytes: Buffer): void {
    this.#start = this.#start.length === 0 ? bytes : Buffer.concat([this.#start, bytes]);
    this.#form = formOf(this.#start, this.#wire.framing);
    const head = this.#mustHead();
    const passes = this.#form === 'stream' && head.status < 300 && this.#options.prepared.stream;
    if (passes) this.#head = { ...head, streamed: true };
  }

  /** Frames of an event stream of AWS carry checksums, and their text in base64: it is masked where it is translated. */
  get #masksBytes(): boolean {
    return this.#wire.framing === 'sse' || this.#form !== 'stream';
  }

  /** As it came: what it says is read before the credential is taken out of it. */
  #hold(piece: Piece): void {
    this.#held.push(piece);
    this.#heldBytes += piece.bytes.length;
    const head = this.#mustHead();
    if (this.#state === 'registering') return;
    if (head.streamed) {
      if (piece.bytes.includes(0x0a) || this.#wire.framing === 'eventstream') this.#tryOpenStream(head);
    } else if (this.#heldBytes > (this.#isAsAsked ? heldBytesMax : convertedBytesMax)) this.#tooLarge(head);
  }

  /** Whether the caller gets the body as it comes. */
  get #isAsAsked(): boolean {
    const { pair, stream } = this.#options.prepared;
    return pair === null && !stream && this.#form !== 'stream';
  }

  #tooLarge(head: HeldHead): void {
    if (this.#isAsAsked) this.#open(head);
    else this.#malformed(`is larger than ${convertedBytesMax} bytes`);
  }

  // The first whole event decides: an error that comes first is a failed attempt and no answer.
  #tryOpenStream(head: HeldHead): void {
    const facts = firstFacts(this.#wire, this.#heldBody());
    if (!facts) {
      if (this.#isCommitted) this.#passComments();
      else if (this.#options.isLast && commentsAt(this.#heldBody()) > 0) this.#commit();
      return;
    }
    if (facts.error && !this.#isCommitted) return this.#failWith(head, facts.error);
    if (this.#options.registersId && facts.responseId !== null)
      this.#register(facts.responseId, () => this.#open(head));
    else this.#open(head);
  }

  #register(responseId: string, then: () => void): void {
    this.#state = 'registering';
    void this.#host.beforeHandingOut(responseId).then(() => {
      if (this.#state !== 'registering') return;
      this.#state = 'waiting';
      this.#guarded(then);
      const ended = this.#endedEarly;
      this.#endedEarly = null;
      ended?.();
    });
  }

  #open(head: HeldHead): void {
    this.#isOpen();
    if (!this.#isCommitted) this.#host.open(head);
    const held = this.#held;
    this.#held = [];
    for (const piece of held) if (this.#state === 'open') this.#pass(piece);
  }

  #pass({ bytes, atMs }: Piece): void {
    this.#passMasked({ bytes: this.#masksBytes ? (this.#mask?.push(bytes) ?? bytes) : bytes, atMs });
  }

  #passMasked(piece: Piece): void {
    if (piece.bytes.length === 0) return;
    this.#host.keep(piece);
    try {
      const passed = this.#filtered(piece.bytes);
      if (passed.length > 0) this.#host.write(passed);
    } catch (error) {
      this.#upstream?.abort();
      this.#finish(faultOf(error));
      return;
    }
    if (this.#translation?.error) {
      this.#upstream?.abort();
      this.#finish(null);
    }
  }

  #filtered(bytes: Buffer): Buffer | string {
    if (this.#head?.streamed !== true) return bytes;
    if (!this.#translation) return this.#gate?.push(bytes) ?? bytes;
    // What an escape of JSON hid is in the clear once it is translated.
    const translated = this.#translation.push(bytes);
    return this.#mask ? this.#mask.text(translated) : translated;
  }

  // A connection that breaks after the provider has said that it is done takes nothing from the answer.
  #endOpen(broken: LoomError | null): void {
    if (this.#mask) this.#passMasked({ bytes: this.#mask.flush(), atMs: performance.now() });
    if (this.#state === 'over') return;
    const reader = this.#translation ?? this.#gate;
    if (this.#head?.streamed !== true || !reader) return this.#finish(broken);
    try {
      this.#finish(broken, reader.end());
    } catch (error) {
      this.#finish(broken ?? faultOf(error));
    }
  }

  /** Hands out an answer that another target was to replace, and none did. */
  deliverAnyway(): void {
    const head = this.#head;
    if (head) this.#deliverWhole(head, this.#wire.readFacts(this.#heldBody(), this.#form === 'stream'));
  }

  // A JSON answer is whole, or a stream ended before its first event.
  #endHeld(): void {
    const head = this.#head;
    if (!head) return this.#malformed('has no head');
    const body = this.#heldBody();
    if (head.status >= 300) return this.#failWith(head, this.#errorOf(head, body));
    if (head.streamed) return this.#malformed('is a stream without an event');
    const facts = this.#wire.readFacts(body, this.#form === 'stream');
    if (facts.error) return this.#failWith(head, facts.error);
    if (!facts.ended) return this.#malformed(describeBody(body, head.headers));
    if (
      this.#host.fallsBackOnContentPolicy &&
      facts.finishReasons.some((reason) => policyFinishReasons.has(reason))
    ) {
      const cause = new LoomError('upstream_failed', 'a content policy cut the answer off', {
        reason: 'content_policy',
      });
      return this.#fail({ kind: 'content_policy' }, cause, {
        ...{ ...this.#heldAnswer(head), usage: facts.usage, serviceTier: facts.serviceTier, isAnswer: true },
      });
    }
    const deliver = () => this.#deliverWhole(head, facts);
    if (this.#options.registersId && facts.responseId !== null) this.#register(facts.responseId, deliver);
    else deliver();
  }

  #deliverWhole(head: HeldHead, facts: AnswerFacts): void {
    const form = this.#form ?? 'body';
    const held = this.#heldAnswer(head);
    const body = bytesOf(held.pieces);
    let answer: WholeAnswer;
    try {
      answer = answerForCaller(
        this.#options.prepared,
        { body, form, headers: head.headers },
        this.#options.context,
      );
    } catch (error) {
      this.#fail({ kind: 'malformed' }, faultOf(error), { ...held, usage: null });
      return;
    }
    this.#isOpen();
    if (!this.#isCommitted) this.#host.open({ ...head, headers: answer.headers, streamed: answer.streamed });
    for (const piece of held.pieces) this.#host.keep(piece);
    this.#host.learn(facts);
    this.#host.write(answer.bytes === body || !this.#mask ? answer.bytes : this.#mask.whole(answer.bytes));
    this.#finish(null);
  }

  // The error of an answer with an error status. Bedrock tells its type in a header.
  #errorOf({ status, headers }: HeldHead, body: Buffer): ProviderError {
    const { name } = this.#options.prepared.upstream.provider;
    const told = readErrorBody(body);
    const named = String(headers['x-amzn-errortype'] ?? '').split(':')[0];
    const type = named || told?.type || 'upstream_error';
    const bare = `provider "${name}" answered with status ${status}`;
    if (!told) return { type, message: bare, code: null };
    return { ...told, type, message: isJson(body) ? told.message : `${bare}: ${told.message}` };
  }

  // An error in an answer with status 200 has the status that its words stand for.
  #failWith(head: HeldHead, told: ProviderError): void {
    const status = head.status >= 300 ? head.status : statusOfError(told);
    const failure = classifyStatus(status, told, head.headers);
    const error = this.#maskedError(told);
    const cause = new LoomError('upstream_failed', error.message, { reason: error.type });
    const held = this.#heldAnswer(head);
    const passes =
      head.status === status && this.#options.prepared.pair === null && isJson(bytesOf(held.pieces));
    this.#fail(failure, cause, { ...held, status, usage: null, error, passes });
  }

  #maskedError(error: ProviderError): ProviderError {
    const mask = this.#mask;
    if (!mask) return error;
    const { param } = error;
    return {
      ...{ ...error, type: mask.text(error.type), message: mask.text(error.message) },
      code: error.code && mask.text(error.code),
      ...(param ? { param: mask.text(param) } : {}),
    };
  }

  #malformed(what: string): void {
    const { provider } = this.#options.prepared.upstream;
    const error = new LoomError('upstream_failed', `the answer of provider "${provider.name}" ${what}`, {
      reason: 'malformed_answer',
    });
    const head = this.#head;
    this.#fail({ kind: 'malformed' }, error, head && { ...this.#heldAnswer(head), usage: null });
  }

  /** What has come, as the provider sent it. */
  #heldBody(): Buffer {
    return bytesOf(this.#held);
  }

  /** What has come, without the credential, for caller and record. */
  #heldAnswer(head: HeldHead): HeldAnswer {
    const held = this.#held;
    const mask = this.#masksBytes ? this.#mask : null;
    if (!mask) return { ...head, pieces: held };
    const pieces = held.map(({ bytes, atMs }) => ({ bytes: mask.push(bytes), atMs }));
    const rest = { bytes: mask.flush(), atMs: held.at(-1)?.atMs ?? performance.now() };
    return { ...head, pieces: [...pieces, rest].filter(({ bytes }) => bytes.length > 0) };
  }

  #fail(failure: AttemptFailure, cause: LoomError, answer: FailedAnswer | null = null): void {
    this.#isOver();
    this.#upstream?.abort();
    if (!this.#isCommitted) return this.#host.fail(failure, cause, answer);
    for (const piece of answer?.pieces ?? []) this.#host.keep(piece);
    this.#host.close({ failure: cause });
  }

  #finish(failure: LoomError | null, rest?: Buffer | string): void {
    this.#isOver();
    this.#host.close(rest === undefined ? { failure } : { failure, rest });
  }

  #isOpen(): void {
    this.#state = 'open';
    this.#clearTimers();
  }

  #isOver(): void {
    this.#state = 'over';
    this.#clearTimers();
  }

  #clearTimers(): void {
    for (const timer of [this.#firstChunkTimer, this.#commitTimer]) if (timer) clearTimeout(timer);
  }

  #tooSlow(firstChunkMs: number): void {
    if (this.#state === 'open' || this.#state === 'over') return;
    const message = `the provider's first piece did not come within ${firstChunkMs} ms`;
    this.#fail({ kind: 'timeout' }, new LoomError('upstream_timed_out', message, { reason: 'timeout' }));
  }

  #mustHead(): HeldHead {
    return (this.#head ??= { status: 0, headers: {}, streamed: false });
  }
}

/** What a reader of answers did not foresee, such as nesting without end, is a fault of the answer and not of Loom. */
function faultOf(error: unknown): LoomError {
  return isLoomError(error) ? error : unreadable(error);
}

function unreadable(error: unknown): LoomError {
  const options = { reason: 'malformed_answer', cause: error };
  return new LoomError('upstream_failed', `the answer cannot be read: ${messageOf(error)}`, options);
}

type HeldHead = Pick<HeldAnswer, 'status' | 'headers' | 'streamed'>;

/** The facts of the events that are whole; null when none is yet, or only comments have come. */
function firstFacts(wire: Wire, bytes: Buffer): AnswerFacts | null {
  const hasEvent =
    wire.framing === 'sse'
      ? /(?:^|[\r\n])data:[^\r\n]*[\r\n]/.test(bytes.toString('latin1'))
      : bytes.length >= 4 && bytes.length >= bytes.readUInt32BE(0);
  return hasEvent ? wire.readFacts(bytes, true) : null;
}

const commentLines = /^(?:(?::[^\r\n]*)?(?:\r\n|\n|\r(?=[^])))+/;

/** Where the comments that a stream begins with end; 0 when it has none yet. */
function commentsAt(bytes: Buffer): number {
  const [lines = ''] = commentLines.exec(bytes.toString('latin1')) ?? [];
  return lines.includes(':') ? lines.length : 0;
}

function describeBody(body: Buffer, headers: IncomingHttpHeaders): string {
  if (body.length === 0) return 'is empty';
  const type = headers['content-type'] ?? 'no content type';
  const start = body.subarray(0, 80).toString('utf8').replaceAll(/\s+/g, ' ');
  return `is none of its API (${type}, ${body.length} bytes, "${start}")`;
}
