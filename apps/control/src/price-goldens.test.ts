import { describe, expect, it } from '@jest/globals';
import { computeCost, PriceBook } from '@loom/pricing';
import { wireOf } from '@loom/providers';
import { providerNameOf } from '@loom/trace-schema';
import { waitForUpdate } from '@pydantic/genai-prices';
import { importGenaiPrices } from './import-genai-prices.ts';

/*
 * Answers as providers send them, and what they cost by the provider's own page: each sum is written out here in
 * millionths of a dollar from the published prices, and not by the code that it checks.
 */
const book = new PriceBook(importGenaiPrices((await waitForUpdate()) ?? [], 'test'));
const startTime = `${Date.parse('2026-08-22T12:00:00Z')}000000`;

type Wire = Parameters<typeof wireOf>[0];

function costOf(provider: string, wire: Wire, answer: object | readonly object[]) {
  const stream = Array.isArray(answer);
  const text = stream
    ? answer
        .map(
          (event: { type?: string }) =>
            `${event.type ? `event: ${event.type}\n` : ''}data: ${JSON.stringify(event)}\n\n`,
        )
        .join('')
    : JSON.stringify(answer);
  const facts = wireOf(wire).readFacts(Buffer.from(text), stream);
  return computeCost(book, {
    ...{
      organizationId: 'o',
      provider: providerNameOf(provider),
      models: [facts.responseModel ?? ''],
      startTime,
    },
    ...{ serviceTier: facts.serviceTier, usage: facts.usage, usageSource: 'provider' as const },
  });
}

/** Millionths of a dollar as the cost has them. */
const micros = (sum: number) => String(Number((sum / 1e6).toFixed(12)));

const message = (model: string, usage: object) => ({
  ...{ id: 'msg_1', type: 'message', role: 'assistant', model, content: [{ type: 'text', text: 'hi' }] },
  ...{ stop_reason: 'end_turn', usage: { input_tokens: 100, output_tokens: 10, ...usage } },
});
const chat = (model: string, usage: object, rest: object = {}) => ({
  ...{ id: 'c1', object: 'chat.completion', model },
  choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110, ...usage },
  ...rest,
});
const response = (model: string, usage: object, rest: object = {}) => ({
  ...{ id: 'r1', object: 'response', status: 'completed', model, output: [] },
  usage: { input_tokens: 100, output_tokens: 10, total_tokens: 110, ...usage },
  ...rest,
});
const gemini = (model: string, usage: object, rest: object = {}) => ({
  candidates: [{ content: { parts: [{ text: 'hi' }] }, finishReason: 'STOP', ...rest }],
  usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 10, totalTokenCount: 110, ...usage },
  modelVersion: model,
});

interface Golden {
  readonly name: string;
  readonly provider: string;
  readonly wire: Wire;
  readonly answer: object | readonly object[];
  /** Millionths of a dollar. */
  readonly sum: number;
  readonly missing?: readonly string[];
}

const anthropic = { provider: 'anthropic', wire: 'anthropic-messages' as Wire };
const openai = { provider: 'openai', wire: 'openai-chat' as Wire };
const responses = { provider: 'openai', wire: 'openai-responses' as Wire };
const google = { provider: 'gemini', wire: 'gemini-generate-content' as Wire };

