import type { Usage } from '@loom/trace-schema';
import { count, record, records, text } from '../json-values.ts';
import { cacheWriteParts, detailsOf, reportedUsd, toolUses, withUses } from '../usage-details.ts';

/*
 * usage of the OpenAI Responses API; input contains the cache, output the reasoning:
 *
 *   { input_tokens, input_tokens_details: { cached_tokens, cache_write_tokens?, audio_tokens?, image_tokens? },
 *     output_tokens, output_tokens_details: { reasoning_tokens, audio_tokens?, image_tokens? }, total_tokens,
 *     server_side_tool_usage_details?, num_sources_used?, cost_in_usd_ticks?,   xAI
 *     cost? }                                                                   OpenRouter, Perplexity
 *
 * xAI leaves reasoning out of output_tokens (total = input + output + reasoning): it is added.
 */
export function readResponsesUsage(value: unknown): Usage | null {
  const usage = record(value);
  if (!usage || !('input_tokens' in usage || 'output_tokens' in usage)) return null;
  const input = record(usage.input_tokens_details);
  const details = record(usage.output_tokens_details);
  const cached = record(input?.cached_tokens_details);
  const reasoning = count(details?.reasoning_tokens);
  const [inputTokens, outputTokens] = [count(usage.input_tokens), count(usage.output_tokens)];
  const isOutside = reasoning > 0 && count(usage.total_tokens) === inputTokens + outputTokens + reasoning;
  const cacheWrite = count(input?.cache_write_tokens ?? input?.cache_creation_tokens);
  const [cachedAudio, cachedImage] = [count(cached?.audio_tokens), count(cached?.image_tokens)];
  return {
    inputTokens,
    cacheReadInputTokens: count(input?.cached_tokens),
    cacheWriteInputTokens: cacheWrite,
    inputAudioTokens: Math.max(0, count(input?.audio_tokens) - cachedAudio),
    outputTokens: isOutside ? outputTokens + reasoning : outputTokens,
    reasoningOutputTokens: reasoning,
    outputAudioTokens: count(details?.audio_tokens),
    ...detailsOf({
      parts: {
        ...cacheWriteParts(usage.cache_creation ?? input?.cache_creation, cacheWrite),
        ...{ cacheReadAudio: cachedAudio, cacheReadImage: cachedImage },
        inputImage: Math.max(0, count(input?.image_tokens) - cachedImage),
        inputVideo: count(input?.video_tokens),
        ...{ outputImage: count(details?.image_tokens), outputVideo: count(details?.video_tokens) },
      },
      uses: {
        ...toolUses(usage.server_tool_use),
        ...toolUses(usage.server_side_tool_usage_details),
        searchSources: count(usage.num_sources_used),
      },
      terms: { speed: usage.speed, inferenceGeo: usage.inference_geo },
      reportedUsd: reportedUsd(usage),
    }),
  };
}

/**
 * The usage of a response with the uses of OpenAI's own tools, which its usage does not tell. Searches are told by
 * `tool_usage.web_search.num_requests`, else by the items of the output; opening and finding in a page is free
 * (https://developers.openai.com/api/docs/pricing, "Built-in tools"). xAI tells its tools in usage, and its items are
 * attempts.
 */
export function readUsageOfResponse(response: Readonly<Record<string, unknown>>): Usage | null {
  const usage = readResponsesUsage(response.usage);
  if (!usage) return null;
  if (record(record(response.usage)?.server_side_tool_usage_details)) return usage;
  const items = records(response.output);
  const of = (type: string) => items.filter((item) => item.type === type);
  const told = record(response.tool_usage);
  const searched = record(told?.web_search)?.num_requests;
  const searches = of('web_search_call').filter(({ action }) => {
    const kind = text(record(action)?.type);
    return kind === null || kind === 'search';
  });
  const isPreview = records(response.tools).some(({ type }) => text(type)?.startsWith('web_search_preview'));
  const images = record(told?.image_gen);
  const imageTokens = count(images?.total_tokens);
  const containers = new Set(of('code_interpreter_call').map(({ container_id: id }) => text(id)));
  return withUses(usage, {
    [isPreview ? 'webSearchPreviews' : 'webSearches']:
      searched === undefined ? searches.length : count(searched),
    fileSearches: of('file_search_call').length,
    codeContainers: containers.size,
    // Tokens of the image model, which the response does not name.
    imageGenerations: imageTokens > 0 ? 1 : of('image_generation_call').length,
  });
}
