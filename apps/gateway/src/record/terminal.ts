import { type AnswerFacts, completedUsage, estimateUsage, splitByDensity, wireOf } from '@loom/providers';
import type {
  CallAttempt,
  CallEnded,
  CallError,
  CallFacts,
  CallIdentity,
  ChunkVector,
  Payload,
  TextCounts,
} from '@loom/trace-schema';
import { errorWithoutContent } from './without-content.ts';

/** What a terminal is made of, whoever makes it: the gateway that made the call, or its successor. */
export interface TerminalInput {
  /** The content of the project is sealed: errors say what kind they are and no more. */
  readonly isSealed: boolean;
  readonly identity: CallIdentity;
  readonly facts: CallFacts;
  readonly status: number;
  readonly error: CallError | null;
  readonly timing: CallEnded['timing'];
  readonly request: { readonly length: number; readonly hash: string };
  readonly inputText: Pick<TextCounts, 'inputAscii' | 'inputOther'>;
  /** The answer's plain bytes that were kept; null when there was no answer. */
  readonly answer: Buffer | null;
  readonly answerFacts: AnswerFacts | null;
  readonly streamed: boolean;
  readonly response: Payload | null;
  readonly chunks: ChunkVector | null;
  readonly deliveredBytes: number;
  readonly attempts: readonly CallAttempt[];
  /** The answer's usage is not this call's. */
  readonly usageCountsElsewhere?: boolean;
}

/** A terminal has room for these: an event that is too large for the stream would be no record at all. */
const [charactersMax, messageCharactersMax, wordsMax, chunksMax] = [512, 2000, 128, 20_000];

/** The beginning of a text that is too long, with a mark. */
function bounded(text: string, max = charactersMax): string {
  return text.length <= max ? text : `${text.slice(0, max - 1).toWellFormed()}…`;
}

const boundedOrNull = (text: string | null | undefined) => (text == null ? null : bounded(text));

/** Neighbours of a vector that is too long become one: the sum stays, and each time is that of the first. */
function boundedVector({ atMicros, lengths }: ChunkVector): ChunkVector {
  const size = Math.ceil(lengths.length / chunksMax);
  if (size <= 1) return { atMicros, lengths };
  const groups = Array.from({ length: Math.ceil(lengths.length / size) }, (_, group) => group * size);
  return {
    atMicros: groups.map((start) => atMicros[start] ?? 0),
    lengths: groups.map((start) => lengths.slice(start, start + size).reduce((sum, one) => sum + one, 0)),
  };
}

function boundedFacts({ dropped, ...facts }: CallFacts): CallFacts {
  return dropped ? { ...facts, dropped: dropped.slice(0, wordsMax).map((path) => bounded(path)) } : facts;
}

/** The fields of a terminal event besides its stamp and type. */
export function terminalFields(input: TerminalInput): object {
  const facts =
    input.answerFacts && input.usageCountsElsewhere
      ? { ...input.answerFacts, usage: null }
      : input.answerFacts;
  const produced =
    input.answer !== null && input.status >= 200 && input.status < 300 && !input.usageCountsElsewhere;
  const told = (error: CallError | null): CallError | null => {
    if (!error || input.isSealed) return error && errorWithoutContent(error);
    const { type, message, code } = error; // a provider's error says more than the record has
    return {
      type: bounded(type),
      message: bounded(message, messageCharactersMax),
      code: boundedOrNull(code),
    };
  };
  return {
    call: input.identity,
    facts: boundedFacts(input.facts),
    status: input.status,
    error: told(input.error && (facts?.error ?? input.error)), // the provider's own words, when it said why
    timing: input.timing,
    responseModel: boundedOrNull(facts?.responseModel),
    responseId: boundedOrNull(facts?.responseId),
    finishReasons: (facts?.finishReasons ?? []).slice(0, wordsMax).map((reason) => bounded(reason)),
    serviceTier: boundedOrNull(facts?.serviceTier),
    systemFingerprint: boundedOrNull(facts?.systemFingerprint),
    ...usageOf(input, facts, produced),
    request: input.request,
    response: input.response,
    chunks: input.chunks && boundedVector(input.chunks),
    deliveredBytes: input.deliveredBytes,
    attempts: input.attempts.map((attempt) => ({ ...attempt, error: told(attempt.error) })),
  };
}

// What a provider tells goes before what the text tells. One that told only what it read is believed that far.
function usageOf(input: TerminalInput, facts: AnswerFacts | null, produced: boolean): object {
  const told = facts?.usage ?? null;
  if (told && facts?.usageIsPartial && produced) {
    const usage = completedUsage(told, estimateUsage(textCounts(input)));
    return { usage, usageSource: 'estimated', textCounts: null };
  }
  if (told) return { usage: told, usageSource: 'provider', textCounts: null };
  return produced
    ? { usage: null, usageSource: 'estimated', textCounts: textCounts(input) }
    : { usage: null, usageSource: 'none', textCounts: null };
}

/** The facts of an answer, or null when there was none. */
export function factsOfAnswer(
  answer: Buffer | null,
  { wire, streamed }: { readonly wire: string; readonly streamed: boolean },
): AnswerFacts | null {
  return answer && answer.length > 0 ? wireOf(wire).readFacts(answer, streamed) : null;
}

/** The API that the answer's bytes are of. */
export function wireOfFacts({ wire, dialect }: CallFacts): string {
  return wire ?? dialect;
}

function textCounts(input: TerminalInput): TextCounts {
  const text = input.answer ? wireOf(wireOfFacts(input.facts)).answerText(input.answer, input.streamed) : '';
  const { ascii, other } = splitByDensity(Buffer.byteLength(text), text.length);
  return { ...input.inputText, outputAscii: ascii, outputOther: other };
}
