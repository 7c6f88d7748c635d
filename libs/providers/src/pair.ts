import { LoomError } from '@loom/errors';
import { isInexactNumber, parseExactJson } from '@loom/trace-schema';
import type { AnswerFacts } from './answer-facts.ts';
import { framingOf } from './framing.ts';
import { parseRecord, record } from './json-values.ts';
import type { AnswerContext, ClientHalf, ProviderHalf, WireEvent } from './neutral/halves.ts';
import { foldAnswer, type NeutralEvent } from './neutral/neutral-answer.ts';
import {
  droppableFeatures,
  type Feature,
  hintFeatures,
  type NeutralRequest,
  withoutFeatures,
} from './neutral/neutral-request.ts';
import { invalidMember, onlyElsewhere } from './neutral/request-builder.ts';
import { fitToolId } from './neutral/tool-ids.ts';
import { ToolNaming, withWireTools } from './neutral/tool-naming.ts';
import { ToolRestorer } from './neutral/tool-restorer.ts';
import { eventsOfAnswer, NeutralFacts } from './neutral-wire.ts';
import type { ProviderProfile } from './profiles.ts';
import type { ProviderError } from './provider-error.ts';

/** What becomes of parts of a request that the provider has no words for. */
export type UnsupportedPolicy = 'refuse' | 'drop';

interface TranslatedRequest {
  readonly body: Buffer;
  /** Paths of what was left out. */
  readonly dropped: readonly string[];
}

/** One client dialect on one provider API. Pure; one per pair, for any number of calls. */
export interface Pair {
  readonly dialect: string;
  readonly wire: string;
  /**
   * The request for the provider. Throws `invalid_request` for a body that is none of the dialect's, `unsupported` (422)
   * for what the provider cannot do: always when it changes what was asked, else unless `policy` is `drop`. What only
   * hints is left out under every policy. `profile`: what is particular about the kind of provider, if anything.
   * `stream`: whether a stream is wanted, for dialects whose bodies do not state it.
   */
  writeRequest(
    bytes: Buffer,
    model: string,
    policy: UnsupportedPolicy,
    profile?: ProviderProfile,
    stream?: boolean,
  ): TranslatedRequest;
  /** The answer's body for the client. Throws `upstream_failed` when the provider's is none of its API. */
  writeAnswer(bytes: Buffer, context: AnswerContext): Buffer;
  /** The same as the stream that the answer would have been. */
  writeAnswerAsStream(bytes: Buffer, context: AnswerContext): string;
  /** An answer that is on the record, whole or as a stream, as one body of the client's dialect; null when there is none. */
  assemble(bytes: Buffer, stream: boolean, context: AnswerContext): Readonly<Record<string, unknown>> | null;
  translateStream(context: AnswerContext): StreamTranslation;
}

/** One stream on its way from the provider's API to the client's. */
export interface StreamTranslation {
  /**
   * The bytes for the client that these bytes of the provider become. Splits may be anywhere, also inside a character.
   * Throws `upstream_failed` at an event that cannot be read.
   */
  push(chunk: Buffer): string;
  /** No more comes, whether the connection ended well or broke: what is left to say. */
  end(): string;
  /** What the provider told in mid-stream; nothing comes after it. */
  readonly error: ProviderError | null;
  /** True when the provider said that its answer is whole; not before `end`. */
  readonly ended: boolean;
  /** What the events said so far. */
  facts(): AnswerFacts;
}

// Numbers keep their digits where they pass (tool schemas, arguments). The members that a pair reads must be usable.
function bodyOf(bytes: Buffer): Readonly<Record<string, unknown>> {
  const body = record(parseExactJson(bytes.toString('utf8'))) ?? {};
  for (const [name, value] of Object.entries(body)) {
    if (isInexactNumber(value)) throw invalidMember(name, 'a number that a 64-bit float can hold exactly');
  }
  return body;
}

/** The events of a whole answer. Throws `upstream_failed` for one that is none, or that is an error in its API's words. */
function eventsOf(provider: ProviderHalf, bytes: Buffer): NeutralEvent[] {
  const body = parseRecord(bytes.toString('utf8'));
  if (!body)
    throw new LoomError('upstream_failed', 'the answer is no JSON object', { reason: 'malformed_answer' });
  const events = provider.readAnswer(body);
  const failure = events.find((event) => event.type === 'error')?.error;
  if (failure)
    throw new LoomError('upstream_failed', failure.message, { reason: failure.code ?? failure.type });
  return events;
}

