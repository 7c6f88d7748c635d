/*
 * What providers publish of their prices and the price package does not have. Each fact names the page that it is from,
 * read in November 2026. Prices are US dollars per million, as the price book has them.
 */

type Prices = Readonly<Record<string, string>>;
/** By term (`serviceTier:flex`), then by bucket; `tokens` is for all that are not named. */
type Factors = Readonly<Record<string, Readonly<Record<string, string>>>>;

export interface PriceFact {
  /** Ids of the price package. */
  readonly providers: readonly string[];
  /** Whole ids of models, lower case. */
  readonly models: RegExp;
  readonly source: string;
  readonly factors?: Factors;
  /** Where the package has none. */
  readonly prices?: Prices;
  /** Buckets that cost what another costs, where they have no price of their own. */
  readonly sameAs?: Readonly<Record<string, string>>;
  /** Buckets that cost twice what another costs, where they have no price of their own. */
  readonly twice?: Readonly<Record<string, string>>;
  /** Whole prices of a service tier that are no multiple of the standard ones. */
  readonly tiers?: Readonly<Record<string, Prices>>;
}

const times = (factor: string, others: Readonly<Record<string, string>> = {}) => ({
  tokens: factor,
  ...others,
});
/** OpenAI renamed priority processing to fast mode; requests may say either. */
const priority = (factor: string): Factors => ({
  'serviceTier:priority': times(factor),
  'serviceTier:fast': times(factor),
});

const anthropicPrices = 'https://platform.claude.com/docs/en/about-claude/pricing';
const openAiPrices = 'https://developers.openai.com/api/docs/pricing';
const openAiPriority = 'https://openai.com/api-priority-processing/';
const geminiPrices = 'https://ai.google.dev/gemini-api/docs/pricing';
const perplexityPrices = 'https://docs.perplexity.ai/getting-started/pricing';

