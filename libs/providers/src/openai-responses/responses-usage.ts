import type { Usage } from '@loom/trace-schema';
import { count, record } from '../json-values.ts';

/*
 * usage of the OpenAI Responses API; input contains the cache, output the reasoning:
 *
 *   { input_tokens, input_tokens_details: { cached_tokens, cache_write_tokens? },
 *     output_tokens, output_tokens_details: { reasoning_tokens }, total_tokens }
 *
 * xAI leaves reasoning out of output_tokens (total = input + output + reasoning): it is added.
 */
export function readResponsesUsage(value: unknown): Usage | null {
  const usage = record(value);
  if (!usage || !('input_tokens' in usage || 'output_tokens' in usage)) return null;
  const input = record(usage.input_tokens_details);
  const details = record(usage.output_tokens_details);
  const reasoning = count(details?.reasoning_tokens);
  const [inputTokens, outputTokens] = [count(usage.input_tokens), count(usage.output_tokens)];
  const isOutside = reasoning > 0 && count(usage.total_tokens) === inputTokens + outputTokens + reasoning;
  return {
    inputTokens,
    cacheReadInputTokens: count(input?.cached_tokens),
    cacheWriteInputTokens: count(input?.cache_write_tokens),
    inputAudioTokens: count(input?.audio_tokens),
    outputTokens: isOutside ? outputTokens + reasoning : outputTokens,
    reasoningOutputTokens: reasoning,
    outputAudioTokens: count(details?.audio_tokens),
  };
}
