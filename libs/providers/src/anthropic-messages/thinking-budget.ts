import type { NeutralRequest } from '../neutral/neutral-request.ts';
import { cannotCarry } from '../neutral/request-builder.ts';

/** Tokens of thinking by effort, where a provider is told a budget and the caller an effort. */
const budgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
};

/** Anthropic's models think with no smaller budget than this. Tokens. */
const budgetMin = 1024;
/** What is left for the answer where the budget follows from an effort. Tokens. */
const answerMin = 512;
/** What thinking and answer may have together where the caller sets no limit. Tokens. */
const totalDefault = 32_000;

/**
 * How many tokens a model of Anthropic may think, and how many it may write in all: its thinking counts against the
 * caller's own limit, which is never raised. Null for no thinking. Throws `unsupported` for what it cannot do while it
 * thinks: an effort that is not known, a limit too small, a temperature, a forced tool.
 */
export function thinkingBudget(
  request: NeutralRequest,
  provider: string,
): { readonly budget: number; readonly maxTokens: number } | null {
  const { reasoning, features, maxOutputTokens, temperature, toolChoice } = request;
  if (!reasoning || reasoning.effort === 'none') return null;
  const path = features.get('reasoning') ?? 'reasoning';
  const asked = reasoning.budgetTokens ?? budgets[reasoning.effort ?? 'medium'];
  if (asked === undefined) throw cannotCarry(path, provider, `knows no effort "${reasoning.effort}"`);
  if (temperature !== null && temperature !== 1)
    throw cannotCarry(
      features.get('temperature') ?? 'temperature',
      provider,
      'takes no temperature while it reasons',
    );
  if (toolChoice?.type === 'required' || toolChoice?.type === 'tool')
    throw cannotCarry(
      features.get('tool_choice') ?? 'tool_choice',
      provider,
      'forces no tool call while it reasons',
    );
  const maxTokens = maxOutputTokens ?? totalDefault;
  const budget = Math.min(asked, maxTokens - (reasoning.budgetTokens === null ? answerMin : 1));
  if (budget >= budgetMin) return { budget, maxTokens };
  throw cannotCarry(
    path,
    provider,
    `needs an output limit of at least ${budgetMin + answerMin} tokens and a budget of ${budgetMin} to reason`,
  );
}
