import { describe, expect, it } from '@jest/globals';
import { computeCost, PriceBook } from '@loom/pricing';
import { PriceListRecord, recordBytesMax, type Usage } from '@loom/trace-schema';
import {
  calcPrice,
  type MatchLogic,
  type ModelInfo,
  type Provider,
  waitForUpdate,
} from '@pydantic/genai-prices';
import fc from 'fast-check';
import { importGenaiPrices } from './import-genai-prices.ts';

const providers = (await waitForUpdate()) ?? [];
const lists = importGenaiPrices(providers, '0.1.8');
const book = new PriceBook(lists);

/** A name that the rule matches, if the rule names one. */
function nameFor(logic: MatchLogic): string | null {
  if ('or' in logic) return nameFor(logic.or[0] ?? { regex: '' });
  if ('and' in logic) return nameFor(logic.and[0] ?? { regex: '' });
  return 'regex' in logic ? null : (Object.values(logic)[0] ?? null);
}

const models = providers.flatMap((provider) =>
  provider.models.flatMap((model) => {
    const name = nameFor(model.match) ?? model.id;
    return [{ provider, model, name }];
  }),
);

function kindOf(provider: Provider): string {
  const list = lists[providers.indexOf(provider)];
  if (!list) throw new Error(`no list for ${provider.id}`);
  return list.provider;
}

const usages = fc
  .record({
    uncached: fc.nat(400_000),
    cacheRead: fc.nat(100_000),
    cacheWrite: fc.nat(50_000),
    inputAudio: fc.nat(20_000),
    text: fc.nat(50_000),
    reasoning: fc.nat(20_000),
    outputAudio: fc.nat(5_000),
  })
  .map((part): Usage => ({
    inputTokens: part.uncached + part.cacheRead + part.cacheWrite + part.inputAudio,
    cacheReadInputTokens: part.cacheRead,
    cacheWriteInputTokens: part.cacheWrite,
    inputAudioTokens: part.inputAudio,
    outputTokens: part.text + part.reasoning + part.outputAudio,
    reasoningOutputTokens: part.reasoning,
    outputAudioTokens: part.outputAudio,
  }));
const times = fc.date({ min: new Date('2024-01-01'), max: new Date('2027-01-01'), noInvalidDate: true });

function packageTotal(provider: Provider, name: string, usage: Usage, timestamp: Date): number | null {
  const tokens = {
    input_tokens: usage.inputTokens,
    cache_read_tokens: usage.cacheReadInputTokens,
    cache_write_tokens: usage.cacheWriteInputTokens,
    input_audio_tokens: usage.inputAudioTokens,
    cache_audio_read_tokens: 0,
    cache_audio_write_tokens: 0,
    output_tokens: usage.outputTokens,
    output_reasoning_tokens: usage.reasoningOutputTokens,
    output_audio_tokens: usage.outputAudioTokens,
    output_audio_reasoning_tokens: 0,
  };
  return calcPrice(tokens, name, { providerId: provider.id, timestamp })?.total_price ?? null;
}

function loomCost(provider: Provider, name: string, usage: Usage, timestamp: Date) {
  return computeCost(book, {
    organizationId: 'org',
    provider: kindOf(provider),
    models: [name],
    startTime: `${BigInt(timestamp.getTime()) * 1_000_000n}`,
    serviceTier: null,
    usage,
    usageSource: 'provider',
  });
}

/** Priced by tokens or requests alone, or free: what both can compute. */
function isComparable({ prices }: ModelInfo): boolean {
  const all = Array.isArray(prices) ? prices.map((dated) => dated.prices) : [prices];
  return all.every((each) => Object.keys(each).length === 0 || 'input_mtok' in each || 'output_mtok' in each);
}

describe('importGenaiPrices', () => {
  it('gives valid lists that fit in one record each', () => {
    expect(lists.length).toBeGreaterThan(30);
    for (const list of lists) {
      expect(PriceListRecord.parse(list)).toEqual(list);
      expect(Buffer.byteLength(JSON.stringify(list))).toBeLessThan(recordBytesMax - 16 * 1024);
    }
  });

  it('agrees with the package on every model that both can price', () => {
    const comparable = models.filter(({ model }) => isComparable(model));
    const samples = fc.sample(fc.tuple(usages, times), { numRuns: comparable.length * 2, seed: 7 });
    let compared = 0;
    for (const [index, [usage, time]] of samples.entries()) {
      const { provider, name } = comparable[index % comparable.length] ?? fail();
      const theirs = packageTotal(provider, name, usage, time);
      if (theirs === null || name.includes('-search-preview')) continue; // their fee is a fact of our own
      const ours = loomCost(provider, name, usage, time);
      const difference = Math.abs(Number(ours.totalUsd) - theirs);
      expect({
        provider: provider.id,
        name,
        time,
        isPriced: ours.state !== 'unpriced',
        off: difference > 1e-9 * Math.max(theirs, 1e-9),
      }).toEqual({ provider: provider.id, name, time, isPriced: true, off: false });
      compared++;
    }
    expect(compared).toBeGreaterThan(2_000);
  });

  it('covers the providers that Loom speaks to', () => {
    const kinds = new Set(lists.map(({ provider }) => provider));
    for (const kind of [
      'openai',
      'mistral',
      'groq',
      'deepseek',
      'xai',
      'openrouter',
      'together',
      'fireworks',
      'anthropic',
      'gemini',
    ]) {
      expect(kinds).toContain(kind);
    }
  });

  it('writes small numbers without an exponent and keeps the digits', () => {
    const provider: Provider = {
      id: 'p',
      name: 'p',
      api_pattern: '',
      models: [{ id: 'm', match: { equals: 'm' }, prices: { input_mtok: 1.25e-7, output_mtok: 0.1 } }],
    };
    expect(importGenaiPrices([provider], '1')[0]?.entries[0]?.prices).toEqual({
      inputUncached: { base: '0.000000125', tiers: [] },
      outputText: { base: '0.1', tiers: [] },
    });
  });

  it('leaves a model out that is not sold by tokens', () => {
    expect(
      loomCost(
        providers.find(({ id }) => id === 'openai') ?? fail(),
        'whisper-1',
        { ...zeroUsage, inputTokens: 5 },
        new Date(),
      ),
    ).toMatchObject({
      state: 'unpriced',
      reason: 'no_price',
    });
  });
});

const zeroUsage: Usage = {
  inputTokens: 0,
  cacheReadInputTokens: 0,
  cacheWriteInputTokens: 0,
  inputAudioTokens: 0,
  outputTokens: 0,
  reasoningOutputTokens: 0,
  outputAudioTokens: 0,
};

function fail(): never {
  throw new Error('test data is missing');
}
