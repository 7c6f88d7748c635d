import type { Usage, UsageDetails } from '@loom/trace-schema';
import { count, record, records, text } from './json-values.ts';

type Json = Readonly<Record<string, unknown>>;
type Counts = Readonly<Record<string, number>>;

const termCharsMax = 64;
/** Counted names of one answer at most: a provider's new names are kept, and an attacker's are not endless. */
const namesMax = 24;

/** Values of a term that change nothing: the price is the standard one. By their lower case. */
const standardTerms: ReadonlySet<string> = new Set([
  ...['standard', 'default', 'global', 'not_available', 'auto', 'on_demand', 'normal'],
]);

/** Returns the member `details` of usage without what is 0, null or standard; nothing when nothing is left. */
export function detailsOf(told: {
  readonly parts?: Counts | undefined;
  readonly uses?: Counts;
  readonly terms?: Readonly<Record<string, unknown>>;
  readonly reportedUsd?: string | null | undefined;
}): Pick<Usage, 'details'> {
  const parts = present(told.parts ?? {});
  const uses = present(told.uses ?? {});
  const terms = Object.entries(told.terms ?? {}).flatMap(([name, value]) => {
    const said = text(value)?.toLowerCase().slice(0, termCharsMax).toWellFormed() ?? '';
    return said === '' || standardTerms.has(said) ? [] : [[name, said] as const];
  });
  const details: UsageDetails = {
    ...(parts.length > 0 ? { parts: Object.fromEntries(parts) } : {}),
    ...(uses.length > 0 ? { uses: Object.fromEntries(uses) } : {}),
    ...(terms.length > 0 ? { terms: Object.fromEntries(terms) } : {}),
    ...(typeof told.reportedUsd === 'string' ? { reportedUsd: told.reportedUsd } : {}),
  };
  return Object.keys(details).length === 0 ? {} : { details };
}

function present(counts: Counts): [string, number][] {
  return Object.entries(counts)
    .filter(([, quantity]) => quantity > 0)
    .slice(0, namesMax);
}

/** Usage with further uses that stand elsewhere in the answer than its usage. */
export function withUses(usage: Usage, uses: Counts, terms: Readonly<Record<string, unknown>> = {}): Usage {
  const { details = {}, ...rest } = usage;
  return {
    ...rest,
    ...detailsOf({ ...details, uses: { ...uses, ...details.uses }, terms: { ...terms, ...details.terms } }),
  };
}

/**
 * Anthropic's `cache_creation`: { ephemeral_5m_input_tokens, ephemeral_1h_input_tokens }. The short cache is the bucket
 * `cacheWrite` itself; every other lifetime is a part of it.
 */
export function cacheWriteParts(value: unknown, cacheWrite: number): Record<string, number> {
  const parts: Record<string, number> = {};
  let left = cacheWrite;
  for (const [name, told] of Object.entries(record(value) ?? {})) {
    const lifetime = /^ephemeral_([0-9a-z]{1,8})_input_tokens$/.exec(name)?.[1];
    if (lifetime === undefined || lifetime === '5m') continue;
    const own = Math.min(count(told), left);
    parts[`cacheWrite${lifetime}`] = own;
    left -= own;
  }
  return parts;
}

/** Uses of tools that run at the provider and are told under these names; others are told in camel case. */
const toolNames: Readonly<Record<string, string>> = {
  web_search: 'webSearches', // Anthropic, OpenRouter: server_tool_use.web_search_requests; xAI: web_search_calls
  x_search: 'socialSearches', // xAI
  file_search: 'fileSearches', // xAI: collections
  document_search: 'documentSearches', // xAI
  code_interpreter: 'codeExecutions', // xAI
  code_execution: 'codeExecutions',
};
/**
 * Free of charge, besides their tokens: fetches (https://platform.claude.com/docs/en/agents-and-tools/tool-use/web-fetch-tool,
 * "no additional charges"), MCP calls (https://docs.x.ai/developers/pricing: "token-based only"). The totals of OpenRouter
 * count what other members count too.
 */
const freeTools: ReadonlySet<string> = new Set([
  'web_fetch',
  'mcp',
  'tool_calls_executed',
  'tool_calls_requested',
]);

