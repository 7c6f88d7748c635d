import { describe, expect, it } from '@jest/globals';
import { cacheWriteParts, detailsOf, reportedUsd, toolUses } from './usage-details.ts';
import { wireOf } from './wires.ts';

const usageOf = (wire: Parameters<typeof wireOf>[0], answer: object) =>
  wireOf(wire).readFacts(Buffer.from(JSON.stringify(answer)), false).usage;

describe('details of usage', () => {
  it('leave out what is 0, null or standard', () => {
    const terms = { speed: 'standard', inferenceGeo: 'not_available', latency: null, other: 'GLOBAL' };
    expect(detailsOf({ parts: { inputImage: 0 }, uses: {}, terms, reportedUsd: null })).toEqual({});
    expect(detailsOf({ terms: { speed: 'Fast' } })).toEqual({ details: { terms: { speed: 'fast' } } });
  });

  it('have no more names than a provider has', () => {
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, n) => [`x${n}_calls`, 1]));
    expect(Object.keys(detailsOf({ uses: toolUses(many) }).details?.uses ?? {})).toHaveLength(24);
    expect(toolUses({ ['a'.repeat(100)]: 1, __proto__: 1, 'web search': 1 })).toEqual({});
  });

  it('never write more to a cache than its bucket has', () => {
    const told = {
      ephemeral_5m_input_tokens: 10,
      ephemeral_1h_input_tokens: '900',
      ephemeral_12h_input_tokens: 70,
    };
    expect(cacheWriteParts(told, 950)).toEqual({ cacheWrite1h: 900, cacheWrite12h: 50 });
    expect(cacheWriteParts('none', 5)).toEqual({});
  });

  it('name tools as the price book does, and free ones not at all', () => {
    expect(
      toolUses({
        web_search_requests: 2,
        web_fetch_requests: 5,
        tool_search_requests: 1,
        code_execution_requests: '3',
      }),
    ).toEqual({ webSearches: 2, toolSearch: 1, codeExecutions: 3 });
  });

  it.each([
    [{ cost: 0.95 }, '0.95'],
    [{ cost: 1e-7 }, '0.0000001'],
    [{ cost: '0.10' }, '0.1'],
    [{ cost: 0 }, '0'],
    [{ cost_in_usd_ticks: 37_756_000 }, '0.0037756'],
    [{ cost: 0.05, is_byok: true, cost_details: { upstream_inference_cost: 1 } }, '1.05'],
    [{ cost: 0.05, is_byok: true }, null],
    [{ cost: 0.05, is_byok: false, cost_details: { upstream_inference_cost: 0.05 } }, '0.05'],
    [{ cost: { total_cost: 0.006, currency: 'USD' } }, '0.006'],
    [{ cost: { total_cost: 0.006, currency: 'EUR' } }, null],
    [{ estimated_cost: 2.5e-6 }, '0.0000025'],
    [{ cost: 1e30 }, null],
    [{ cost: -0.1 }, null],
    [{ cost: true }, null],
    [{}, null],
  ])('read the figure of the provider: %j', (usage, expected) => {
    expect(reportedUsd(usage)).toBe(expected);
  });
});

describe('usage with details', () => {
  it('reads figures that are texts, and usage in the first choice', () => {
    const usage = {
      ...{ prompt_tokens: '120', completion_tokens: '7.0', total_tokens: ' 127 ', cost: '0.002' },
      prompt_tokens_details: { cached_tokens: '100', image_tokens: '9' },
      server_tool_use: { web_search_requests: '2' },
    };
    expect(usageOf('openai-chat', { choices: [{ index: 0, message: {}, usage }] })).toMatchObject({
      ...{ inputTokens: 120, outputTokens: 7, cacheReadInputTokens: 100 },
      details: { parts: { inputImage: 9 }, uses: { webSearches: 2 }, reportedUsd: '0.002' },
    });
  });

  it('reads texts in the Responses API, in Messages and in Gemini', () => {
    expect(
      usageOf('openai-responses', {
        ...{ object: 'response', status: 'completed' },
        usage: { input_tokens: '12', output_tokens: '3', total_tokens: '15' },
      }),
    ).toMatchObject({ inputTokens: 12, outputTokens: 3 });
    expect(
      usageOf('anthropic-messages', {
        content: [],
        usage: { input_tokens: '12', output_tokens: '3', cache_creation: { ephemeral_1h_input_tokens: '5' } },
      }),
    ).toMatchObject({ inputTokens: 17, cacheWriteInputTokens: 5, details: { parts: { cacheWrite1h: 5 } } });
    expect(
      usageOf('gemini-generate-content', {
        candidates: [{ finishReason: 'STOP' }],
        usageMetadata: {
          ...{ promptTokenCount: '12', candidatesTokenCount: '3' },
          promptTokensDetails: [{ modality: 'IMAGE', tokenCount: '4' }],
        },
      }),
    ).toMatchObject({ inputTokens: 12, outputTokens: 3, details: { parts: { inputImage: 4 } } });
  });

  it('has no member for answers without details, as events of older versions have none', () => {
    const answer = { choices: [], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } };
    expect(usageOf('openai-chat', answer)).not.toHaveProperty('details');
  });

  it.each([
    [{ trafficType: 'ON_DEMAND_FLEX' }, 'flex'],
    [{ serviceTier: 'SERVICE_TIER_PRIORITY' }, 'priority'],
    [{ trafficType: 'PROVISIONED_THROUGHPUT' }, 'provisioned'],
    [{ trafficType: 'SOMETHING_NEW' }, 'something_new'],
    [{}, null],
  ])('reads the tier of Gemini: %j', (told, serviceTier) => {
    const usageMetadata = { promptTokenCount: 1, totalTokenCount: 1, ...told };
    const bytes = Buffer.from(JSON.stringify({ candidates: [{ finishReason: 'STOP' }], usageMetadata }));
    expect(wireOf('gemini-generate-content').readFacts(bytes, false).serviceTier).toBe(serviceTier);
  });

  it.each(['ON_DEMAND', 'TRAFFIC_TYPE_UNSPECIFIED'])(
    'knows %s for the standard tier of Vertex AI',
    (trafficType) => {
      const answer = {
        candidates: [{ finishReason: 'STOP' }],
        usageMetadata: { promptTokenCount: 1, totalTokenCount: 1, trafficType },
      };
      const { serviceTier } = wireOf('gemini-generate-content').readFacts(
        Buffer.from(JSON.stringify(answer)),
        false,
      );
      expect(['standard', null]).toContain(serviceTier);
    },
  );
});
