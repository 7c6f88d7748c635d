import { LoomError } from '@loom/errors';
import type { Usage } from '@loom/trace-schema';
import { type AnswerFacts, newFacts, toFacts } from '../answer-facts.ts';
import { type ProviderError, readProviderError } from '../provider-error.ts';
import { GeminiFacts } from '../gemini/gemini-answer.ts';
import { camelMembers, itemsOf } from '../gemini/gemini-members.ts';
import { count, numberOf, parseRecord, record, records, text } from '../json-values.ts';
import type { AnswerContext } from '../neutral/halves.ts';
import { invalidMember, mustList, mustRecord, mustText } from '../neutral/request-builder.ts';
import { type Pair, unsupported, type UnsupportedPolicy } from '../pair.ts';
import type { Wire } from '../wires.ts';

/*
 * OpenAI, as the caller and as the provider:
 *         { model, input: text | text[] | token[] | token[][], dimensions?, encoding_format?: float | base64, user? }
 *         → { object: list, data: { object: embedding, index, embedding: number[] | base64 of float32 }[], model, usage }
 */

/** One provider's API for embeddings. */
interface EmbeddingsProvider {
  readonly wire: string;
  writeRequest(request: EmbeddingsRequest): Readonly<Record<string, unknown>>;
  /** Null when the body is no answer of this API. */
  readAnswer(body: Readonly<Record<string, unknown>>): Embedded | null;
  readError(body: Readonly<Record<string, unknown>> | null): ProviderError | null;
}

interface EmbeddingsRequest {
  readonly model: string;
  readonly texts: readonly string[];
  readonly dimensions: number | null;
  /** `input_type` of Cohere; null: documents. */
  readonly inputType: string | null;
}

interface Embedded {
  readonly vectors: readonly (readonly number[])[];
  readonly usage: Usage | null;
}

/*
 * Gemini, `models/<model>:batchEmbedContents`:
 *   { requests: { model: models/<model>, content: { parts: { text }[] }, outputDimensionality? }[] }
 *   → { embeddings: { values }[], usageMetadata?: { promptTokenCount } }           older models tell no usage
 * `:embedContent` has one of the requests as its body, and answers { embedding: { values }, usageMetadata? }.
 */
