import type { TextCounts, Usage } from '@loom/trace-schema';

/** Characters per token of plain English and code, and tokens per character of other scripts, in current vocabularies. */
const asciiPerToken = 4;
const tokensPerOther = 0.8;

/** An estimate of usage from character counts, for answers whose provider reports none. Always marked as estimated. */
export function estimateUsage(counts: TextCounts): Usage {
  const tokens = (ascii: number, other: number) => Math.ceil(ascii / asciiPerToken + other * tokensPerOther);
  return {
    inputTokens: tokens(counts.inputAscii, counts.inputOther),
    cacheReadInputTokens: 0,
    cacheWriteInputTokens: 0,
    inputAudioTokens: 0,
    outputTokens: tokens(counts.outputAscii, counts.outputOther),
    reasoningOutputTokens: 0,
    outputAudioTokens: 0,
  };
}

/** What a provider told before its answer broke off, with the output that the text amounts to by estimate. */
export function completedUsage(told: Usage, estimate: Usage): Usage {
  return { ...told, outputTokens: Math.max(told.outputTokens, estimate.outputTokens) };
}

/** Splits a text of `characters` in `bytes` of UTF-8 into ASCII and other characters, without looking at them. */
export function splitByDensity(bytes: number, characters: number): { ascii: number; other: number } {
  const other = Math.min(characters, Math.round(Math.max(0, bytes - characters) / 2));
  return { ascii: characters - other, other };
}
