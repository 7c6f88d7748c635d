import type { Usage } from '@loom/trace-schema';
import { count, record, text } from '../json-values.ts';
import { detailsOf, modalityTokens } from '../usage-details.ts';

/*
 * usageMetadata: { promptTokenCount (with cache), cachedContentTokenCount?, toolUsePromptTokenCount?,
 *   candidatesTokenCount (without thoughts), thoughtsTokenCount?, totalTokenCount, trafficType? | serviceTier? }
 */

/**
 * The usage of an answer; null when it tells none. Thoughts are output here too, and stand beside the candidates. What
 * tools read for the model is input beside the prompt. Audio that was read from the cache is cached first.
 */
export function readGeminiUsage(value: unknown, queries: number): Usage | null {
  const usage = record(value);
  if (!usage || !('promptTokenCount' in usage || 'totalTokenCount' in usage)) return null;
  const thoughts = count(usage.thoughtsTokenCount);
  const cached = (modality: string) => modalityTokens(usage.cacheTokensDetails, modality);
  const read = (modality: string) =>
    modalityTokens(usage.promptTokensDetails, modality) +
    modalityTokens(usage.toolUsePromptTokensDetails, modality) -
    cached(modality);
  const wrote = (modality: string) => modalityTokens(usage.candidatesTokensDetails, modality);
  return {
    inputTokens: count(usage.promptTokenCount) + count(usage.toolUsePromptTokenCount),
    cacheReadInputTokens: count(usage.cachedContentTokenCount),
    cacheWriteInputTokens: 0,
    inputAudioTokens: Math.max(0, read('AUDIO')),
    outputTokens: count(usage.candidatesTokenCount) + thoughts,
    reasoningOutputTokens: thoughts,
    outputAudioTokens: wrote('AUDIO'),
    ...detailsOf({
      parts: {
        ...{
          cacheReadAudio: cached('AUDIO'),
          cacheReadImage: cached('IMAGE'),
          cacheReadVideo: cached('VIDEO'),
        },
        ...{ inputImage: Math.max(0, read('IMAGE')), inputVideo: Math.max(0, read('VIDEO')) },
        inputDocument: Math.max(0, read('DOCUMENT')),
        ...{ outputImage: wrote('IMAGE'), outputVideo: wrote('VIDEO') },
      },
      uses: { webSearches: queries },
    }),
  };
}

/** Vertex AI's words for how a call was served; the Gemini API has `serviceTier`, in the words of its requests. */
const tiersOfTraffic: Readonly<Record<string, string>> = {
  TRAFFIC_TYPE_UNSPECIFIED: 'standard',
  ON_DEMAND: 'standard',
  ON_DEMAND_PRIORITY: 'priority',
  ON_DEMAND_FLEX: 'flex',
  PROVISIONED_THROUGHPUT: 'provisioned',
};

export function readGeminiTier(value: unknown): string | null {
  const usage = record(value);
  const traffic = text(usage?.trafficType);
  const tier = text(usage?.serviceTier) ?? (traffic && (tiersOfTraffic[traffic] ?? traffic));
  return tier === null ? null : tier.toLowerCase().replace(/^service_tier_/, '');
}

/** Usage as the Gemini API reports it. */
export function writeGeminiUsage(usage: Usage): Readonly<Record<string, number>> {
  const { inputTokens, outputTokens, cacheReadInputTokens, reasoningOutputTokens } = usage;
  return {
    promptTokenCount: inputTokens,
    ...(cacheReadInputTokens > 0 ? { cachedContentTokenCount: cacheReadInputTokens } : {}),
    candidatesTokenCount: Math.max(0, outputTokens - reasoningOutputTokens),
    ...(reasoningOutputTokens > 0 ? { thoughtsTokenCount: reasoningOutputTokens } : {}),
    totalTokenCount: inputTokens + outputTokens,
  };
}
