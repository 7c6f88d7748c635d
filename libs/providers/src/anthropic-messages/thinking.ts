import type { Feature, NeutralRequest } from '../neutral/neutral-request.ts';
import { cannotCarry } from '../neutral/request-builder.ts';
import { claudeAbilities, claudeEffort } from './claude-generation.ts';

/** Tokens of thinking by effort, where a provider is told a budget and the caller an effort. */
const budgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};

/** Efforts where a model takes one and the caller says a budget. Tokens. */
function effortOfBudget(budgetTokens: number): string {
  if (budgetTokens <= 2048) return 'low';
  return budgetTokens <= 16_384 ? 'medium' : 'high';
}

/** Anthropic's models think with no smaller budget than this. Tokens. */
const budgetMin = 1024;
/** What is left for the answer where the budget follows from an effort. Tokens. */
const answerMin = 512;
/** What thinking and answer may have together where the caller sets no limit. Tokens. */
const totalDefault = 32_000;

/** Members of the Messages API by which a model of Anthropic thinks. */
export interface Thinking {
  readonly members: {
    readonly thinking: Readonly<Record<string, unknown>>;
    readonly effort?: string;
  };
  /** What it may write in all. Null: no limit follows from its thinking. */
  readonly maxTokens: number | null;
}

/**
 * How a model of Anthropic thinks, in the words of its generation. Its thinking counts against the caller's own limit,
 * which is never raised. Null for no thinking. Throws `unsupported` for what it cannot do while it thinks, unless thinking
 * was left to the model: then it does not think.
 */
export function thinkingOf(
  request: NeutralRequest,
  provider: string,
  drop: (path: string) => void,
): Thinking | null {
  const { reasoning } = request;
  if (!reasoning || reasoning.effort === 'none') return null;
  const isByBudget = usesBudget(request) || !claudeAbilities(request.model).thinksByEffort;
  if (isByBudget && hasUnsignedLoop(request)) {
    drop(pathOf(request, 'reasoning'));
    return null;
  }
  const refusal = obstacle(request, provider);
  if (!refusal) return byEffort(request, provider) ?? byBudget(request, provider);
  if (!reasoning.isOptional) throw refusal;
  drop(pathOf(request, 'reasoning'));
  return null;
}

function pathOf({ features }: NeutralRequest, feature: Feature): string {
  return features.get(feature) ?? feature;
}

// What stands in the way of thinking.
function obstacle(request: NeutralRequest, provider: string): Error | null {
  const { temperature, toolChoice, reasoning, model } = request;
  const { samples, thinksByEffort } = claudeAbilities(model);
  if (temperature !== null && temperature !== 1 && samples)
    return cannotCarry(pathOf(request, 'temperature'), provider, 'takes no temperature while it reasons');
  if (toolChoice?.type === 'required' || toolChoice?.type === 'tool')
    return cannotCarry(pathOf(request, 'tool_choice'), provider, 'forces no tool call while it reasons');
  const isByBudget = !thinksByEffort || usesBudget(request);
  if (!isByBudget || budgetOf(request).budget >= budgetMin || unknownEffort(reasoning?.effort)) return null;
  return cannotCarry(
    pathOf(request, 'reasoning'),
    provider,
    `needs an output limit of at least ${budgetMin + answerMin} tokens and a budget of ${budgetMin} to reason`,
  );
}

/**
 * Whether the model is to go on with calls that it did not think about, because another model made them: "a final
 * assistant message must start with a thinking block" where thinking has a budget (docs.claude.com, "Extended thinking").
 */
function hasUnsignedLoop({ messages }: NeutralRequest): boolean {
  const [turn, results] = messages.slice(-2);
  if (turn?.role !== 'assistant' || results?.role !== 'user') return false;
  if (!results.content.some(({ type }) => type === 'tool-result')) return false;
  const first = turn.content[0];
  return !(first?.type === 'reasoning' && (first.signature !== null || first.encrypted !== null));
}

function unknownEffort(effort: string | null | undefined): boolean {
  return typeof effort === 'string' && budgets[effort] === undefined;
}

function usesBudget({ reasoning, model }: NeutralRequest): boolean {
  return (reasoning?.budgetTokens ?? null) !== null && claudeAbilities(model).thinksByBudget;
}

function byEffort(request: NeutralRequest, provider: string): Thinking | null {
  const { reasoning, model, maxOutputTokens } = request;
  const abilities = claudeAbilities(model);
  if (!reasoning || !abilities.thinksByEffort || usesBudget(request)) return null;
  const { budgetTokens } = reasoning;
  const asked = reasoning.effort ?? (budgetTokens === null ? null : effortOfBudget(budgetTokens));
  const thinking = { type: 'adaptive' };
  if (asked === null) return { members: { thinking }, maxTokens: maxOutputTokens };
  const effort = claudeEffort(asked, abilities);
  if (effort === null) throw noEffort(request, provider);
  return { members: { thinking, effort }, maxTokens: maxOutputTokens };
}

function byBudget(request: NeutralRequest, provider: string): Thinking {
  if (unknownEffort(request.reasoning?.effort)) throw noEffort(request, provider);
  const { budget, maxTokens } = budgetOf(request);
  return { members: { thinking: { type: 'enabled', budget_tokens: budget } }, maxTokens };
}

function budgetOf({ reasoning, maxOutputTokens }: NeutralRequest): { budget: number; maxTokens: number } {
  const given = reasoning?.budgetTokens ?? null;
  const asked = given ?? budgets[reasoning?.effort ?? 'medium'] ?? budgetMin;
  const maxTokens = maxOutputTokens ?? totalDefault;
  return { budget: Math.min(asked, maxTokens - (given === null ? answerMin : 1)), maxTokens };
}

function noEffort(request: NeutralRequest, provider: string): Error {
  const { effort } = request.reasoning ?? {};
  return cannotCarry(pathOf(request, 'reasoning'), provider, `knows no effort "${String(effort)}"`);
}

/** The least `top_p` while a model thinks. */
const thinkingTopPMin = 0.95;

/**
 * Sampling as a model of Anthropic takes it. What it would refuse is left out. While it thinks that is `top_k`, and a
 * `top_p` below 0.95 (docs.claude.com, "Extended thinking", feature compatibility).
 */
export function samplingOf(
  request: NeutralRequest,
  drop: (path: string) => void,
  thinks = false,
): Pick<NeutralRequest, 'temperature' | 'topP' | 'topK'> {
  const { samples, takesTemperatureWithTopP } = claudeAbilities(request.model);
  const { temperature, topP, topK } = request;
  const left = (feature: Feature) => {
    if (request.features.has(feature)) drop(pathOf(request, feature));
    return null;
  };
  if (!samples) {
    if (temperature !== 1) left('temperature');
    return { temperature: null, topP: left('top_p'), topK: left('top_k') };
  }
  const isBoth = temperature !== null && topP !== null && !takesTemperatureWithTopP;
  const isTooLow = thinks && topP !== null && topP < thinkingTopPMin;
  return {
    temperature,
    topP: isBoth || isTooLow ? left('top_p') : topP,
    topK: thinks && topK !== null ? left('top_k') : topK,
  };
}