const priceFacts: readonly PriceFact[] = [
  {
    providers: ['anthropic'],
    models: /^claude-/,
    source: `${anthropicPrices}: "Batch API … 50% discount on both input and output tokens", caching multipliers stack`,
    factors: { 'serviceTier:batch': times('0.5') },
  },
  {
    providers: ['anthropic'],
    models: /^claude-(?:opus-4-[678]|opus-5|sonnet-4-6|sonnet-5|haiku-5|fable-|mythos-)/,
    source: `${anthropicPrices}: "inference_geo" of "us" is 1.1x on all token prices, for Claude Opus 4.6 and later models`,
    factors: { 'inferenceGeo:us': times('1.1') },
  },
  {
    providers: ['anthropic'],
    models: /^claude-opus-4-[67]$/,
    source:
      'https://platform.claude.com/docs/en/build-with-claude/fast-mode: $30 and $150, 6x; stacks with caching and geo',
    factors: { 'speed:fast': times('6') },
  },
  {
    providers: ['anthropic'],
    models: /^claude-opus-(?:4-8|5|5-5)$/,
    source:
      'https://platform.claude.com/docs/build-with-claude/fast-mode: 2x of the standard rates; stacks likewise',
    factors: { 'speed:fast': times('2') },
  },
  {
    providers: ['anthropic', 'aws', 'google', 'azure'],
    models: /claude-/,
    source: `${anthropicPrices}: "1-hour cache write tokens are 2 times the base input tokens price"; the same on Bedrock, Vertex AI and Azure`,
    twice: { cacheWrite1h: 'inputUncached' },
  },
  {
    providers: ['openai', 'azure'],
    models:
      /^(?:gpt-5|gpt-5-mini|gpt-5-nano|gpt-5\.1|gpt-5\.2|gpt-5\.4-mini|gpt-5\.4-nano|gpt-5\.4-pro|gpt-5\.5|gpt-5\.5-pro|gpt-5\.6-.*|gpt-6-.*|o3)$/,
    source:
      'https://developers.openai.com/api/docs/guides/flex-processing: "priced at Batch API rates", half of the standard ones; ' +
      'https://learn.microsoft.com/azure/foundry/openai/how-to/flex-processing: 50% discount',
    factors: { 'serviceTier:flex': times('0.5') },
  },
  {
    providers: ['openai'],
    models: /^gpt-5\.4$/,
    source: `${openAiPrices}, flex: $1.25, cached $0.13, output $7.50`,
    factors: { 'serviceTier:flex': times('0.5', { cacheRead: '0.52' }) },
  },
  {
    providers: ['openai'],
    models: /^o4-mini$/,
    source: `${openAiPrices}, flex; ${openAiPriority}`,
    tiers: {
      flex: { inputUncached: '0.55', cacheRead: '0.138', outputText: '2.2' },
      priority: { inputUncached: '2', cacheRead: '0.5', outputText: '8' },
    },
  },
  {
    providers: ['openai'],
    models: /^gpt-4o-mini$/,
    source: `${openAiPriority}: $0.25, cached $0.125, output $1.00`,
    tiers: { priority: { inputUncached: '0.25', cacheRead: '0.125', outputText: '1' } },
  },
  {
    providers: ['openai'],
    models:
      /^(?:gpt-4\.1-nano|gpt-5|gpt-5\.1|gpt-5\.2|gpt-5\.3-codex|gpt-5\.4|gpt-5\.4-mini|gpt-5\.6-.*|gpt-6-.*)$/,
    source: `${openAiPriority}: twice the standard prices`,
    factors: priority('2'),
  },
  {
    providers: ['openai'],
    models: /^gpt-5\.5$/,
    source: `${openAiPriority}: $12.50, cached $1.25, output $75 (standard: 5, 0.5, 30)`,
    factors: priority('2.5'),
  },
  {
    providers: ['openai'],
    models: /^gpt-5-mini$/,
    source: `${openAiPriority}: $0.45, cached $0.045, output $3.60 (standard: 0.25, 0.025, 2)`,
    factors: priority('1.8'),
  },
  {
    providers: ['openai'],
    models: /^(?:gpt-4\.1|gpt-4\.1-mini|gpt-4o-2024-05-13|o3)$/,
    source: `${openAiPriority}: gpt-4.1 $3.50, cached $0.875, output $14 (standard: 2, 0.5, 8)`,
    factors: priority('1.75'),
  },
  {
    providers: ['openai'],
    models: /^gpt-4o$/,
    source: `${openAiPriority}: $4.25, cached $2.125, output $17 (standard: 2.5, 1.25, 10)`,
    factors: priority('1.7'),
  },
  {
    providers: ['openai'],
    models: /^gpt-4(?:o|\.1)(?:-mini|-2024-05-13)?$/,
    source: `${openAiPrices}, built-in tools: web search preview, non-reasoning models, $25 per 1k calls`,
    prices: { webSearchPreviews: '25000' },
  },
  {
    providers: ['openai'],
    models: /^(?:gpt-5|gpt-6|o3|o4)(?!.*(?:image|codex-mini)).*$/,
    source: `${openAiPrices}, built-in tools: web search preview, reasoning models, $10 per 1k calls`,
    prices: { webSearchPreviews: '10000' },
  },
  {
    providers: ['openai'],
    models: /^gpt-4o(?:-mini)?-search-preview/,
    source: `${openAiPrices}: these models search for every request, web search preview, $25 per 1k calls`,
    prices: { requests: '25000' },
  },
  {
    providers: ['google'],
    models: /^gemini-(?!.*(?:embedding|tts|live|1\.0|-1\.5|omni)).*$/,
    source: `${geminiPrices}: one input price and one caching price for "text / image / video"`,
    sameAs: {
      ...{ inputImage: 'inputUncached', inputVideo: 'inputUncached', inputDocument: 'inputUncached' },
      ...{ cacheReadImage: 'cacheRead', cacheReadVideo: 'cacheRead' },
    },
  },
  {
    providers: ['google'],
    models: /^gemini-(?:2\.5-pro|3-pro-preview|3\.1-pro-preview)$/,
    source: `${geminiPrices}: one input price for all of what is read`,
    sameAs: { inputAudio: 'inputUncached', cacheReadAudio: 'cacheRead' },
  },
  {
    providers: ['google'],
    models:
      /^gemini-(?:2\.5-flash|2\.5-flash-lite|2\.5-pro|2\.5-flash-image|3-flash-preview|3-pro-image-preview|3\.1-flash-lite|3\.1-pro-preview|3\.5-flash|3\.6-flash|3\.7-flash|3\.8-flash)$/,
    source: `${geminiPrices}, priority: 1.8 times the standard prices, caching and audio included`,
    factors: { 'serviceTier:priority': times('1.8') },
  },
  {
    providers: ['google'],
    models: /^gemini-(?:2\.5-flash|2\.5-flash-lite|2\.5-pro|3-flash-preview|3\.1-pro-preview)$/,
    source: `${geminiPrices}, flex: half of the standard prices, caching at the standard one`,
    factors: {
      'serviceTier:flex': times('0.5', {
        cacheRead: '1',
        cacheReadImage: '1',
        cacheReadVideo: '1',
        cacheReadAudio: '1',
      }),
    },
  },
  {
    providers: ['google'],
    models:
      /^gemini-(?:2\.5-flash-image|3-pro-image-preview|3\.1-flash-lite|3\.6-flash|3\.7-flash|3\.8-flash)$/,
    source: `${geminiPrices}, flex: half of the standard prices, caching included`,
    factors: { 'serviceTier:flex': times('0.5') },
  },
  {
    providers: ['groq'],
    models: /.*/,
    source: 'https://console.groq.com/docs/flex-processing: "Pricing matches the on-demand tier"',
    factors: { 'serviceTier:flex': times('1') },
  },
  {
    providers: ['aws'],
    models: /amazon\.nova-(?:pro|2-lite)-v1/,
    source:
      'https://aws.amazon.com/bedrock/pricing/, service tiers: flex 50% less than standard, priority 75% more',
    factors: { 'serviceTier:flex': times('0.5'), 'serviceTier:priority': times('1.75') },
  },
  {
    providers: ['aws'],
    models: /amazon\.nova-premier-v1/,
    source: 'https://aws.amazon.com/bedrock/pricing/, service tiers: priority 75% more than standard',
    factors: { 'serviceTier:priority': times('1.75') },
  },
  {
    providers: ['x-ai'],
    models: /^grok-/,
    source:
      'https://docs.x.ai/developers/pricing: web search and code execution $5, collections $2.50 per 1k calls; image tokens at the rate of the model',
    prices: { webSearches: '5000', codeExecutions: '5000', fileSearches: '2500' },
    sameAs: { inputImage: 'inputUncached' },
  },
  {
    providers: ['perplexity'],
    models: /^sonar(?:-reasoning)?$/,
    source: `${perplexityPrices}, request fee by search context size: $5, $8, $12 per 1k; the package has the highest`,
    prices: { requestsLow: '5000', requestsMedium: '8000', requestsHigh: '12000' },
  },
  {
    providers: ['perplexity'],
    models: /^sonar-(?:reasoning-)?pro$/,
    source: `${perplexityPrices}, request fee by search context size: $6, $10, $14 per 1k; the package has the highest`,
    prices: { requestsLow: '6000', requestsMedium: '10000', requestsHigh: '14000' },
  },
];

/** Models that the package takes for others. They are looked for before its own. */
export const furtherModels: readonly {
  readonly provider: string;
  readonly model: string;
  readonly source: string;
  readonly prices: Prices;
}[] = [
  {
    ...{ provider: 'openai', model: 'gpt-4o-mini-search-preview' },
    source: `${openAiPrices}: as gpt-4o-mini, and a web search preview for every request, $25 per 1k calls`,
    prices: { inputUncached: '0.15', outputText: '0.6', requests: '25000' },
  },
];

/** The facts of one model; several may hold. A resold model (`openai/gpt-5` of Azure) is known by its own name. */
export function factsOfModel(providerId: string, model: string): PriceFact[] {
  const name = model.toLowerCase().replace(/^(?:openai|anthropic|x-ai)\//, '');
  return priceFacts.filter(({ providers, models }) => providers.includes(providerId) && models.test(name));
}
