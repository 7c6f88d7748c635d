import { completedUsage, estimateUsage, type ModelRequest, splitByDensity } from '@loom/providers';
import type { Usage } from '@loom/trace-schema';
import type { Call } from '../call.ts';

/** The most that a call is likely to use, told without looking at its content: its length, and the answer it allows. */
export function estimateTokens(request: ModelRequest, operation: string): number {
  if (operation === 'count_tokens') return 0;
  const answers = Math.max(1, wholeNumber(request.parameters.n) ?? 1);
  return inputEstimate(request) + (request.outputTokensMax ?? 0) * answers;
}

/**
 * What a call has used now that it is over: as the provider tells it; nothing when it never got an answer from one; else
 * an estimate from the text.
 */
export function usedTokens({ end, modelRequest, tap, dispatchedAt, cache }: Call): number {
  if (
    cache === 'hit' ||
    !end ||
    end.usageCountsElsewhere ||
    !modelRequest ||
    dispatchedAt === null ||
    end.status >= 300
  )
    return 0;
  const usage = end.tail?.facts.usage;
  if (usage && !end.tail?.facts.usageIsPartial) return sum(usage);
  const text = tap?.text(end.streamed) ?? '';
  const { ascii, other } = splitByDensity(Buffer.byteLength(text), text.length);
  const output = estimateUsage({ ...noText, outputAscii: ascii, outputOther: other });
  return usage ? sum(completedUsage(usage, output)) : inputEstimate(modelRequest) + sum(output);
}

const noText = { inputAscii: 0, inputOther: 0, outputAscii: 0, outputOther: 0 };
const sum = ({ inputTokens, outputTokens }: Usage): number => inputTokens + outputTokens;

function inputEstimate({ bytes, characters }: ModelRequest): number {
  const { ascii, other } = splitByDensity(bytes.length, characters);
  return sum(estimateUsage({ ...noText, inputAscii: ascii, inputOther: other }));
}

function wholeNumber(value: unknown): number | null {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : null;
}
