import { type AnswerFacts, splitByDensity, wireOf } from '@loom/providers';
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

/** What a terminal is made of, whoever makes it: the gateway that made the call, or its successor. */
export interface TerminalInput {
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
  return {
    call: input.identity,
    facts: input.facts,
    status: input.status,
    error: input.error && (facts?.error ?? input.error), // the provider's own words, when it said why
    timing: input.timing,
    responseModel: facts?.responseModel ?? null,
    responseId: facts?.responseId ?? null,
    finishReasons: facts?.finishReasons ?? [],
    serviceTier: facts?.serviceTier ?? null,
    systemFingerprint: facts?.systemFingerprint ?? null,
    usage: facts?.usage ?? null,
    usageSource: facts?.usage ? 'provider' : produced ? 'estimated' : 'none',
    textCounts: produced && !facts?.usage ? textCounts(input) : null,
    request: input.request,
    response: input.response,
    chunks: input.chunks,
    deliveredBytes: input.deliveredBytes,
    attempts: input.attempts,
  };
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
