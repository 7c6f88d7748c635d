import type { Usage } from '@loom/trace-schema';
import { count, record } from '../json-values.ts';

/*
 * usage of the Anthropic Messages API. Its parts are disjoint: input_tokens are those that were neither read from the
 * cache nor written to it.
 *
 *   { input_tokens, output_tokens, cache_read_input_tokens?, cache_creation_input_tokens?,
 *     output_tokens_details?: { thinking_tokens? }, server_tool_use?: { … }, service_tier? }
 *
 * In a stream message_start has the input, each message_delta the cumulative output and, newer, the input again: a
 * member that is there replaces the one before, one that is missing leaves it.
 */
export function readMessagesUsage(...snapshots: unknown[]): Usage | null {
  const merged = mergedUsage(...snapshots);
  if (!('input_tokens' in merged || 'output_tokens' in merged)) return null;
  const cacheRead = count(merged.cache_read_input_tokens);
  const cacheWrite = count(merged.cache_creation_input_tokens);
  return {
    inputTokens: count(merged.input_tokens) + cacheRead + cacheWrite,
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: cacheWrite,
    inputAudioTokens: 0,
    outputTokens: count(merged.output_tokens),
    reasoningOutputTokens: count(record(merged.output_tokens_details)?.thinking_tokens),
    outputAudioTokens: 0,
  };
}

/** Several snapshots as one. */
export function mergedUsage(...snapshots: unknown[]): Readonly<Record<string, unknown>> {
  const merged: Record<string, unknown> = {};
  for (const snapshot of snapshots) {
    for (const [name, value] of Object.entries(record(snapshot) ?? {})) {
      if (value !== null && value !== undefined) merged[name] = value;
    }
  }
  return merged;
}