const goldens: readonly Golden[] = [
  {
    ...{ name: 'Anthropic: writes to the caches of 5 minutes and of an hour', ...anthropic },
    answer: message('claude-sonnet-4-6', {
      ...{ cache_creation_input_tokens: 3000, cache_read_input_tokens: 5000 },
      cache_creation: { ephemeral_5m_input_tokens: 1000, ephemeral_1h_input_tokens: 2000 },
    }),
    sum: 100 * 3 + 1000 * 3.75 + 2000 * 6 + 5000 * 0.3 + 10 * 15,
  },
  {
    ...{ name: 'Anthropic: the same in a stream, told once at its start', ...anthropic },
    answer: [
      {
        type: 'message_start',
        message: {
          ...{ id: 'm', type: 'message', role: 'assistant', model: 'claude-sonnet-4-6', content: [] },
          usage: {
            ...{
              input_tokens: 100,
              output_tokens: 1,
              cache_creation_input_tokens: 2000,
              service_tier: 'standard',
            },
            cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 2000 },
          },
        },
      },
      { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 10 } },
      { type: 'message_stop' },
    ],
    sum: 100 * 3 + 2000 * 6 + 10 * 15,
  },
  {
    ...{ name: 'Anthropic: web searches at $10 a thousand, fetches for nothing', ...anthropic },
    answer: message('claude-sonnet-4-6', {
      server_tool_use: { web_search_requests: 3, web_fetch_requests: 2 },
    }),
    sum: 100 * 3 + 10 * 15 + 3 * 10_000,
  },
  {
    ...{ name: 'Anthropic: batch is half', ...anthropic },
    answer: message('claude-opus-4-8', { service_tier: 'batch' }),
    sum: (100 * 5 + 10 * 25) / 2,
  },
  {
    ...{ name: 'Anthropic: priority is paid for beforehand', ...anthropic },
    answer: message('claude-opus-4-8', { service_tier: 'priority' }),
    ...{ sum: 100 * 5 + 10 * 25, missing: ['serviceTier:priority'] },
  },
  {
    ...{ name: 'Anthropic: fast is 6x of Opus 4.6, with the cache', ...anthropic },
    answer: message('claude-opus-4-6', { speed: 'fast', cache_read_input_tokens: 1000 }),
    sum: 100 * 30 + 1000 * 3 + 10 * 150,
  },
  {
    ...{ name: 'Anthropic: fast is 2x of Opus 4.8, US inference 1.1x on top', ...anthropic },
    answer: message('claude-opus-4-8', { speed: 'fast', inference_geo: 'us' }),
    sum: (100 * 10 + 10 * 50) * 1.1,
  },
  {
    ...{ name: 'Anthropic: US inference of Sonnet 4.6; the fee of a search stays', ...anthropic },
    answer: message('claude-sonnet-4-6', {
      inference_geo: 'us',
      server_tool_use: { web_search_requests: 1 },
    }),
    sum: 100 * 3.3 + 10 * 16.5 + 10_000,
  },
  {
    ...{ name: 'Anthropic: fast of a model without a price for it', ...anthropic },
    answer: message('claude-sonnet-4-6', { speed: 'fast' }),
    ...{ sum: 100 * 3 + 10 * 15, missing: ['speed:fast'] },
  },
  {
    ...{ name: 'Anthropic: a geography that nothing is known of', ...anthropic },
    answer: message('claude-sonnet-4-6', { inference_geo: 'eu' }),
    ...{ sum: 100 * 3 + 10 * 15, missing: ['inferenceGeo:eu'] },
  },
  {
    ...{
      name: 'Anthropic: a compaction is billed beside the answer, code execution by the hour',
      ...anthropic,
    },
    answer: message('claude-opus-4-6', {
      iterations: [
        { type: 'compaction', input_tokens: 1000, output_tokens: 50 },
        { type: 'message', input_tokens: 100, output_tokens: 10 },
      ],
      server_tool_use: { code_execution_requests: 1 },
    }),
    ...{ sum: 1100 * 5 + 60 * 25, missing: ['codeExecutions'] },
  },
  {
    ...{
      name: 'Vertex AI: an hour of cache is twice the input',
      provider: 'vertex-ai',
      wire: 'anthropic-messages',
    },
    answer: message('claude-opus-4-8', {
      cache_creation_input_tokens: 2000,
      cache_creation: { ephemeral_1h_input_tokens: 2000 },
    }),
    sum: 100 * 5 + 2000 * 10 + 10 * 25,
  },
  {
    ...{ name: 'OpenAI chat: flex is half, the cache too', ...openai },
    answer: chat('gpt-5.1', { prompt_tokens_details: { cached_tokens: 60 } }, { service_tier: 'flex' }),
    sum: 40 * 0.625 + 60 * 0.0625 + 10 * 5,
  },
  {
    ...{ name: 'OpenAI chat: priority of GPT-4.1', ...openai },
    answer: chat('gpt-4.1', { prompt_tokens_details: { cached_tokens: 60 } }, { service_tier: 'priority' }),
    sum: 40 * 3.5 + 60 * 0.875 + 10 * 14,
  },
  {
    ...{ name: 'OpenAI chat: priority of GPT-4o mini, which is no round multiple', ...openai },
    answer: chat(
      'gpt-4o-mini',
      { prompt_tokens_details: { cached_tokens: 60 } },
      { service_tier: 'priority' },
    ),
    sum: 40 * 0.25 + 60 * 0.125 + 10 * 1,
  },
  {
    ...{ name: 'OpenAI chat: priority of a model that has no such price', ...openai },
    answer: chat('gpt-4-turbo', {}, { service_tier: 'priority' }),
    ...{ sum: 100 * 10 + 10 * 30, missing: ['serviceTier:priority'] },
  },
  {
    ...{ name: 'OpenAI chat: audio where it has a price', ...openai },
    answer: chat('gpt-audio', {
      prompt_tokens_details: { audio_tokens: 80 },
      completion_tokens_details: { audio_tokens: 6 },
    }),
    sum: 20 * 2.5 + 80 * 32 + 4 * 10 + 6 * 64,
  },
  {
    ...{ name: 'OpenAI chat: audio where it has none', ...openai },
    answer: chat('gpt-4o', {
      prompt_tokens_details: { audio_tokens: 80 },
      completion_tokens_details: { audio_tokens: 6 },
    }),
    ...{ sum: 100 * 2.5 + 10 * 10, missing: ['inputAudio', 'outputAudio'] },
  },
  {
    ...{ name: 'OpenAI chat: cached tokens of a model without a price for them', ...openai },
    answer: chat('gpt-4-turbo', { prompt_tokens_details: { cached_tokens: 60 } }),
    ...{ sum: 100 * 10 + 10 * 30, missing: ['cacheRead'] },
  },
  {
    ...{ name: 'OpenAI chat: a search model searches for every request', ...openai },
    answer: chat('gpt-4o-search-preview', {}),
    sum: 100 * 2.5 + 10 * 10 + 25_000,
  },
  {
    ...{ name: 'OpenAI chat: so does the small one', ...openai },
    answer: chat('gpt-4o-mini-search-preview-2025-03-11', {}),
    sum: 100 * 0.15 + 10 * 0.6 + 25_000,
  },
  {
    ...{ name: 'Azure OpenAI: flex is half; its fee of a search is not known', provider: 'azure-openai' },
    wire: 'openai-responses',
    answer: response('gpt-5.1', {}, { service_tier: 'flex', output: [{ type: 'web_search_call' }] }),
    ...{ sum: 100 * 0.625 + 10 * 5, missing: ['webSearches'] },
  },
  {
    ...{ name: 'OpenAI Responses: searches, not pages opened', ...responses },
    answer: response('gpt-5.1', {}, {
      output: ['search', 'open_page', 'search'].map((type) => ({ type: 'web_search_call', action: { type } })),
    }), // prettier-ignore
    sum: 100 * 1.25 + 10 * 10 + 2 * 10_000,
  },
  {
    ...{ name: 'OpenAI Responses: searches as the response counts them, priority', ...responses },
    answer: response(
      'gpt-5.1',
      {},
      { tool_usage: { web_search: { num_requests: 1 } }, service_tier: 'priority' },
    ),
    sum: 100 * 2.5 + 10 * 20 + 10_000,
  },
  {
    ...{ name: 'OpenAI Responses: the preview of search costs more without reasoning', ...responses },
    answer: response('gpt-4.1', {}, {
      ...{ tools: [{ type: 'web_search_preview' }], output: [{ type: 'web_search_call' }] },
    }), // prettier-ignore
    sum: 100 * 2 + 10 * 8 + 25_000,
  },
  {
    ...{
      name: 'OpenAI Responses: file search at $2.50 a thousand; containers and images are not priced',
      ...responses,
    },
    answer: response('gpt-5.1', {}, {
      output: [
        { type: 'file_search_call' },
        { type: 'code_interpreter_call', container_id: 'c' },
        { type: 'code_interpreter_call', container_id: 'c' },
        { type: 'image_generation_call' },
      ],
    }), // prettier-ignore
    ...{ sum: 100 * 1.25 + 10 * 10 + 2500, missing: ['codeContainers', 'imageGenerations'] },
  },
  {
    ...{ name: 'OpenAI Responses: flex in a stream', ...responses },
    answer: [
      {
        type: 'response.created',
        response: { id: 'r', model: 'gpt-5.1', service_tier: 'auto', status: 'in_progress' },
      },
      { type: 'response.completed', response: response('gpt-5.1', {}, { service_tier: 'flex' }) },
    ],
    sum: 100 * 0.625 + 10 * 5,
  },
  {
    ...{ name: 'Gemini: images, video and documents are read at the price of text', ...google },
    answer: gemini('gemini-2.5-flash', {
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 10 },
        { modality: 'IMAGE', tokenCount: 50 },
        { modality: 'VIDEO', tokenCount: 30 },
        { modality: 'DOCUMENT', tokenCount: 10 },
      ],
    }),
    sum: 100 * 0.3 + 10 * 2.5,
  },
  {
    ...{ name: 'Gemini: audio, and audio from the cache', ...google },
    answer: gemini('gemini-2.5-flash', {
      ...{ cachedContentTokenCount: 40, cacheTokensDetails: [{ modality: 'AUDIO', tokenCount: 30 }] },
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 20 },
        { modality: 'AUDIO', tokenCount: 80 },
      ],
    }),
    sum: 10 * 0.3 + 50 * 1 + 10 * 0.03 + 30 * 0.1 + 10 * 2.5,
  },
  {
    ...{ name: 'Gemini: images written, where they have a price', ...google },
    answer: gemini('gemini-2.5-flash-image', {
      candidatesTokenCount: 1300,
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1290 }],
    }),
    sum: 100 * 0.3 + 10 * 2.5 + 1290 * 30,
  },
  {
    ...{ name: 'Gemini: images and audio written, where they have none', ...google },
    answer: gemini('gemini-2.5-flash', {
      candidatesTokensDetails: [
        { modality: 'IMAGE', tokenCount: 4 },
        { modality: 'AUDIO', tokenCount: 5 },
      ],
    }),
    ...{ sum: 100 * 0.3 + 10 * 2.5, missing: ['outputAudio', 'outputImage'] },
  },
  {
    ...{ name: 'Gemini: what tools read is input; grounding has a fee that depends on the day', ...google },
    answer: gemini(
      'gemini-2.5-flash',
      { toolUsePromptTokenCount: 50 },
      { groundingMetadata: { webSearchQueries: ['a', 'b'] } },
    ),
    ...{ sum: 150 * 0.3 + 10 * 2.5, missing: ['webSearches'] },
  },
  {
    ...{ name: 'Gemini: flex halves all but the cache', ...google },
    answer: gemini('gemini-2.5-flash', { cachedContentTokenCount: 40, serviceTier: 'flex' }),
    sum: 60 * 0.15 + 40 * 0.03 + 10 * 1.25,
  },
  {
    ...{
      name: 'Vertex AI: priority by its traffic type',
      provider: 'vertex-ai',
      wire: 'gemini-generate-content',
    },
    answer: gemini('gemini-2.5-flash', { trafficType: 'ON_DEMAND_PRIORITY' }),
    sum: (100 * 0.3 + 10 * 2.5) * 1.8,
  },
  {
    ...{
      name: 'Vertex AI: provisioned throughput is not paid by the token',
      provider: 'vertex-ai',
      wire: 'gemini-generate-content',
    },
    answer: gemini('gemini-2.5-flash', { trafficType: 'PROVISIONED_THROUGHPUT' }),
    ...{ sum: 100 * 0.3 + 10 * 2.5, missing: ['serviceTier:provisioned'] },
  },
  {
    ...{ name: 'Groq: flex costs what on demand costs', provider: 'groq', wire: 'openai-chat' },
    answer: chat('llama-3.3-70b-versatile', {}, { service_tier: 'flex' }),
    sum: 100 * 0.59 + 10 * 0.79,
  },
  {
    ...{ name: 'Groq: tools that ran there', provider: 'groq', wire: 'openai-chat' },
    answer: chat('openai/gpt-oss-120b', {}, {
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'hi', executed_tools: [{ type: 'browser.search' }, { type: 'python' }] } }],
    }), // prettier-ignore
    ...{ sum: 100 * 0.15 + 10 * 0.6, missing: ['webSearches', 'codeExecutions'] },
  },
  {
    ...{ name: 'Groq: the same in a stream, told before its usage', provider: 'groq', wire: 'openai-chat' },
    answer: [
      { id: 'c', model: 'openai/gpt-oss-120b', choices: [{ index: 0, delta: { role: 'assistant' } }] },
      { id: 'c', choices: [{ index: 0, delta: { executed_tools: [{ index: 0, type: 'python' }] } }] },
      {
        ...{ id: 'c', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
        x_groq: { usage: { prompt_tokens: 100, completion_tokens: 10 } },
      },
    ],
    ...{ sum: 100 * 0.15 + 10 * 0.6, missing: ['codeExecutions'] },
  },
  {
    ...{
      name: 'xAI: searches at $5 a thousand, images at the price of text',
      provider: 'xai',
      wire: 'openai-chat',
    },
    answer: chat('grok-4.5', {
      ...{ prompt_tokens_details: { image_tokens: 20, cached_tokens: 10 } },
      server_side_tool_usage_details: { web_search_calls: 2, code_interpreter_calls: 1, mcp_calls: 4 },
    }),
    sum: 90 * 2 + 10 * 0.3 + 10 * 6 + 3 * 5000,
  },
  {
    ...{ name: 'DeepSeek: hits of its cache', provider: 'deepseek', wire: 'openai-chat' },
    answer: chat('deepseek-chat', { prompt_cache_hit_tokens: 60, prompt_cache_miss_tokens: 40 }),
    sum: 40 * 0.27 + 60 * 0.07 + 10 * 1.1,
  },
  {
    ...{
      name: 'Perplexity: the fee of a request by its context',
      provider: 'perplexity',
      wire: 'openai-chat',
    },
    answer: chat('sonar-pro', { search_context_size: 'low' }),
    sum: 100 * 3 + 10 * 15 + 6000,
  },
  {
    ...{ name: 'Perplexity: deep research', provider: 'perplexity', wire: 'openai-chat' },
    answer: chat('sonar-deep-research', {
      ...{ citation_tokens: 2000, num_search_queries: 4, reasoning_tokens: 500, search_context_size: 'high' },
    }),
    sum: 100 * 2 + 10 * 8 + 2000 * 2 + 500 * 3 + 4 * 5000,
  },
  {
    ...{ name: 'Cohere: billed units, not what the model saw', provider: 'cohere', wire: 'cohere-chat' },
    answer: {
      ...{
        id: 'x',
        finish_reason: 'COMPLETE',
        message: { role: 'assistant', content: [{ type: 'text', text: 'hi' }] },
      },
      usage: {
        billed_units: { input_tokens: 39, output_tokens: 27 },
        tokens: { input_tokens: 1683, output_tokens: 62 },
      },
    },
    sum: 0,
  },
];

