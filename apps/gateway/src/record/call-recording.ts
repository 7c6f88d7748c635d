import { createHash, type Hash } from 'node:crypto';
import { type AnswerFacts, wireOf } from '@loom/providers';
import {
  type CallFacts,
  type CallIdentity,
  type ChunkVector,
  eventIds,
  providerNameOf,
  type TextCounts,
} from '@loom/trace-schema';
import type { AnswerTap, Call, CallEnd } from '../call.ts';
import type { ContentSeal } from './content-seal.ts';
import { type Emitter, unixNanos } from './emitter.ts';
import {
  type EncodedPayload,
  encodePayload,
  encodePayloadSync,
  encodesAtOnce,
  type PlainPayload,
} from './payload.ts';
import { emitParts } from './payload-parts.ts';
import { wireFacts } from './wire-facts.ts';
import { factsOfAnswer, terminalFields, wireOfFacts } from './terminal.ts';
import { factsWithoutContent } from './without-content.ts';

export interface CallRecordingOptions {
  readonly emitter: Emitter;
  readonly identity: CallIdentity;
  readonly facts: CallFacts;
  readonly projectId: string;
  /** Of a project whose content is sealed; else null. */
  readonly seal: ContentSeal | null;
  readonly traceparent: string | undefined;
  readonly startTimeMs: number;
  readonly startedAt: number;
  readonly request: { readonly length: number; readonly hash: string };
  readonly inputText: Pick<TextCounts, 'inputAscii' | 'inputOther'>;
  readonly answerBytesMax: number;
}

/** Encoded bytes of one chunk group, so that its event stays under the record limit. */
const groupBytesMax = 384 * 1024;

/**
 * The record of one accepted call while it runs: keeps references to the answer's chunks and when each came, writes
 * chunk groups for those that last, and the terminal. Nothing is encoded while a chunk passes.
 */
export class CallRecording implements AnswerTap {
  readonly #options: CallRecordingOptions;
  readonly #chunks: Buffer[] = [];
  readonly #atMicros: number[] = [];
  readonly #lengths: number[] = [];
  #storedBytes = 0;
  #totalBytes = 0;
  /** Only when more came than is kept. */
  #wholeHash: Hash | null = null;
  #flushedChunks = 0;
  #groups = 0;
  #status = 0;

  constructor(options: CallRecordingOptions) {
    this.#options = options;
  }

  get projectId(): string {
    return this.#options.projectId;
  }

  head(status: number): void {
    this.#status = status;
  }

