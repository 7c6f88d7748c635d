import * as z from 'zod';

const tokens = z.int().nonnegative();

/** Details of an answer's usage: all that has a price and is not one of the seven counts. Absent members are none. */
export const UsageDetails = z.strictObject({
  /**
   * Tokens of a bucket that have a price of their own, by name: `cacheWrite1h`, `inputImage`. They are counted in their
   * bucket too ({@link wholeOfPart}). Disjoint.
   */
  parts: z.record(z.string(), tokens).optional(),
  /** What is sold by the piece: `webSearches`, `fileSearches`, `codeExecutions`, …; also tokens outside of the total. */
  uses: z.record(z.string(), tokens).optional(),
  /** What changes the price of all tokens: `{ speed: 'fast', inferenceGeo: 'us' }`. Values that change nothing are left out. */
  terms: z.record(z.string(), z.string()).optional(),
  /** What the provider says that the call cost, US dollars. */
  reportedUsd: z
    .string()
    .regex(/^\d{1,18}(\.\d+)?$/)
    .optional(),
});
export type UsageDetails = z.infer<typeof UsageDetails>;

/**
 * Token usage of one inference, inclusive as OpenTelemetry GenAI defines it: input contains cache reads, cache
 * writes and audio; output contains reasoning and audio. A provider that reports reasoning outside its completion
 * count (total = prompt + completion + reasoning) has it added to output before it gets here.
 */
export const Usage = z.strictObject({
  inputTokens: tokens,
  cacheReadInputTokens: tokens,
  cacheWriteInputTokens: tokens,
  inputAudioTokens: tokens,
  outputTokens: tokens,
  reasoningOutputTokens: tokens,
  outputAudioTokens: tokens,
  /** Absent on events of older versions, and where there are none. */
  details: UsageDetails.optional(),
});
export type Usage = z.infer<typeof Usage>;

/** How the usage is known: the provider said so, or Loom estimated it from the text, or there is none. */
export const UsageSource = z.enum(['provider', 'estimated', 'none']);
export type UsageSource = z.infer<typeof UsageSource>;

export const tokenBuckets = [
  'inputUncached',
  'cacheRead',
  'cacheWrite',
  'inputAudio',
  'outputText',
  'reasoning',
  'outputAudio',
] as const;
export type TokenBucket = (typeof tokenBuckets)[number];

/** The bucket that a part's name begins with: `cacheWrite1h` is of `cacheWrite`, `inputImage` of `inputUncached`. */
export function wholeOfPart(part: string): TokenBucket | null {
  if (part.startsWith('cacheWrite')) return 'cacheWrite';
  if (part.startsWith('cacheRead')) return 'cacheRead';
  if (part.startsWith('input')) return 'inputUncached';
  return part.startsWith('output') ? 'outputText' : null;
}

/** The same usage in disjoint, non-negative buckets: what is stored and priced. Their sum is the total. */
export type TokenBuckets = Readonly<Record<TokenBucket, number>>;

/**
 * Splits inclusive usage into disjoint buckets. `consistent` is false when the provider's parts exceed its whole
 * (the sign of an exclusive count beside cache buckets): the remainder is then 0 and the span carries a flag.
 */
export function toTokenBuckets(usage: Usage): { buckets: TokenBuckets; consistent: boolean } {
  const inputUncached =
    usage.inputTokens - usage.cacheReadInputTokens - usage.cacheWriteInputTokens - usage.inputAudioTokens;
  const outputText = usage.outputTokens - usage.reasoningOutputTokens - usage.outputAudioTokens;
  return {
    consistent: inputUncached >= 0 && outputText >= 0,
    buckets: {
      inputUncached: Math.max(0, inputUncached),
      cacheRead: usage.cacheReadInputTokens,
      cacheWrite: usage.cacheWriteInputTokens,
      inputAudio: usage.inputAudioTokens,
      outputText: Math.max(0, outputText),
      reasoning: usage.reasoningOutputTokens,
      outputAudio: usage.outputAudioTokens,
    },
  };
}

/** The inverse of {@link toTokenBuckets}, for reading stored rows. */
export function fromTokenBuckets(buckets: TokenBuckets): Usage {
  return {
    inputTokens: buckets.inputUncached + buckets.cacheRead + buckets.cacheWrite + buckets.inputAudio,
    cacheReadInputTokens: buckets.cacheRead,
    cacheWriteInputTokens: buckets.cacheWrite,
    inputAudioTokens: buckets.inputAudio,
    outputTokens: buckets.outputText + buckets.reasoning + buckets.outputAudio,
    reasoningOutputTokens: buckets.reasoning,
    outputAudioTokens: buckets.outputAudio,
  };
}
