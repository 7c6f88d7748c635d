import { LoomError } from '@loom/errors';
import {
  type PriceEntry,
  type PriceListRecord,
  type PriceMatch,
  type TieredPrice,
  tokenBuckets,
} from '@loom/trace-schema';
import type { ConditionalPrice, MatchLogic, ModelInfo, ModelPrice, Provider } from '@pydantic/genai-prices';
import { factsOfModel, furtherModels, type PriceFact } from './price-facts.ts';

/** Loom's provider kinds by the package's provider ids; the others have the same name in both. */
const kindByProviderId: Readonly<Record<string, string>> = {
  aws: 'aws-bedrock',
  azure: 'azure-openai',
  google: 'gemini',
  'x-ai': 'xai',
};

/** Of the facts beside the package: grows with every change of them, so that deployments take the new ones. */
const factsVersion = 1;

/** Loom's buckets by the package's price keys. Prices of other units (hours, pages) are not imported. */
const bucketByPriceKey: Readonly<Record<string, string>> = {
  input_mtok: 'inputUncached',
  cache_read_mtok: 'cacheRead',
  cache_write_mtok: 'cacheWrite',
  input_audio_mtok: 'inputAudio',
  output_mtok: 'outputText',
  output_reasoning_mtok: 'reasoning',
  output_audio_mtok: 'outputAudio',
  cache_write_1h_mtok: 'cacheWrite1h',
  cache_audio_read_mtok: 'cacheReadAudio',
  cache_image_read_mtok: 'cacheReadImage',
  input_image_mtok: 'inputImage',
  input_video_mtok: 'inputVideo',
  output_image_mtok: 'outputImage',
  output_video_mtok: 'outputVideo',
  output_citation_mtok: 'citationTokens',
};

/** Loom's kinds of use by the package's keys for a thousand of them. */
const useByPriceKey: Readonly<Record<string, string>> = {
  requests_kcount: 'requests',
  web_searches_kcount: 'webSearches',
  social_searches_kcount: 'socialSearches',
  storage_searches_kcount: 'fileSearches',
  code_executions_kcount: 'codeExecutions',
  rerank_searches_kcount: 'searchUnits',
};

/**
 * The package's price data as one list per provider kind. Numbers become the decimal strings they were written as.
 * `version` is `genai-prices-<package version>+<version of the facts beside it>`. Throws `config_invalid` on data that this
 * conversion cannot express.
 */
export function importGenaiPrices(providers: readonly Provider[], packageVersion: string): PriceListRecord[] {
  const version = `genai-prices-${packageVersion}+${factsVersion}`;
  const vertex = providers.filter(({ id }) => id === 'google' || id === 'anthropic');
  // Vertex AI has no list of its own: it sells the models of both at their makers' prices.
  const all = [
    ...providers,
    ...(vertex[0] ? [{ ...vertex[0], id: 'vertex-ai', models: vertex.flatMap(({ models }) => models) }] : []),
  ];
  return all.map((provider) => {
    const kind = kindByProviderId[provider.id] ?? provider.id;
    return {
      id: `${version}/${kind}`,
      version,
      provider: kind,
      organizationId: null,
      entries: [
        ...furtherEntries(provider.id),
        ...modelsOf(provider, providers).flatMap((model) => toEntries(provider.id, model)),
      ],
    };
  });
}

/** A provider that resells others' models is priced by their lists for the models that it does not list itself. */
function modelsOf(provider: Provider, providers: readonly Provider[]): ModelInfo[] {
  const resold = (provider.fallback_model_providers ?? []).flatMap((id) => {
    const other = providers.find((candidate) => candidate.id === id);
    if (!other)
      throw new LoomError('config_invalid', `price data: ${provider.id} names unknown provider ${id}`);
    return other.models.map((model) => ({ ...withoutFees(model), id: `${id}/${model.id}` }));
  });
  return [...provider.models, ...resold];
}

/** Who resells a model has own fees for what it sells by the piece. */
function withoutFees(model: ModelInfo): ModelInfo {
  const tokensOf = (prices: ModelPrice): ModelPrice =>
    Object.fromEntries(Object.entries(prices).filter(([key]) => !Object.hasOwn(useByPriceKey, key)));
  const { prices } = model;
  return {
    ...model,
    prices: Array.isArray(prices)
      ? prices.map((dated) => ({ ...dated, prices: tokensOf(dated.prices) }))
      : tokensOf(prices),
  };
}

function furtherEntries(providerId: string): PriceEntry[] {
  return furtherModels
    .filter(({ provider }) => provider === providerId)
    .map(({ model, prices }) => ({
      ...{ model, match: [{ op: 'starts_with' as const, value: model }], from: null, serviceTier: 'default' },
      prices: mapValues(prices, flatText),
    }));
}

function toEntries(providerId: string, model: ModelInfo): PriceEntry[] {
  const match = toMatches(model.match);
  // Vertex AI has no list of its own; a resold model (`openai/gpt-5`) has its seller's terms, which are not known.
  const facts = factsOfModel(providerId === 'vertex-ai' ? 'google' : providerId, model.id);
  const dated: readonly ConditionalPrice[] = Array.isArray(model.prices)
    ? model.prices
    : [{ prices: model.prices }];
  let from: string | null = null;
  return dated.flatMap(({ constraint, prices }) => {
    if (constraint && 'start_date' in constraint) from = constraint.start_date;
    const converted = toPrices(prices);
    if (!converted) return [];
    const hours =
      constraint && 'start_time' in constraint
        ? { hours: { start: toClock(constraint.start_time), end: toClock(constraint.end_time) } }
        : {};
    const factors = Object.assign({}, ...facts.map((fact) => fact.factors ?? {})) as PriceEntry['factors'] &
      object;
    const entry: PriceEntry = {
      ...{ model: model.id, match, from, ...hours, serviceTier: 'default' },
      prices: withFacts(converted, facts),
      ...(Object.keys(factors).length > 0 ? { factors } : {}),
    };
    const tiers = facts.flatMap((fact) => Object.entries(fact.tiers ?? {}));
    return [
      entry,
      ...tiers.map(([serviceTier, prices]) => ({
        ...entry,
        ...{ serviceTier, prices: { ...entry.prices, ...mapValues(prices, flatText) } },
      })),
    ];
  });
}