export function pairOf(client: ClientHalf, provider: ProviderHalf): Pair {
  return {
    dialect: client.dialect,
    wire: provider.wire,
    writeRequest: (bytes, model, policy, profile, stream) => {
      const read = client.readRequest(bodyOf(bytes), model);
      const request = stream === undefined ? read : { ...read, stream };
      const dropped = new Set(request.hints);
      const lacked = new Set(provider.lacks?.(model, profile));
      const lost = [...request.features].filter(
        ([feature]) => !provider.carries.has(feature) || lacked.has(feature),
      );
      for (const path of leftOut(request, lost, { policy, wire: provider.wire })) dropped.add(path);
      const rule = provider.toolIds?.(model, profile) ?? null;
      const kept = withoutFeatures(request, new Set(lost.map(([feature]) => feature)));
      const drop = (path: string) => void dropped.add(path);
      const wired = withWireTools(kept, (id) => fitToolId(id, rule), drop);
      const body = provider.writeRequest(wired, drop, profile);
      return { body: Buffer.from(JSON.stringify(body)), dropped: [...dropped] };
    },
    writeAnswer: (bytes, context) => {
      const events = restored(client, eventsOf(provider, bytes), context);
      return Buffer.from(JSON.stringify(client.writeAnswer(foldAnswer(events), context)));
    },
    writeAnswerAsStream: (bytes, context) => {
      const writer = client.streamWriter(context);
      const events = restored(client, eventsOf(provider, bytes), context);
      const opening = events[0]?.type === 'start' ? [] : [noStart];
      const ending: NeutralEvent[] = events.at(-1)?.type === 'end' ? [] : [{ type: 'end' }];
      return [...opening, ...events, ...ending].map((event) => writer.push(event)).join('');
    },
    assemble: (bytes, stream, context) => {
      const events = restored(client, eventsOfAnswer(provider, bytes, stream), context);
      return events.length === 0 ? null : client.writeAnswer(foldAnswer(events), context);
    },
    translateStream: (context) => new PairStream(client, provider, context),
  };
}

/** Paths of what the provider cannot be told and need not be. Throws `unsupported` for what the policy does not let go. */
function leftOut(
  request: NeutralRequest,
  lost: readonly (readonly [Feature, string])[],
  { policy, wire }: { readonly policy: UnsupportedPolicy; readonly wire: string },
): string[] {
  for (const [feature, path] of lost) {
    if (hintFeatures.has(feature) || request.defaults.has(feature)) continue;
    if (policy === 'refuse' || !droppableFeatures.has(feature)) throw unsupported(path, wire);
  }
  const [elsewhere] = request.elsewhere;
  if (elsewhere && policy === 'refuse') throw onlyElsewhere(elsewhere.path, elsewhere.what);
  const [unknown] = request.unknown;
  if (unknown !== undefined && policy === 'refuse') throw unsupported(unknown, wire);
  return [...lost.map(([, path]) => path), ...request.elsewhere.map(({ path }) => path), ...request.unknown];
}

function restored(client: ClientHalf, events: NeutralEvent[], context: AnswerContext): NeutralEvent[] {
  const restorer = restorerOf(client, context);
  return events.flatMap((event) => restorer.push(event));
}

// The names are the caller's, so they are in its request.
function restorerOf(client: ClientHalf, { bytes, id }: AnswerContext): ToolRestorer {
  return new ToolRestorer(
    id,
    () => new ToolNaming(client.readTools(parseRecord(bytes.toString('utf8')) ?? {})),
  );
}

/** The refusal of a part of a request that an API has no words for. */
export function unsupported(path: string, wire: string): LoomError {
  return new LoomError(
    'unsupported',
    `"${path}" cannot be translated to the ${wire} API of this model's provider; ` +
      'leave it out, or send "x-loom-unsupported: drop" to have it left out where that is harmless',
    { param: path, reason: 'unsupported_feature' },
  );
}

const noStart: NeutralEvent = { type: 'start', id: null, model: null };

class PairStream implements StreamTranslation {
  readonly #reader;
  readonly #writer;
  readonly #framing;
  readonly #restorer: ToolRestorer;
  readonly #facts = new NeutralFacts();
  #error: ProviderError | null = null;
  #ended = false;
  #isStarted = false;

  constructor(client: ClientHalf, provider: ProviderHalf, context: AnswerContext) {
    this.#reader = provider.streamReader();
    this.#writer = client.streamWriter(context);
    this.#framing = framingOf(provider.framing);
    this.#restorer = restorerOf(client, context);
  }

  get error(): ProviderError | null {
    return this.#error;
  }

  facts(): AnswerFacts {
    return this.#facts.facts();
  }

  get ended(): boolean {
    return this.#ended;
  }

  push(chunk: Buffer): string {
    return this.#read(this.#framing.push(chunk));
  }

  end(): string {
    return this.#read(this.#framing.end()) + this.#write(this.#reader.end());
  }

  #read(events: readonly WireEvent[]): string {
    let written = '';
    for (const event of events) if (!this.#ended) written += this.#write(this.#reader.push(event));
    return written;
  }

  #write(events: readonly NeutralEvent[]): string {
    let written = '';
    for (const event of events) {
      if (this.#error || this.#ended) break; // what a provider says after its end belongs to nobody
      this.#facts.push(event);
      if (event.type === 'error') this.#error = event.error;
      // Not every provider opens its answer; every client wants it opened.
      else if (event.type !== 'start' && !this.#isStarted) written += this.#writer.push(noStart);
      this.#isStarted = true;
      if (event.type === 'end') this.#ended = true;
      for (const shown of this.#restorer.push(event)) written += this.#writer.push(shown);
    }
    return written;
  }
}