/** Reads `{ web_search_requests: 2 }` and `{ web_search_calls: 2 }`. */
export function toolUses(value: unknown): Record<string, number> {
  const uses: Record<string, number> = {};
  for (const [name, told] of Object.entries(record(value) ?? {})) {
    const tool = name.replace(/_(?:requests|calls|count)$/, '');
    if (freeTools.has(tool) || !/^[a-z][a-z0-9_]{0,39}$/.test(tool)) continue;
    const use = toolNames[tool] ?? camelCase(tool);
    uses[use] = (uses[use] ?? 0) + count(told);
  }
  return uses;
}

function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()).replace(/_+$/, '');
}

/**
 * What a provider says that the call cost, in US dollars:
 *
 *   OpenRouter   cost: 0.95, is_byok, cost_details.upstream_inference_cost   credits are dollars; with the caller's own
 *                key the cost is OpenRouter's fee alone (https://openrouter.ai/docs/use-cases/usage-accounting)
 *   Perplexity   cost: { total_cost: 0.006, currency? }                      (https://docs.perplexity.ai/api-reference)
 *   xAI          cost_in_usd_ticks: 37756000                                 1e-10 (https://docs.x.ai/developers/cost-tracking)
 *   DeepInfra    estimated_cost: 0.00002                                     (https://deepinfra.com/docs)
 */
export function reportedUsd(usage: Json): string | null {
  const ticks = usage.cost_in_usd_ticks;
  if (ticks !== undefined && ticks !== null) return shifted(decimalOf(ticks), 10);
  const cost = record(usage.cost);
  if (cost) {
    const currency = text(cost.currency) ?? 'USD';
    return currency.toUpperCase() === 'USD' ? decimalOf(cost.total_cost) : null;
  }
  const own = decimalOf(usage.cost) ?? decimalOf(usage.estimated_cost);
  if (own === null || usage.is_byok !== true) return own;
  const upstream = decimalOf(record(usage.cost_details)?.upstream_inference_cost);
  return upstream === null ? null : sumOf(own, upstream);
}

/** A JSON number, or a text of one, as plain decimal digits; null for what is none or below 0. */
function decimalOf(value: unknown): string | null {
  const told = typeof value === 'number' ? String(value) : value;
  const match =
    typeof told === 'string' ? /^(\d{1,18})(?:\.(\d{1,60}))?(?:e([+-]\d{1,2}))?$/i.exec(told) : null;
  if (!match) return null;
  const [, whole = '', fraction = '', exponent = '0'] = match;
  return plain(BigInt(whole + fraction), fraction.length - Number(exponent));
}

function shifted(decimal: string | null, places: number): string | null {
  return decimal === null ? null : plain(...digitsOf(decimal, places));
}

function sumOf(a: string, b: string): string | null {
  const [left, leftScale] = digitsOf(a);
  const [right, rightScale] = digitsOf(b);
  const scale = Math.max(leftScale, rightScale);
  return plain(left * 10n ** BigInt(scale - leftScale) + right * 10n ** BigInt(scale - rightScale), scale);
}

function digitsOf(decimal: string, places = 0): [digits: bigint, scale: number] {
  const [whole = '', fraction = ''] = decimal.split('.');
  return [BigInt(whole + fraction), fraction.length + places];
}

/** digits × 10^-scale, to at most 18 places as the trace store has them; null for more dollars than it can hold. */
function plain(digits: bigint, scale: number): string | null {
  const moved = scale < 0 ? digits * 10n ** BigInt(-scale) : digits;
  const places = Math.max(0, scale);
  const padded = moved.toString().padStart(places + 1, '0');
  const fraction = padded.slice(padded.length - places, padded.length - places + 18).replace(/0+$/, '');
  const whole = padded.slice(0, padded.length - places);
  if (whole.length > 18) return null;
  return places === 0 || fraction === '' ? whole : `${whole}.${fraction}`;
}

/** Tokens by modality of Gemini's lists: `[{ modality: 'AUDIO', tokenCount }]`. */
export function modalityTokens(list: unknown, modality: string): number {
  return records(list)
    .filter((item) => item.modality === modality)
    .reduce((sum, { tokenCount }) => sum + count(tokenCount), 0);
}
