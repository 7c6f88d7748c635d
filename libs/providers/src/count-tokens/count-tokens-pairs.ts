import { LoomError } from '@loom/errors';
import { anthropicProvider } from '../anthropic-messages/messages-provider.ts';
import { newFacts, toFacts } from '../answer-facts.ts';
import { bedrockProvider } from '../bedrock/converse-provider.ts';
import { GeminiFacts } from '../gemini/gemini-answer.ts';
import { geminiProvider } from '../gemini/gemini-provider.ts';
import { numberOf, parseRecord, record } from '../json-values.ts';
import type { ProviderHalf } from '../neutral/halves.ts';
import { type Pair, pairOf } from '../pair.ts';
import { type ProviderError, readProviderError } from '../provider-error.ts';
import type { Wire } from '../wires.ts';
import { type CountCaller, countCallers } from './count-callers.ts';

/*
 * Counts of the tokens of a request. A call of one is never refused for what its provider cannot be told: that is left
 * out, and not counted.
 */

type Body = Readonly<Record<string, unknown>>;

/** How the tokens of a request are counted at a provider. */
interface Counter {
  readonly wire: string;
  /** The body for the provider. */
  writeRequest(
    caller: CountCaller,
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
  return {
    wire,
    writeRequest: (caller, bytes, model, profile) => {
      const pair = pairOf(caller.client, provider);
      const { body, dropped } = pair.writeRequest(caller.countedOf(bytes), model, 'drop', profile);
      const request = parseRecord(body.toString('utf8')) ?? {};
      return { body: Buffer.from(JSON.stringify(api.wrap(request, model))), dropped };
    },
    readTokens: (body) => numberOf(api.tokensOf(body)),
    readError: (body) => provider.readError(body),
  };
}

/** docs.claude.com/en/api/messages-count-tokens: the members that are counted → { input_tokens }. */
const anthropic = counterOf('anthropic-count-tokens', anthropicProvider, {
  wrap: ({ model, messages, system, tools, tool_choice, thinking, output_config }) => ({
    ...{ model, messages, system, tools, tool_choice, thinking, output_config },
  }),
  tokensOf: ({ input_tokens: tokens }) => tokens,
});

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
  writeRequest: (caller, bytes) => ({
    body: Buffer.from(JSON.stringify({ input_tokens: caller.estimate(bytes) })),
    dropped: [],
  }),
  readTokens: ({ input_tokens: tokens }) => numberOf(tokens),
  readError: (body) => readProviderError(record(body)?.error),
};

function countTokensPair(caller: CountCaller, counter: Counter): Pair {
  const written = (bytes: Buffer): Body => {
    const tokens = counter.readTokens(parseRecord(bytes.toString('utf8')) ?? {});
    if (tokens !== null) return caller.answerOf(tokens);
    throw new LoomError('upstream_failed', 'the answer has no count of tokens', {
      reason: 'malformed_answer',
    });
  };
  return {
    ...{ dialect: caller.dialect, wire: counter.wire },
    writeRequest: (bytes, model, _policy, profile) => counter.writeRequest(caller, bytes, model, profile),
    writeAnswer: (bytes) => Buffer.from(JSON.stringify(written(bytes))),
    writeAnswerAsStream: (bytes) => JSON.stringify(written(bytes)), // counts have no streams
    assemble: (bytes) => {
      const tokens = counter.readTokens(parseRecord(bytes.toString('utf8')) ?? {});
      return tokens === null ? null : caller.answerOf(tokens);
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
    streamFacts: () => new GeminiFacts(), // counts have no streams
    ...{ readTailUsage: () => null, answerText: () => '' },
    assemble: (bytes) => parseRecord(bytes.toString('utf8')),
  };
}

const counters = [anthropic, gemini, bedrock, estimate];
export const countTokensPairs: readonly Pair[] = countCallers.flatMap((caller) =>
  counters.filter(({ wire }) => wire !== caller.dialect).map((counter) => countTokensPair(caller, counter)),
);
export const countTokensWires: readonly Wire[] = [gemini, bedrock, estimate].map(countTokensWire);
