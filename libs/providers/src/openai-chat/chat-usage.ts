import type { Usage } from '@loom/trace-schema';
import { count, record, records, text } from '../json-values.ts';
import { cacheWriteParts, detailsOf, reportedUsd, toolUses, withUses } from '../usage-details.ts';

/*
 * usage of the OpenAI chat API, as its providers really send it:
 *
 *   { prompt_tokens, completion_tokens, total_tokens,
 *     prompt_tokens_details?:     { cached_tokens?, cache_write_tokens?, audio_tokens?, image_tokens?, video_tokens?,
 *                                   cached_tokens_details?: { audio_tokens?, image_tokens? } } | null,
 *     completion_tokens_details?: { reasoning_tokens?, audio_tokens?, image_tokens? } | null,
 *     prompt_cache_hit_tokens?,                                     DeepSeek, beside or instead of cached_tokens
 *     num_cached_tokens?, prompt_audio_seconds?,                    Mistral
 *     cache_creation_input_tokens?, cache_creation?,                proxies of Anthropic
 *     server_tool_use?, server_side_tool_usage_details?, num_sources_used?,   OpenRouter, xAI
 *     citation_tokens?, reasoning_tokens?, num_search_queries?, search_context_size?,   Perplexity
 *     cost?, cost_in_usd_ticks?, … }                                see `reportedUsd`
 *
 * xAI leaves reasoning out of completion_tokens (total = prompt + completion + reasoning); OpenAI counts it in. Perplexity
 * tells reasoning and citations beside both.
 */
export function readChatUsage(value: unknown): Usage | null {
  const usage = record(value);
  if (!usage || !('prompt_tokens' in usage || 'completion_tokens' in usage)) return null;
  const input = record(usage.prompt_tokens_details);
  const output = record(usage.completion_tokens_details);
  const cached = record(input?.cached_tokens_details);
  const prompt = count(usage.prompt_tokens);
  const completion = count(usage.completion_tokens);
  const reasoning = count(output?.reasoning_tokens ?? usage.reasoning_tokens);
  const citations = count(usage.citation_tokens);
  const isApart = output?.reasoning_tokens === undefined && (citations > 0 || reasoning > completion);
  const outside = isApart || (reasoning > 0 && count(usage.total_tokens) === prompt + completion + reasoning);
  const cacheWrite = count(
    input?.cache_write_tokens ?? input?.cache_creation_tokens ?? usage.cache_creation_input_tokens,
  );
  const [cachedAudio, cachedImage] = [count(cached?.audio_tokens), count(cached?.image_tokens)];
  const contextSize = text(usage.search_context_size);
  return {
    inputTokens: prompt,
    cacheReadInputTokens: count(
      input?.cached_tokens ?? usage.prompt_cache_hit_tokens ?? usage.num_cached_tokens,
    ),
    cacheWriteInputTokens: cacheWrite,
    inputAudioTokens: Math.max(0, count(input?.audio_tokens) - cachedAudio),
    outputTokens: outside ? completion + reasoning : completion,
    reasoningOutputTokens: reasoning,
    outputAudioTokens: count(output?.audio_tokens),
    ...detailsOf({
      parts: {
        ...cacheWriteParts(
          usage.cache_creation ?? input?.cache_creation ?? input?.cache_creation_token_details,
          cacheWrite,
        ),
        ...{ cacheReadAudio: cachedAudio, cacheReadImage: cachedImage },
        inputImage: Math.max(0, count(input?.image_tokens) - cachedImage),
        inputVideo: count(input?.video_tokens),
        ...{ outputImage: count(output?.image_tokens), outputVideo: count(output?.video_tokens) },
      },
      uses: {
        ...toolUses(usage.server_tool_use),
        ...toolUses(usage.server_side_tool_usage_details),
        ...(usage.num_search_queries === undefined ? {} : { webSearches: count(usage.num_search_queries) }),
        ...(contextSize !== null && citations === 0 ? { [requestsOf(contextSize)]: 1 } : {}),
        ...{ searchSources: count(usage.num_sources_used), citationTokens: citations },
        audioSeconds: count(usage.prompt_audio_seconds),
      },
      // Anthropic's terms, as servers in between pass them on.
      terms: { speed: usage.speed, inferenceGeo: usage.inference_geo },
      reportedUsd: reportedUsd(usage),
    }),
  };
}

/** Perplexity's fee for a request depends on how much of the web was read: `low`, `medium`, `high`. */
function requestsOf(contextSize: string): string {
  const size = contextSize
    .toLowerCase()
    .replace(/[^a-z]/g, '')
    .slice(0, 16);
  return `requests${size.slice(0, 1).toUpperCase()}${size.slice(1)}`;
}

/** The usage of a chat body or chunk, which some providers put elsewhere: Groq in `x_groq`, Moonshot in the first choice. */
export function readUsageOfChat(body: Readonly<Record<string, unknown>>): Usage | null {
  const [choice] = records(body.choices);
  const usage =
    readChatUsage(body.usage) ?? readChatUsage(record(body.x_groq)?.usage) ?? readChatUsage(choice?.usage);
  return usage && withUses(usage, executedToolsOf(body));
}

/** Groq's `executed_tools: [{ type }]`: tools that ran at the provider, told in the message and in no usage. */
const groqTools: Readonly<Record<string, string>> = {
  ...{ search: 'webSearches', 'browser.search': 'webSearches', browser_search: 'webSearches' },
  ...{ visit: 'websiteVisits', 'browser.open': 'websiteVisits', 'browser.find': 'websiteVisits' },
  ...{ python: 'codeExecutions', code_interpreter: 'codeExecutions', browser_automation: 'browserSessions' },
};

/** Of a stream they come in deltas, before its usage. */
export function executedToolsOf(body: Readonly<Record<string, unknown>>): Record<string, number> {
  const [choice] = records(body.choices);
  const message = record(choice?.message) ?? record(choice?.delta);
  const uses: Record<string, number> = {};
  for (const { type } of records(message?.executed_tools)) {
    const use = groqTools[text(type) ?? ''] ?? 'otherTools';
    uses[use] = (uses[use] ?? 0) + 1;
  }
  return uses;
}