function withFacts(
  prices: Readonly<Record<string, TieredPrice>>,
  facts: readonly PriceFact[],
): Record<string, TieredPrice> {
  const all: Record<string, TieredPrice> = { ...prices };
  for (const { prices: own = {}, sameAs = {}, twice = {} } of facts) {
    for (const [bucket, price] of Object.entries(own)) all[bucket] ??= flatText(price);
    for (const [bucket, of] of Object.entries(sameAs)) {
      const price = all[of];
      if (price) all[bucket] ??= price;
    }
    for (const [bucket, of] of Object.entries(twice)) {
      const price = all[of];
      if (price && all['cacheWrite']) all[bucket] ??= doubled(price);
    }
  }
  return all;
}

// Twice a binary fraction is exact.
function doubled({ base, tiers }: TieredPrice): TieredPrice {
  const twice = (price: string) => toDecimal(Number(price) * 2);
  return { base: twice(base), tiers: tiers.map(({ start, price }) => ({ start, price: twice(price) })) };
}

function mapValues<From, To>(
  values: Readonly<Record<string, From>>,
  map: (value: From) => To,
): Record<string, To> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, map(value)]));
}

function flatText(base: string): TieredPrice {
  return { base, tiers: [] };
}

/** Null when the model is sold by units that Loom does not count; no prices at all means free. */
function toPrices(prices: ModelPrice): Record<string, TieredPrice> | null {
  if (Object.keys(prices).length === 0) return { ...freeTokens };
  const converted: Record<string, TieredPrice> = {};
  for (const [key, price] of Object.entries(prices)) {
    const bucket = bucketByPriceKey[key];
    if (price === undefined) continue;
    if (bucket) converted[bucket] = typeof price === 'number' ? flat(price) : toTiers(price);
    const use = useByPriceKey[key];
    // Per thousand there, per million here.
    if (use && typeof price === 'number') converted[use] = flat(price * 1000);
  }
  // A model that is free is free for tokens of every kind.
  const isFree = ['inputUncached', 'outputText'].every((bucket) => isZero(converted[bucket]));
  if (isFree) return { ...freeTokens, ...converted };
  return converted.inputUncached || converted.outputText ? converted : null;
}

const freeTokens: Readonly<Record<string, TieredPrice>> = Object.fromEntries(
  [...tokenBuckets, 'cacheWrite1h', 'inputImage', 'inputVideo', 'outputImage'].map((bucket) => [
    bucket,
    flat(0),
  ]),
);

function isZero(price: TieredPrice | undefined): boolean {
  return price?.base === '0' && price.tiers.length === 0;
}

function toTiers({ base, tiers }: Exclude<ModelPrice[string], number | undefined>): TieredPrice {
  return {
    base: toDecimal(base),
    tiers: tiers
      .map(({ start, price }) => ({ start, price: toDecimal(price) }))
      .sort((a, b) => a.start - b.start),
  };
}

function flat(price: number): TieredPrice {
  return { base: toDecimal(price), tiers: [] };
}

/** The shortest decimal that reads back as this number, which is how the data has it, without an exponent. */
function toDecimal(value: number): string {
  const [mantissa = '', exponent] = String(value).split('e-');
  if (exponent === undefined) return mantissa;
  const [whole = '', fraction = ''] = mantissa.split('.');
  return `0.${(whole + fraction).padStart(Number(exponent) - 1 + whole.length + fraction.length, '0')}`;
}

function toClock(time: string): string {
  const match = /^(\d\d:\d\d):00Z$/.exec(time);
  if (!match?.[1])
    throw new LoomError('config_invalid', `price data: time of day "${time}" is not HH:MM:00Z`);
  return match[1];
}

function toMatches(logic: MatchLogic): PriceMatch[] {
  if ('or' in logic) return logic.or.flatMap(toMatches);
  if ('and' in logic) return [{ op: 'regex', value: `^${logic.and.map(toLookahead).join('')}` }];
  if ('equals' in logic) return [{ op: 'equals', value: logic.equals }];
  if ('starts_with' in logic) return [{ op: 'starts_with', value: logic.starts_with }];
  if ('ends_with' in logic) return [{ op: 'ends_with', value: logic.ends_with }];
  if ('contains' in logic) return [{ op: 'contains', value: logic.contains }];
  return [{ op: 'regex', value: logic.regex }];
}

/** All of several rules as one regular expression: a lookahead each, from the start of the name. */
function toLookahead(logic: MatchLogic): string {
  if ('or' in logic || 'and' in logic) {
    throw new LoomError('config_invalid', 'price data: a rule inside "and" may not be "or" or "and"');
  }
  if ('regex' in logic) return `(?=.*(?:${logic.regex}))`;
  if ('equals' in logic) return `(?=${escapePattern(logic.equals)}$)`;
  if ('starts_with' in logic) return `(?=${escapePattern(logic.starts_with)})`;
  if ('ends_with' in logic) return `(?=.*${escapePattern(logic.ends_with)}$)`;
  return `(?=.*${escapePattern(logic.contains)})`;
}

function escapePattern(text: string): string {
  return text.toLowerCase().replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
