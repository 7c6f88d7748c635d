import { LoomError } from '@loom/errors';
import type { Usage } from '@loom/trace-schema';
import { type AnswerFacts, newFacts, toFacts } from '../answer-facts.ts';
import { type ProviderError, readProviderError } from '../provider-error.ts';
import { count, numberOf, parseRecord, record, records, text } from '../json-values.ts';
import type { AnswerContext } from '../neutral/halves.ts';
import { invalidMember, mustText } from '../neutral/request-builder.ts';
import { type Pair, unsupported, type UnsupportedPolicy } from '../pair.ts';
import type { Wire } from '../wires.ts';

/*
 * OpenAI: { model, input: text | text[] | token[] | token[][], dimensions?, encoding_format?: float | base64, user? }
 *         → { object: list, data: { object: embedding, index, embedding: number[] | base64 of float32 }[], model, usage }
 */

/** One provider's API for embeddings. */
interface EmbeddingsProvider {
  readonly wire: string;
  writeRequest(request: EmbeddingsRequest): Readonly<Record<string, unknown>>;
  /** Null when the body is no answer of this API. */
  readAnswer(
    body: Readonly<Record<string, unknown>>,
  ): { vectors: readonly (readonly number[])[]; usage: Usage | null } | null;
  readError(body: Readonly<Record<string, unknown>> | null): ProviderError | null;
}

interface EmbeddingsRequest {
  readonly model: string;
  readonly texts: readonly string[];
  readonly dimensions: number | null;
  readonly body: Readonly<Record<string, unknown>>;
}

/*
 * Gemini, `models/<model>:batchEmbedContents`:
 *   { requests: { model: models/<model>, content: { parts: { text }[] }, outputDimensionality? }[] }
 *   → { embeddings: { values }[], usageMetadata?: { promptTokenCount } }           older models tell no usage
 */
const gemini: EmbeddingsProvider = {
  wire: 'gemini-embeddings',
  writeRequest: ({ model, texts, dimensions }) => ({
    requests: texts.map((input) => ({
      ...{ model: `models/${model}`, content: { parts: [{ text: input }] } },
      ...(dimensions === null ? {} : { outputDimensionality: dimensions }),
    })),
  }),
  readAnswer: ({ embeddings, usageMetadata }) =>
    Array.isArray(embeddings)
      ? {
          vectors: records(embeddings).map(({ values }) => numbers(values)),
          usage: geminiUsage(usageMetadata),
        }
      : null,
  readError: (body) => readProviderError(body?.error),
};

/*
 * Cohere, version 2:
 *   { model, texts, input_type, embedding_types: [float], output_dimension? }
 *   → { id, embeddings: { float: number[][] }, meta: { billed_units: { input_tokens } } }
 *
 * `input_type` has no like in OpenAI's API: a caller may send Cohere's own member; else texts are taken for documents.
 */
const cohere: EmbeddingsProvider = {
  wire: 'cohere-embeddings',
  writeRequest: ({ model, texts, dimensions, body }) => ({
    ...{ model, texts, input_type: text(body.input_type) ?? 'search_document', embedding_types: ['float'] },
    ...(dimensions === null ? {} : { output_dimension: dimensions }),
  }),
  readAnswer: ({ embeddings, meta }) => {
    const vectors = record(embeddings)?.float;
    if (!Array.isArray(vectors)) return null;
    const tokens = record(record(meta)?.billed_units)?.input_tokens;
    return { vectors: vectors.map(numbers), usage: tokens === undefined ? null : inputUsage(count(tokens)) };
  },
  readError: (body) => (text(body?.message) === null ? null : readProviderError(body)),
};

const known = new Set(['model', 'input', 'dimensions', 'encoding_format', 'user', 'input_type']);