const gemini: EmbeddingsProvider = {
  wire: 'gemini-embeddings',
  writeRequest: ({ model, texts, dimensions }) => ({
    requests: texts.map((input) => ({
      ...{ model: `models/${model}`, content: { parts: [{ text: input }] } },
      ...(dimensions === null ? {} : { outputDimensionality: dimensions }),
    })),
  }),
  readAnswer: ({ embeddings, embedding, usageMetadata }) => {
    const all = Array.isArray(embeddings) ? records(embeddings) : records([embedding]);
    if (!Array.isArray(embeddings) && all.length === 0) return null;
    return { vectors: all.map(({ values }) => numbers(values)), usage: geminiUsage(usageMetadata) };
  },
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
  writeRequest: ({ model, texts, dimensions, inputType }) => ({
    ...{ model, texts, input_type: inputType ?? 'search_document', embedding_types: ['float'] },
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

const openAi: EmbeddingsProvider = {
  wire: 'openai-embeddings',
  writeRequest: ({ model, texts, dimensions }) => ({
    ...{ model, input: texts, encoding_format: 'float' },
    ...(dimensions === null ? {} : { dimensions }),
  }),
  readAnswer: ({ data, usage }) =>
    Array.isArray(data)
      ? {
          vectors: records(data).map(({ embedding }) => numbers(embedding)),
          usage: record(usage) ? inputUsage(count(record(usage)?.prompt_tokens)) : null,
        }
      : null,
  readError: (body) => readProviderError(body?.error),
};

/** A dialect in which callers have texts embedded. */
interface EmbeddingsCaller {
  readonly dialect: string;
  /** `dropped`: paths of what only hints. */
  readRequest(
    body: Body,
    policy: UnsupportedPolicy,
    wire: string,
  ): Omit<EmbeddingsRequest, 'model'> & { readonly dropped: readonly string[] };
  writeAnswer(embedded: Embedded, context: AnswerContext): Body;
}

type Body = Readonly<Record<string, unknown>>;

const openAiCaller: EmbeddingsCaller = {
  dialect: 'openai-embeddings',
  readRequest: (body, policy, wire) => ({
    ...{
      texts: textsOf(body.input),
      dimensions: numberOf(body.dimensions),
      inputType: text(body.input_type),
    },
    dropped: unknownMembers(body, wire, policy),
  }),
  writeAnswer: ({ vectors, usage }, context) => {
    const isBase64 = parseRecord(context.bytes.toString('utf8'))?.encoding_format === 'base64';
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
  },
};

/** ai.google.dev/api/embeddings, TaskType: by the `input_type` of Cohere that means the same. */
const inputTypes: Readonly<Record<string, string>> = {
  RETRIEVAL_QUERY: 'search_query',
  RETRIEVAL_DOCUMENT: 'search_document',
  CLASSIFICATION: 'classification',
  CLUSTERING: 'clustering',
};

const geminiCaller: EmbeddingsCaller = {
  dialect: 'gemini-embeddings',
  readRequest: (body, _policy, wire) => {
    const isOne = isOneEmbedding(body);
    const at = (index: number) => (isOne ? '' : `requests[${index}].`);
    const items = (isOne ? [body] : mustList(body.requests, 'requests')).map((item, index) =>
      camelMembers(mustRecord(item, `requests[${index}]`)),
    );
    if (items.length === 0) throw invalidMember('requests', 'at least one request');
    const [first = {}] = items;
    const inputType = inputTypes[text(first.taskType) ?? ''] ?? null;
    const takesType = wire === cohere.wire && inputType !== null;
    const hints = (takesType ? ['title'] : ['taskType', 'title']).filter((name) =>
      items.some((item) => name in item),
    );
    return {
      texts: items.map(({ content }, index) => contentText(content, `${at(index)}content`)),
      dimensions: numberOf(first.outputDimensionality),
      inputType,
      dropped: hints.map((name) => at(items.findIndex((item) => name in item)) + name),
    };
  },
  writeAnswer: ({ vectors, usage }, { bytes }) => ({
    ...(isOneEmbedding(parseRecord(bytes.toString('utf8')) ?? {})
      ? { embedding: { values: vectors[0] ?? [] } }
      : { embeddings: vectors.map((values) => ({ values })) }),
    ...(usage ? { usageMetadata: { promptTokenCount: usage.inputTokens } } : {}),
  }),
};

function isOneEmbedding({ content, requests }: Body): boolean {
  return requests === undefined && content !== undefined;
}

function contentText(value: unknown, path: string): string {
  const parts = itemsOf(camelMembers(mustRecord(value, path)).parts);
  if (parts.length === 0) throw invalidMember(`${path}.parts`, 'at least one part with text');
  const texts = parts.map((part, index) => mustText(record(part)?.text, `${path}.parts[${index}].text`));
  return texts.join('\n');
}

const known = new Set(['model', 'input', 'dimensions', 'encoding_format', 'user', 'input_type']);

function embeddingsPair(caller: EmbeddingsCaller, provider: EmbeddingsProvider): Pair {
  const assemble = (bytes: Buffer, context: AnswerContext): Body | null => {
    const embedded = provider.readAnswer(parseRecord(bytes.toString('utf8')) ?? {});
    return embedded && caller.writeAnswer(embedded, context);
  };
  const written = (bytes: Buffer, context: AnswerContext): string => {
    const answer = assemble(bytes, context);
    if (answer) return JSON.stringify(answer);
    throw new LoomError('upstream_failed', 'the answer has no embeddings', { reason: 'malformed_answer' });
  };
  return {
    ...{ dialect: caller.dialect, wire: provider.wire },
    writeRequest: (bytes, model, policy) => {
      const body = parseRecord(bytes.toString('utf8')) ?? {};
      const { dropped, ...request } = caller.readRequest(body, policy, provider.wire);
      return { body: Buffer.from(JSON.stringify(provider.writeRequest({ model, ...request }))), dropped };
    },
    writeAnswer: (bytes, context) => Buffer.from(written(bytes, context)),
    writeAnswerAsStream: (bytes, context) => written(bytes, context), // embeddings have no streams
    assemble: (bytes, _stream, context) => assemble(bytes, context),
    // Embeddings have no streams.
    translateStream: () => ({
      ...{ push: () => '', end: () => '', error: null, ended: false },
      facts: () => toFacts(newFacts()),
    }),
  };
}

function unknownMembers(body: Body, wire: string, policy: UnsupportedPolicy): string[] {
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
    streamFacts: () => new GeminiFacts(), // embeddings have no streams
    ...{ readTailUsage: () => null, answerText: () => '' },
    assemble: (bytes) => parseRecord(bytes.toString('utf8')),
  };
}

export const embeddingsPairs: readonly Pair[] = [openAiCaller, geminiCaller].flatMap((caller) =>
  [openAi, gemini, cohere]
    .filter(({ wire }) => wire !== caller.dialect)
    .map((provider) => embeddingsPair(caller, provider)),
);
export const embeddingsWires: readonly Wire[] = [gemini, cohere].map(embeddingsWire);