describe('prices by the pages of their providers', () => {
  it.each(goldens.filter(({ sum }) => sum > 0))('$name', ({ provider, wire, answer, sum, missing = [] }) => {
    const cost = costOf(provider, wire, answer);
    expect({ state: cost.state, totalUsd: cost.totalUsd, missing: [...(cost.missing ?? [])].sort() }).toEqual(
      {
        ...{ state: missing.length === 0 ? 'priced' : 'partial', totalUsd: micros(sum) },
        missing: [...missing].sort(),
      },
    );
  });

  it('Cohere: 39 and 27 billed units at $2.50 and $10, whatever the model saw', () => {
    const { answer } = goldens.at(-1) ?? { answer: {} };
    const facts = wireOf('cohere-chat').readFacts(Buffer.from(JSON.stringify(answer)), false);
    const cost = computeCost(book, {
      ...{ organizationId: 'o', provider: 'cohere', models: ['command-a-03-2025'], startTime },
      ...{ serviceTier: null, usage: facts.usage, usageSource: 'provider' },
    });
    expect([cost.state, cost.totalUsd]).toEqual(['priced', micros(39 * 2.5 + 27 * 10)]);
  });

  const bedrock = (usage: object, rest: object = {}) => {
    const answer = {
      ...{ output: { message: { role: 'assistant', content: [{ text: 'hi' }] } }, stopReason: 'end_turn' },
      usage: { inputTokens: 100, outputTokens: 10, ...usage },
      ...rest,
    };
    const facts = wireOf('bedrock-converse').readFacts(Buffer.from(JSON.stringify(answer)), false);
    return computeCost(book, {
      ...{ organizationId: 'o', provider: 'aws.bedrock', startTime, serviceTier: facts.serviceTier },
      ...{ models: ['global.anthropic.claude-sonnet-4-6-v1:0'], usage: facts.usage, usageSource: 'provider' },
    });
  };

  it('Bedrock: an hour of cache is twice the input', () => {
    const cost = bedrock({ cacheWriteInputTokens: 3000, cacheDetails: [{ ttl: '1h', inputTokens: 2000 }, { ttl: '5m', inputTokens: 1000 }] }); // prettier-ignore
    expect(cost).toMatchObject({
      state: 'priced',
      totalUsd: micros(100 * 3 + 1000 * 3.75 + 2000 * 6 + 10 * 15),
    });
  });

  it('Bedrock: flex of Nova is half, priority 1.75 times', () => {
    const usage = { ...{ inputTokens: 100, cacheReadInputTokens: 40, cacheWriteInputTokens: 0, inputAudioTokens: 0 }, ...{ outputTokens: 10, reasoningOutputTokens: 0, outputAudioTokens: 0 } }; // prettier-ignore
    const cost = (serviceTier: string) =>
      computeCost(book, {
        ...{
          organizationId: 'o',
          provider: 'aws.bedrock',
          models: ['amazon.nova-pro-v1:0'],
          startTime,
          serviceTier,
        },
        ...{ usage, usageSource: 'provider' },
      });
    const standard = 60 * 0.8 + 40 * 0.2 + 10 * 3.2;
    expect(cost('flex')).toMatchObject({ state: 'priced', totalUsd: micros(standard / 2) });
    expect(cost('priority')).toMatchObject({ state: 'priced', totalUsd: micros(standard * 1.75) });
    expect(cost('reserved')).toMatchObject({ state: 'partial', missing: ['serviceTier:reserved'] });
  });

  it('Bedrock: tiers, optimized latency and tools of its own are not priced', () => {
    const cost = bedrock(
      { serverToolUsage: { webSearchRequests: 1 } },
      { serviceTier: { type: 'priority' }, performanceConfig: { latency: 'optimized' } },
    );
    expect(cost).toMatchObject({
      ...{ state: 'partial', totalUsd: micros(100 * 3 + 10 * 15) },
      missing: ['serviceTier:priority', 'latency:optimized', 'webSearches'],
    });
  });

  it('OpenRouter: its own figure is the cost where there is no price, and stands beside a price', () => {
    expect(costOf('openrouter', 'openai-chat', chat('nobody/unknown', { cost: 0.00014 }))).toMatchObject({
      ...{ state: 'priced', reason: 'reported', totalUsd: '0.00014', reportedUsd: '0.00014', lines: [] },
    });
    const byok = { cost: 0.0000025, is_byok: true, cost_details: { upstream_inference_cost: 0.00005 } };
    expect(costOf('openrouter', 'openai-chat', chat('nobody/unknown', byok)).totalUsd).toBe('0.0000525');
    const known = costOf('openrouter', 'openai-chat', chat('openai/gpt-4o-mini', { cost: 0.5 }));
    expect(known).toMatchObject({ state: 'priced', reason: '', reportedUsd: '0.5' });
    expect(known.totalUsd).not.toBe('0.5');
  });

  it.each([
    ['xai', chat('grok-unheard-of', { cost_in_usd_ticks: 37_756_000 }), '0.0037756'],
    ['perplexity', chat('sonar-unheard-of', { cost: { total_cost: 0.00627, currency: 'USD' } }), '0.00627'],
    ['openai-compatible', chat('m', { estimated_cost: '1.5e-7' }), '0.00000015'],
  ])('%s: what it says that the call cost', (provider, answer, totalUsd) => {
    expect(costOf(provider, 'openai-chat', answer)).toMatchObject({ reason: 'reported', totalUsd });
  });

  it.each([
    { cost: -1 },
    { cost: 'free' },
    { cost: null },
    { cost: { total_cost: 1, currency: 'EUR' } },
    { cost: NaN },
  ])('a figure that is none is not believed: %j', (usage) => {
    expect(costOf('openrouter', 'openai-chat', chat('nobody/unknown', usage)).state).toBe('unpriced');
  });
});