function embeddingsPair(provider: EmbeddingsProvider): Pair {
  return {
    ...{ dialect: 'openai-embeddings', wire: provider.wire },
    writeRequest: (bytes, model, policy) => {
      const body = parseRecord(bytes.toString('utf8')) ?? {};
      const dropped = unknownMembers(body, provider.wire, policy);
      const request = { model, texts: textsOf(body.input), dimensions: numberOf(body.dimensions), body };
      return { body: Buffer.from(JSON.stringify(provider.writeRequest(request))), dropped };
    },
    writeAnswer: (bytes, context) => Buffer.from(written(provider, bytes, context)),
    writeAnswerAsStream: (bytes, context) => written(provider, bytes, context), // embeddings have no streams
    assemble: (bytes, _stream, context) => assemble(provider, bytes, context),
    // Embeddings have no streams.
    translateStream: () => ({
      ...{ push: () => '', end: () => '', error: null, ended: false },
      facts: () => toFacts(newFacts()),
    }),
  };
}

function written(provider: EmbeddingsProvider, bytes: Buffer, context: AnswerContext): string {
  const answer = assemble(provider, bytes, context);
  if (answer) return JSON.stringify(answer);
  throw new LoomError('upstream_failed', 'the answer has no embeddings', { reason: 'malformed_answer' });
}

function unknownMembers(
  body: Readonly<Record<string, unknown>>,
  wire: string,
  policy: UnsupportedPolicy,
): string[] {
  const unknown = Object.keys(body).filter((name) => !known.has(name));
  const [first] = unknown;
  if (first === undefined || policy === 'drop') return unknown;
  throw unsupported(first, wire);
}

function textsOf(input: unknown): string[] {
  const texts = Array.isArray(input) ? input : [input];
  if (texts.length === 0) throw invalidMember('input', 'at least one text');
  return texts.map((item, index) => {
    if (typeof item !== 'string')
      throw new LoomError('unsupported', `"input[${index}]" must be a text: this provider takes no tokens`, {
        param: 'input',
        reason: 'unsupported_feature',
      });
    return mustText(item, `input[${index}]`);
  });
}

function assemble(
  provider: EmbeddingsProvider,
  bytes: Buffer,
  context: AnswerContext,
): Record<string, unknown> | null {
  const answer = provider.readAnswer(parseRecord(bytes.toString('utf8')) ?? {});
  if (!answer) return null;
  const isBase64 = parseRecord(context.bytes.toString('utf8'))?.encoding_format === 'base64';
  const { vectors, usage } = answer;
  const tokens = usage?.inputTokens ?? 0;
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({
      ...{ object: 'embedding', index },
      embedding: isBase64 ? Buffer.from(Float32Array.from(vector).buffer).toString('base64') : vector,
    })),
    model: context.requestModel,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  };
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : [];
}

function geminiUsage(value: unknown): Usage | null {
  const tokens = record(value)?.promptTokenCount;
  return tokens === undefined ? null : inputUsage(count(tokens));
}

function inputUsage(inputTokens: number): Usage {
  return {
    ...{ inputTokens, cacheReadInputTokens: 0, cacheWriteInputTokens: 0, inputAudioTokens: 0 },
    ...{ outputTokens: 0, reasoningOutputTokens: 0, outputAudioTokens: 0 },
  };
}

/** How their answers are read for the record. */
function embeddingsWire(provider: EmbeddingsProvider): Wire {
  return {
    ...{ name: provider.wire, framing: 'sse' },
    readFacts: (bytes): AnswerFacts => {
      const body = parseRecord(bytes.toString('utf8'));
      const answer = body && provider.readAnswer(body);
      const facts = newFacts();
      facts.usage = answer?.usage ?? null;
      facts.error = answer ? null : provider.readError(body);
      facts.ended = answer !== null || facts.error !== null;
      return toFacts(facts);
    },
    ...{ readTailUsage: () => null, answerText: () => '' },
    assemble: (bytes) => parseRecord(bytes.toString('utf8')),
  };
}

const providers = [gemini, cohere];
export const embeddingsPairs: readonly Pair[] = providers.map(embeddingsPair);
export const embeddingsWires: readonly Wire[] = providers.map(embeddingsWire);
