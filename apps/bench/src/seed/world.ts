import { weighted } from './random.ts';

/** A model as it is called: who serves it, how fast, and which tokens it counts. */
export interface SeedModel {
  readonly provider: string;
  readonly model: string;
  readonly answersAs: string;
  readonly tokensPerSecond: number;
  readonly firstChunkMs: number;
  readonly caches?: boolean;
  readonly reasons?: boolean;
}

const models: readonly (readonly [SeedModel, number])[] = [
  [of('openai', 'gpt-4o-mini', 'gpt-4o-mini-2024-07-18', 95, 380, { caches: true }), 24],
  [of('openai', 'gpt-4o', 'gpt-4o-2024-08-06', 80, 480, { caches: true }), 12],
  [of('openai', 'gpt-4.1', 'gpt-4.1-2025-04-14', 75, 520, { caches: true }), 8],
  [of('openai', 'gpt-5-mini', 'gpt-5-mini-2025-08-07', 90, 2100, { caches: true, reasons: true }), 8],
  [of('openai', 'o4-mini', 'o4-mini-2025-04-16', 110, 3200, { reasons: true }), 3],
  [of('anthropic', 'claude-sonnet-4-5', 'claude-sonnet-4-5-20250929', 65, 900, { caches: true }), 14],
  [of('anthropic', 'claude-haiku-4-5', 'claude-haiku-4-5-20251001', 130, 450, { caches: true }), 8],
  [of('gemini', 'gemini-2.5-flash', 'gemini-2.5-flash', 180, 420, { reasons: true }), 8],
  [of('gemini', 'gemini-2.5-pro', 'gemini-2.5-pro', 95, 2600, { caches: true, reasons: true }), 4],
  [of('groq', 'llama-3.3-70b-versatile', 'llama-3.3-70b-versatile', 280, 190), 6],
  [of('mistral', 'mistral-small-latest', 'mistral-small-2506', 110, 310), 3],
  [of('mistral', 'mistral-large-latest', 'mistral-large-2411', 55, 640), 1.5],
  [of('groq', 'acme-house-8b', 'acme-house-8b', 420, 150), 0.5], // in no price book
];

export const embeddingModel = of('openai', 'text-embedding-3-small', 'text-embedding-3-small', 5000, 90);

function of(
  provider: string,
  model: string,
  answersAs: string,
  tokensPerSecond: number,
  firstChunkMs: number,
  tokens: Pick<SeedModel, 'caches' | 'reasons'> = {},
): SeedModel {
  return { provider, model, answersAs, tokensPerSecond, firstChunkMs, ...tokens };
}

/** Of the trace with thousands of spans. */
export const largeWorkflow = 'nightly-research';

/** A part of the product that calls models, each with a key of its own. */
export interface Feature {
  readonly name: string;
  readonly team: string;
  readonly agent: string;
  readonly tools: readonly string[];
  readonly prompt: string;
}

export const features: readonly (readonly [Feature, number])[] = [
  [{ name: 'checkout', team: 'payments', agent: 'order-agent', tools: ['get_cart', 'apply_coupon', 'charge_card'], prompt: 'checkout-assist' }, 18],
  [{ name: 'search', team: 'discovery', agent: 'search-agent', tools: ['query_index', 'rerank', 'get_product'], prompt: 'search-rewrite' }, 30],
  [{ name: 'support', team: 'care', agent: 'support-agent', tools: ['find_order', 'refund_order', 'open_ticket', 'search_help'], prompt: 'support-triage' }, 26],
  [{ name: 'docs', team: 'platform', agent: 'docs-agent', tools: ['search_docs', 'read_page'], prompt: 'docs-answer' }, 14],
  [{ name: 'codereview', team: 'platform', agent: 'review-agent', tools: ['read_diff', 'run_tests', 'post_comment'], prompt: 'review-diff' }, 8],
  [{ name: 'analytics', team: 'data', agent: 'sql-agent', tools: ['list_tables', 'run_query', 'draw_chart'], prompt: 'text-to-sql' }, 4],
]; // prettier-ignore

export const pickModel = weighted(models);
export const pickFeature = weighted(features);
export const pickEnvironment = weighted([
  ['prod', 80],
  ['staging', 14],
  ['dev', 6],
]);
export const pickRegion = weighted([
  ['eu-west-1', 40],
  ['us-east-1', 38],
  ['ap-northeast-1', 15],
  ['sa-east-1', 7],
]);

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How busy an hour is beside the busiest: more by day than by night, less at weekends, a little more every day. */
export function busyness(hourStartMs: number, endMs: number): number {
  const hour = Math.floor(hourStartMs / hourMs) % 24;
  const weekday = new Date(hourStartMs).getUTCDay();
  const daily = 0.55 + 0.45 * Math.cos(((hour - 14) / 24) * 2 * Math.PI);
  const weekly = weekday === 0 || weekday === 6 ? 0.45 : 1;
  const growth = 1 - 0.012 * Math.floor((endMs - hourStartMs) / dayMs);
  return daily * weekly * Math.max(0.3, growth);
}

/** One hour, two days before the end, in which providers failed. */
export function incidentOf(endMs: number): { readonly fromMs: number; readonly toMs: number } {
  const fromMs = Math.floor(endMs / dayMs) * dayMs - 2 * dayMs + 14 * hourMs;
  return { fromMs, toMs: fromMs + hourMs };
}

/** Releases come on Mondays; staging and dev are one ahead. */
export function releaseAt(unixMs: number, environment: string): string {
  const week = Math.floor((unixMs - 4 * dayMs) / (7 * dayMs)) + (environment === 'prod' ? 0 : 1);
  return `2.${week - 2900}.0`;
}