  chunk(bytes: Buffer, atMs: number): void {
    this.#atMicros.push(Math.round((atMs - this.#options.startedAt) * 1000));
    this.#lengths.push(bytes.length);
    this.#totalBytes += bytes.length;
    const room = this.#options.answerBytesMax - this.#storedBytes;
    if (bytes.length <= room && !this.#wholeHash) {
      this.#chunks.push(bytes);
      this.#storedBytes += bytes.length;
      return;
    }
    if (!this.#wholeHash) {
      this.#wholeHash = createHash('sha256');
      for (const kept of this.#chunks) this.#wholeHash.update(kept);
      this.#chunks.push(bytes.subarray(0, room));
      this.#storedBytes += room;
    }
    this.#wholeHash.update(bytes);
  }

  text(streamed: boolean): string {
    const answer = this.#answer();
    return answer ? wireOf(wireOfFacts(this.#options.facts)).answerText(answer, streamed) : '';
  }

  answer(): Buffer | null {
    return this.#wholeHash ? null : this.#answer();
  }

  /** Writes what came since the last group, without waiting. */
  flushChunks(): void {
    while (this.#flushedChunks < this.#chunks.length) {
      const from = this.#flushedChunks;
      let to = from;
      let bytes = 0;
      while (
        to < this.#chunks.length &&
        (to === from || bytes + (this.#chunks[to]?.length ?? 0) <= groupBytesMax)
      ) {
        bytes += this.#chunks[to]?.length ?? 0;
        to += 1;
      }
      try {
        void this.#emitGroup(from, to);
      } catch {
        return; // no room in the outbox: the terminal carries all of it
      }
      this.#flushedChunks = to;
    }
  }

  /** Writes the terminal; resolves when it is durable. */
  async finish(end: CallEnd & Pick<Call, 'dispatchedAt' | 'cache'>): Promise<void> {
    const { emitter, identity, projectId, seal, startedAt, traceparent } = this.#options;
    const id = eventIds.ended(identity.callId);
    const sealing = seal && { seal, part: 'response' as const, eventId: id };
    const durationNanos = Math.round((performance.now() - startedAt) * 1e6);
    const answer = this.#answer();
    const plain = answer ? this.#plain(answer) : null;
    const encoded = plain
      ? encodesAtOnce(plain)
        ? encodePayloadSync(plain, sealing)
        : await encodePayload(plain, sealing)
      : null;
    if (encoded) this.#emitParts(encoded);
    const [firstChunk] = this.#atMicros;
    const fields = terminalFields({
      ...this.#options,
      isSealed: seal !== null,
      facts: this.#factsAtEnd(end),
      attempts: end.attempts ?? [],
      usageCountsElsewhere: end.usageCountsElsewhere ?? false,
      status: end.status,
      error: end.error,
      timing: {
        startTime: unixNanos(this.#options.startTimeMs),
        durationNanos,
        timeToFirstChunkNanos: firstChunk === undefined ? null : firstChunk * 1000,
        gatewayOverheadNanos: Math.round(((end.dispatchedAt ?? startedAt) - startedAt) * 1e6),
      },
      answer,
      answerFacts: this.#facts(answer, end),
      streamed: end.streamed,
      response: encoded?.payload ?? null,
      chunks: answer ? this.#vector(0, this.#lengths.length) : null,
      deliveredBytes: end.deliveredBytes,
    });
    await emitter.emit(
      {
        id,
        type: `call.${end.outcome}`,
        projectId,
        subject: identity.callId,
        traceparent,
        fields,
      },
      { essential: true, patient: true },
    );
  }

  // Of the target that gave the answer, which may be another one than the call was accepted for.
  #factsAtEnd({ target, wire, dropped = [], cache }: CallEnd & Pick<Call, 'cache'>): CallFacts {
    const { facts, seal } = this.#options;
    if (!target || !wire) return facts;
    const { wire: _wire, dropped: _dropped, ...rest } = facts;
    const atEnd: CallFacts = {
      ...rest,
      ...wireFacts(facts.dialect, { wire, dropped }),
      ...(cache === 'hit' ? { cache } : {}),
      provider: target.provider.name,
      providerKind: providerNameOf(target.provider.kind),
      routedModel: target.model,
    };
    return seal ? factsWithoutContent(atEnd) : atEnd;
  }

  // Of an answer of which only the beginning is kept, the end still says usage, finish reasons and errors.
  #facts(answer: Buffer | null, { tail, streamed, wire }: CallEnd): AnswerFacts | null {
    if (tail?.whole) return tail.facts;
    const kept = factsOfAnswer(answer, { wire: wire ?? wireOfFacts(this.#options.facts), streamed });
    if (!tail || !kept || !this.#wholeHash) return kept;
    const { usage, usageIsPartial } = tail.facts.usage ? tail.facts : kept;
    return {
      ...{ ...kept, usage, usageIsPartial },
      finishReasons: tail.facts.finishReasons.length > 0 ? tail.facts.finishReasons : kept.finishReasons,
      error: kept.error ?? tail.facts.error,
    };
  }

  #answer(): Buffer | null {
    if (this.#chunks.length === 0) return null;
    const [first] = this.#chunks;
    return this.#chunks.length === 1 && first ? first : Buffer.concat(this.#chunks, this.#storedBytes);
  }

  #plain(stored: Buffer): PlainPayload {
    if (!this.#wholeHash) return { stored };
    return { stored, whole: { length: this.#totalBytes, hash: this.#wholeHash.copy().digest('hex') } };
  }

  #vector(from: number, to: number): ChunkVector {
    return { atMicros: this.#atMicros.slice(from, to), lengths: this.#lengths.slice(from, to) };
  }

  #emitGroup(from: number, to: number): Promise<void> {
    const { emitter, identity, projectId, seal } = this.#options;
    this.#groups += 1;
    const part = `chunks/${this.#groups}`;
    const bytes = Buffer.concat(this.#chunks.slice(from, to));
    return emitter.emit(
      {
        id: `${identity.callId}/${part}`,
        type: 'call.chunks',
        projectId,
        subject: identity.callId,
        fields: {
          callId: identity.callId,
          traceId: identity.traceId,
          spanId: identity.spanId,
          status: this.#status,
          chunks: {
            ...this.#vector(from, to),
            lengths: this.#chunks.slice(from, to).map((chunk) => chunk.length),
          },
          ...(seal ? { keyId: seal.keyId } : {}),
          data: (seal ? seal.seal(part, bytes) : bytes).toString('base64'),
        },
      },
      { patient: true },
    );
  }

  #emitParts(encoded: EncodedPayload): void {
    const { emitter, identity, projectId } = this.#options;
    const { callId, traceId, spanId } = identity;
    emitParts(emitter, { callId, traceId, spanId, projectId }, 'response', encoded);
  }
}
