import type { Usage } from '@loom/trace-schema';
import type { ProviderError } from './provider-error.ts';

/** What the record needs to know of an answer, read from its raw bytes. */
export interface AnswerFacts {
  readonly responseId: string | null;
  readonly responseModel: string | null;
  readonly finishReasons: readonly string[];
  readonly serviceTier: string | null;
  readonly systemFingerprint: string | null;
  readonly usage: Usage | null;
  /** True when the provider has told what it read and not yet what it wrote: an answer that broke off. */
  readonly usageIsPartial: boolean;
  /** The provider's error, as an error body or as an event in the middle of a stream. */
  readonly error: ProviderError | null;
  /** True when the provider said that it is done. A JSON answer of the right shape is whole. */
  readonly ended: boolean;
}

/** Finish reasons that say that a policy ended the answer, in the words of each API. */
export const policyFinishReasons: ReadonlySet<string> = new Set([
  ...['content_filter', 'refusal', 'SAFETY', 'PROHIBITED_CONTENT', 'BLOCKLIST', 'guardrail_intervened'],
  'content_filtered',
]);

export interface MutableFacts {
  responseId: string | null;
  responseModel: string | null;
  readonly finishReasons: Set<string>;
  serviceTier: string | null;
  systemFingerprint: string | null;
  usage: Usage | null;
  usageIsPartial: boolean;
  error: ProviderError | null;
  ended: boolean;
}

export function newFacts(): MutableFacts {
  return {
    responseId: null,
    responseModel: null,
    finishReasons: new Set(),
    serviceTier: null,
    systemFingerprint: null,
    usage: null,
    usageIsPartial: false,
    error: null,
    ended: false,
  };
}

export function toFacts(facts: MutableFacts): AnswerFacts {
  return { ...facts, finishReasons: [...facts.finishReasons] };
}
