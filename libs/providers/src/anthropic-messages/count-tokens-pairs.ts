import { LoomError } from '@loom/errors';
import { newFacts, toFacts } from '../answer-facts.ts';
import { bedrockProvider } from '../bedrock/converse-provider.ts';
import { estimateUsage, splitByDensity } from '../estimate.ts';
import { geminiProvider } from '../gemini/gemini-provider.ts';
import { numberOf, parseRecord, record } from '../json-values.ts';
import type { ProviderHalf } from '../neutral/halves.ts';
import { type Pair, pairOf } from '../pair.ts';
import { type ProviderError, readProviderError } from '../provider-error.ts';
import type { Wire } from '../wires.ts';
import { anthropicClient } from './messages-client.ts';

/*
 * Anthropic's counter: { model, messages, system?, tools?, … } → { input_tokens }. A call of it is never refused for what
 * its provider cannot be told: that is left out, and not counted.
 */

type Body = Readonly<Record<string, unknown>>;

/** How the tokens of a request are counted where its model is not Anthropic's. */
interface Counter {
  readonly wire: string;
  /** The body for the provider. */
  writeRequest(
    bytes: Buffer,
    model: string,
    profile: Parameters<Pair['writeRequest']>[3],
  ): ReturnType<Pair['writeRequest']>;
  /** Null when the body is no answer of this API. */
  readTokens(body: Body): number | null;
  readError(body: unknown): ProviderError | null;
}

/** A provider that counts requests of its own API. */
function counterOf(
  wire: string,
  provider: ProviderHalf,
  api: { readonly wrap: (request: Body, model: string) => Body; readonly tokensOf: (body: Body) => unknown },
): Counter {
  const pair = pairOf(anthropicClient, provider);
  return {
    wire,
    writeRequest: (bytes, model, profile) => {
      const { body, dropped } = pair.writeRequest(bytes, model, 'drop', profile);
      const request = parseRecord(body.toString('utf8')) ?? {};
      return { body: Buffer.from(JSON.stringify(api.wrap(request, model))), dropped };
    },
    readTokens: (body) => numberOf(api.tokensOf(body)),
    readError: (body) => provider.readError(body),
  };
}

/** ai.google.dev/api/tokens: { generateContentRequest: { model, contents, … } } → { totalTokens }. */
const gemini = counterOf('gemini-count-tokens', geminiProvider, {
  wrap: (request, model) => ({ generateContentRequest: { model: `models/${model}`, ...request } }),
  tokensOf: ({ totalTokens }) => totalTokens,
});

/** docs.aws.amazon.com/bedrock, API_runtime_CountTokens: { input: { converse } } → { inputTokens }. */
const bedrock = counterOf('bedrock-count-tokens', bedrockProvider, {
  wrap: ({ messages, system, toolConfig, additionalModelRequestFields }) => ({
    input: { converse: { messages, system, toolConfig, additionalModelRequestFields } },
  }),
  tokensOf: ({ inputTokens }) => inputTokens,
});

/** No provider is asked: the body for it is the answer. */
const estimate: Counter = {
  wire: 'token-estimate',
  writeRequest: (bytes) => ({
    body: Buffer.from(
      JSON.stringify({ input_tokens: estimateTokens(parseRecord(bytes.toString('utf8')) ?? {}) }),
    ),
    dropped: [],
  }),
  readTokens: ({ input_tokens: tokens }) => numberOf(tokens),
  readError: (body) => readProviderError(record(body)?.error),
};

/** What an image or a document amounts to. Tokens; docs.claude.com, "Vision": about 1,600 for the largest image. */
const mediaTokens = 1600;

/** About how many tokens the model reads. */
function estimateTokens({ system, messages, tools }: Body): number {
  let media = 0;
  const text = JSON.stringify([system, messages, tools], (_name, value: unknown) => {
    const type = record(value)?.type;
    if (type !== 'image' && type !== 'document') return value;
    media += 1;
    return undefined;
  });
  const { ascii, other } = splitByDensity(Buffer.byteLength(text), text.length);
  const counts = { inputAscii: ascii, inputOther: other, outputAscii: 0, outputOther: 0 };
  return estimateUsage(counts).inputTokens + media * mediaTokens;
}

function countTokensPair(counter: Counter): Pair {
  const written = (bytes: Buffer): Body => {
    const tokens = counter.readTokens(parseRecord(bytes.toString('utf8')) ?? {});
    if (tokens !== null) return { input_tokens: tokens };
    throw new LoomError('upstream_failed', 'the answer has no count of tokens', {
      reason: 'malformed_answer',
    });
  };
  return {
    ...{ dialect: 'anthropic-count-tokens', wire: counter.wire },
    writeRequest: (bytes, model, _policy, profile) => counter.writeRequest(bytes, model, profile),
    writeAnswer: (bytes) => Buffer.from(JSON.stringify(written(bytes))),
    writeAnswerAsStream: (bytes) => JSON.stringify(written(bytes)), // counts have no streams
    assemble: (bytes) => {
      const tokens = counter.readTokens(parseRecord(bytes.toString('utf8')) ?? {});
      return tokens === null ? null : { input_tokens: tokens };
    },
    translateStream: () => ({
      ...{ push: () => '', end: () => '', error: null, ended: false },
      facts: () => toFacts(newFacts()),
    }),
  };
}

/** How their answers are read for the record. What was only counted was not used. */
function countTokensWire(counter: Counter): Wire {
  return {
    ...{ name: counter.wire, framing: 'sse' },
    readFacts: (bytes) => {
      const body = parseRecord(bytes.toString('utf8'));
      const facts = newFacts();
      const isCount = body !== null && counter.readTokens(body) !== null;
      facts.error = isCount ? null : counter.readError(body);
      facts.ended = isCount || facts.error !== null;
      return toFacts(facts);
    },
    ...{ readTailUsage: () => null, answerText: () => '' },
    assemble: (bytes) => parseRecord(bytes.toString('utf8')),
  };
}

const counters = [gemini, bedrock, estimate];
export const countTokensPairs: readonly Pair[] = counters.map(countTokensPair);
export const countTokensWires: readonly Wire[] = counters.map(countTokensWire);
