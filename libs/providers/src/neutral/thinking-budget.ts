import type { NeutralRequest } from './neutral-request.ts';
import { cannotCarry } from './request-builder.ts';

/** Tokens of thinking by effort, where a provider is told a budget and the caller an effort. */
const budgets: Readonly<Record<string, number>> = {
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
};

/** The budget that a request asks for; null for no thinking. Throws `unsupported` for an effort that is not known. */
export function thinkingBudget({ reasoning, features }: NeutralRequest, provider: string): number | null {
  if (!reasoning || reasoning.effort === 'none') return null;
  const budget = reasoning.budgetTokens ?? budgets[reasoning.effort ?? 'medium'];
  if (budget !== undefined) return budget;
  const path = features.get('reasoning') ?? 'reasoning';
  throw cannotCarry(path, provider, `knows no effort "${reasoning.effort}"`);
}
