import { describe, expect, it } from '@jest/globals';
import { computeCost, PriceBook } from '@loom/pricing';
import { wireOf } from '@loom/providers';
import { goldenCosts, goldenUsage, recordedCases } from '@loom/testkit';
import { providerNameOf } from '@loom/trace-schema';
import { calcPrice, waitForUpdate } from '@pydantic/genai-prices';
import { importGenaiPrices } from './import-genai-prices.ts';

/** Kinds of the folders, and the model where an answer does not name one. */
const kinds: Readonly<Record<string, readonly [kind: string, libraryId: string, model?: string]>> = {
  'amazon-bedrock': ['aws-bedrock', 'aws', 'us.anthropic.claude-haiku-4-5-20251001-v1:0'],
  anthropic: ['anthropic', 'anthropic'],
  azure: ['azure-openai', 'azure'],
  cohere: ['cohere', 'cohere', 'command-a-03-2025'],
  deepseek: ['deepseek', 'deepseek'],
  google: ['gemini', 'google'],
  groq: ['groq', 'groq'],
  mistral: ['mistral', 'mistral'],
  openai: ['openai', 'openai'],
  'openai-compatible': ['xai', 'x-ai'],
  xai: ['xai', 'x-ai'],
};
const startTime = `${Date.parse('2026-08-22T12:00:00Z')}000000`;

const book = new PriceBook(importGenaiPrices((await waitForUpdate()) ?? [], 'test'));

describe('costs of the recorded answers', () => {
  const golden = goldenCosts();
  const priced = recordedCases().map((recorded) => {
    const [kind = '', libraryId = '', fallback = ''] = kinds[recorded.provider] ?? [];
    const facts = wireOf(recorded.wire).readFacts(recorded.bytes, recorded.stream);
    const model = facts.responseModel ?? fallback;
    const cost = computeCost(book, {
      ...{ organizationId: 'o', provider: providerNameOf(kind), models: [model], startTime },
      ...{ serviceTier: facts.serviceTier, usage: facts.usage, usageSource: 'provider' as const },
    });
    return { name: recorded.name, libraryId, model, facts, cost };
  });

  it.each(priced)('$name costs what the golden says', ({ name, cost }) => {
    expect([cost.state, cost.totalUsd]).toEqual(golden[name]);
  });

  it('knows every case', () => {
    expect(Object.keys(golden).sort()).toEqual(Object.keys(goldenUsage()).sort());
  });

  // xAI tells what it charged, in ticks of 1e-10 dollars.
  it.each(
    recordedCases().flatMap(({ name, bytes }) => {
      const ticks = /"cost_in_usd_ticks":\s*(\d+)/g;
      const last = [...bytes.toString().matchAll(ticks)].at(-1)?.[1];
      return last === undefined || last === '0' ? [] : [[name, Number(last)] as const];
    }),
  )('%s costs what its provider charged for it', (name, ticks) => {
    expect(Number(golden[name]?.[1])).toBeCloseTo(ticks / 1e10, 12);
  });

  // A second opinion in floating point, where the package prices a model itself. Tokens that Cohere does not bill are none.
  it.each(priced.filter(({ facts }) => facts.usage))(
    '$name costs what the price package computes',
    ({ facts, cost, libraryId, model }) => {
      const { usage } = facts;
      if (!usage || cost.state === 'unpriced') return;
      const { parts = {}, uses = {} } = usage.details ?? {};
      const { inputUnbilled = 0, cacheReadUnbilled = 0, outputUnbilled = 0 } = parts;
      const second = calcPrice(
        {
          input_tokens: usage.inputTokens - inputUnbilled - cacheReadUnbilled,
          output_tokens: usage.outputTokens - outputUnbilled,
          ...{
            cache_read_tokens: usage.cacheReadInputTokens - cacheReadUnbilled,
            cache_write_tokens: usage.cacheWriteInputTokens,
          },
          ...(cost.state === 'priced' && {
            web_searches: uses.webSearches ?? 0,
            storage_searches: uses.fileSearches ?? 0,
          }),
        },
        model,
        { providerId: libraryId, timestamp: new Date(Number(startTime) / 1e6) },
      );
      // https://docs.x.ai/developers/pricing: collections search, $2.50 per 1k calls.
      const fee = libraryId === 'x-ai' ? (uses.fileSearches ?? 0) * 0.0025 : 0;
      expect((second?.total_price ?? NaN) + fee).toBeCloseTo(Number(cost.totalUsd), 9);
    },
  );
});
