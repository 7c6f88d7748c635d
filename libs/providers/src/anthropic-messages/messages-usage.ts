import type { Usage } from '@loom/trace-schema';
import { count, record, records, text } from '../json-values.ts';
import { cacheWriteParts, detailsOf, reportedUsd, toolUses } from '../usage-details.ts';

/*
 * usage of the Anthropic Messages API. Its parts are disjoint: input_tokens are those that were neither read from the
 * cache nor written to it.
 *
 *   { input_tokens, output_tokens, cache_read_input_tokens?, cache_creation_input_tokens?,
 *     cache_creation?: { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens },
 *     output_tokens_details?: { thinking_tokens? }, server_tool_use?: { web_search_requests?, … },
 *     service_tier?: standard | priority | batch, speed?: standard | fast, inference_geo?: global | us | not_available,
 *     iterations?: { type: message | compaction | advisor_message, … usage of its own }[] }
 *
 * A compaction is billed as well and is in its iteration alone
 * (https://platform.claude.com/docs/en/build-with-claude/compaction, "Understanding usage"). An advisor is another model:
 * its tokens are told apart, without a price.
 *
 * In a stream message_start has the input, each message_delta the cumulative output and, newer, the input again: a
 * member that is there replaces the one before, one that is missing leaves it.
 */
export function readMessagesUsage(...snapshots: unknown[]): Usage | null {
  const merged = mergedUsage(...snapshots);
  if (!('input_tokens' in merged || 'output_tokens' in merged)) return null;
  const iterations = records(merged.iterations);
  const billed = [merged, ...iterations.filter(({ type }) => type === 'compaction')];
  const sum = (of: (usage: Readonly<Record<string, unknown>>) => number) =>
    billed.reduce((total, usage) => total + of(usage), 0);
  const cacheRead = sum((usage) => count(usage.cache_read_input_tokens));
  const writes = billed.map((usage) => {
    // Servers in between tell the lifetimes alone.
    const lifetimes = Object.values(record(usage.cache_creation) ?? {}).map(count);
    const told = lifetimes.reduce((total, tokens) => total + tokens, 0);
    const tokens = Math.max(count(usage.cache_creation_input_tokens), told);
    return { tokens, parts: cacheWriteParts(usage.cache_creation, tokens) };
  });
  const cacheWrite = writes.reduce((total, { tokens }) => total + tokens, 0);
  const advisors = iterations.filter(({ type }) => text(type)?.startsWith('advisor'));
  return {
    inputTokens: sum((usage) => count(usage.input_tokens)) + cacheRead + cacheWrite,
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: cacheWrite,
    inputAudioTokens: 0,
    outputTokens: sum((usage) => count(usage.output_tokens)),
    reasoningOutputTokens: count(record(merged.output_tokens_details)?.thinking_tokens),
    outputAudioTokens: 0,
    ...detailsOf({
      parts: summed(writes.map(({ parts }) => parts)),
      uses: {
        ...toolUses(merged.server_tool_use),
        advisorInputTokens: advisors.reduce((total, usage) => total + inputOf(usage), 0),
        advisorOutputTokens: advisors.reduce((total, { output_tokens: out }) => total + count(out), 0),
      },
      terms: { speed: merged.speed, inferenceGeo: merged.inference_geo },
      reportedUsd: reportedUsd(merged),
    }),
  };
}

function inputOf(usage: Readonly<Record<string, unknown>>): number {
  return (
    count(usage.input_tokens) +
    count(usage.cache_read_input_tokens) +
    count(usage.cache_creation_input_tokens)
  );
}

function summed(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, tokens] of all.flatMap(Object.entries<number>)) sums[name] = (sums[name] ?? 0) + tokens;
  return sums;
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
