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
    return { type, message, code };
  };
  return {
    call: input.identity,
    facts: input.facts,
    status: input.status,
    error: told(input.error && (facts?.error ?? input.error)), // the provider's own words, when it said why
    timing: input.timing,
    responseModel: facts?.responseModel ?? null,
    responseId: facts?.responseId ?? null,
    finishReasons: facts?.finishReasons ?? [],
    serviceTier: facts?.serviceTier ?? null,
    systemFingerprint: facts?.systemFingerprint ?? null,
    ...usageOf(input, facts, produced),
    request: input.request,
    response: input.response,
    chunks: input.chunks,
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
