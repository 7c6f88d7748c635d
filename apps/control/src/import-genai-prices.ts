import { LoomError } from '@loom/errors';
import type { PriceEntry, PriceListRecord, PriceMatch, TieredPrice } from '@loom/trace-schema';
import type { ConditionalPrice, MatchLogic, ModelInfo, ModelPrice, Provider } from '@pydantic/genai-prices';

/** Loom's provider kinds by the package's provider ids; the others have the same name in both. */
const kindByProviderId: Readonly<Record<string, string>> = {
  aws: 'aws-bedrock',
  azure: 'azure-openai',
  google: 'gemini',
  'x-ai': 'xai',
};

/** Loom's buckets by the package's price keys. Prices of other units (images, hours, searches) are not imported. */
const bucketByPriceKey: Readonly<Record<string, string>> = {
  input_mtok: 'inputUncached',
  cache_read_mtok: 'cacheRead',
  cache_write_mtok: 'cacheWrite',
  input_audio_mtok: 'inputAudio',
  output_mtok: 'outputText',
  output_reasoning_mtok: 'reasoning',
  output_audio_mtok: 'outputAudio',
};

/**
 * The package's price data as one list per provider kind. Numbers become the decimal strings they were written as.
 * `version` is `genai-prices-<package version>`. Throws `config_invalid` on data that this conversion cannot express.
 */
export function importGenaiPrices(providers: readonly Provider[], packageVersion: string): PriceListRecord[] {
  const version = `genai-prices-${packageVersion}`;
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
      entries: modelsOf(provider, providers).flatMap(toEntries),
    };
  });
}

/** A provider that resells others' models is priced by their lists for the models that it does not list itself. */
function modelsOf(provider: Provider, providers: readonly Provider[]): ModelInfo[] {
  const resold = (provider.fallback_model_providers ?? []).flatMap((id) => {
    const other = providers.find((candidate) => candidate.id === id);
    if (!other)
      throw new LoomError('config_invalid', `price data: ${provider.id} names unknown provider ${id}`);
    return other.models.map((model) => ({ ...model, id: `${id}/${model.id}` }));
  });
  return [...provider.models, ...resold];
}

function toEntries(model: ModelInfo): PriceEntry[] {
  const match = toMatches(model.match);
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
    return [{ model: model.id, match, from, ...hours, serviceTier: 'default', prices: converted }];
  });
}

/** Null when the model is sold by units that Loom does not count; no prices at all means free. */
function toPrices(prices: ModelPrice): Record<string, TieredPrice> | null {
  if (Object.keys(prices).length === 0) return { inputUncached: flat(0), outputText: flat(0) };
  const converted: Record<string, TieredPrice> = {};
  for (const [key, price] of Object.entries(prices)) {
    const bucket = bucketByPriceKey[key];
    if (price === undefined) continue;
    if (bucket) converted[bucket] = typeof price === 'number' ? flat(price) : toTiers(price);
    // Per thousand requests there, per million here.
    if (key === 'requests_kcount' && typeof price === 'number') converted.requests = flat(price * 1000);
  }
  return converted.inputUncached || converted.outputText ? converted : null;
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
