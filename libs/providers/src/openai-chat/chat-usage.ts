import type { Usage } from '@loom/trace-schema';
import { count, record, records } from '../json-values.ts';

/*
 * usage of the OpenAI chat API, as its providers really send it:
 *
 *   { prompt_tokens, completion_tokens, total_tokens,
 *     prompt_tokens_details?:     { cached_tokens?, audio_tokens?, cache_write_tokens? } | null,
 *     completion_tokens_details?: { reasoning_tokens?, audio_tokens? } | null,
 *     prompt_cache_hit_tokens? }                                    DeepSeek, beside or instead of cached_tokens
 *
 * xAI leaves reasoning out of completion_tokens (total = prompt + completion + reasoning); OpenAI counts it in.
 */
export function readChatUsage(value: unknown): Usage | null {
  const usage = record(value);
  if (!usage || !('prompt_tokens' in usage || 'completion_tokens' in usage)) return null;
  const input = record(usage.prompt_tokens_details);
  const output = record(usage.completion_tokens_details);
  const prompt = count(usage.prompt_tokens);
  const completion = count(usage.completion_tokens);
  const reasoning = count(output?.reasoning_tokens);
  const outside = reasoning > 0 && count(usage.total_tokens) === prompt + completion + reasoning;
  return {
    inputTokens: prompt,
    cacheReadInputTokens: count(input?.cached_tokens ?? usage.prompt_cache_hit_tokens),
    cacheWriteInputTokens: count(input?.cache_write_tokens ?? input?.cache_creation_tokens),
    inputAudioTokens: count(input?.audio_tokens),
    outputTokens: outside ? completion + reasoning : completion,
    reasoningOutputTokens: reasoning,
    outputAudioTokens: count(output?.audio_tokens),
  };
}

/** The usage of a chat body or chunk, which some providers put elsewhere: Groq in `x_groq`, Moonshot in the first choice. */
export function readUsageOfChat(body: Readonly<Record<string, unknown>>): Usage | null {
  return (
    readChatUsage(body.usage) ??
    readChatUsage(record(body.x_groq)?.usage) ??
    readChatUsage(records(body.choices)[0]?.usage)
  );
}
