import * as z from 'zod';

const tokens = z.int().nonnegative();

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
