/*
 * What differs between generations of Anthropic's models. Sources: docs.claude.com, "Adaptive thinking", "Effort" and
 * "What's new in Claude Opus 4.7"; docs.aws.amazon.com/bedrock, "Adaptive thinking".
 */

/**
 * The generation in the name of a model, wherever it is served: 4.7 for `claude-opus-4-7`, `anthropic.claude-opus-4-7-v1:0`
 * and `claude-4.7-opus`. Null for a name that is none of Anthropic's or that has no number.
 */
function generationOf(model: string): number | null {
  const found = /claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?![\d])/.exec(model);
  return found ? Number(`${found[1]}.${found[2] ?? '0'}`) : null;
}

/** What a model of Anthropic takes. */
export interface ClaudeAbilities {
  /** `thinking: adaptive` with an effort. */
  readonly thinksByEffort: boolean;
  /** `thinking: enabled` with a budget. */
  readonly thinksByBudget: boolean;
  readonly samples: boolean;
  readonly takesTemperatureWithTopP: boolean;
  /** The highest effort. */
  readonly effortMax: 'high' | 'max';
}

/** From Opus 4.7 on there is no budget and no sampling; from 4.5 on (and Opus 4.1) only one of temperature and top_p. */
export function claudeAbilities(model: string): ClaudeAbilities {
  const isPreview = /claude-(?:mythos|fable)/.test(model);
  const generation = isPreview ? 5 : (generationOf(model) ?? 0);
  return {
    thinksByEffort: generation >= 4.6,
    thinksByBudget: generation < 4.7,
    samples: generation < 4.7,
    takesTemperatureWithTopP: generation < 4.5 && !/claude-opus-4-1/.test(model),
    effortMax: generation >= 4.7 ? 'max' : 'high',
  };
}

const efforts: Readonly<Record<string, string>> = {
  minimal: 'low',
  low: 'low',
  medium: 'medium',
  high: 'high',
};

/** An effort as a model takes it; null for one that it does not know. */
export function claudeEffort(effort: string, { effortMax }: ClaudeAbilities): string | null {
  if (effort === 'xhigh' || effort === 'max') return effortMax === 'max' ? effort : 'high';
  return efforts[effort] ?? null;
}
