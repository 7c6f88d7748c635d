import type { Usage } from '@loom/trace-schema';
import {
  assembleMessage,
  MessagesFacts,
  messageText,
  readMessagesFacts,
} from './anthropic-messages/messages-answer.ts';
import { countTokensWires } from './count-tokens/count-tokens-pairs.ts';
import type { AnswerFacts } from './answer-facts.ts';
import { isStream } from './answer-form.ts';
import { bedrockProvider } from './bedrock/converse-provider.ts';
import { chatAsStream, completionAsStream, messageAsStream, responseAsStream } from './body-as-stream.ts';
import { cohereProvider } from './cohere/cohere-provider.ts';
import { assembleGemini, geminiAsStream, GeminiFacts, readGeminiFacts } from './gemini/gemini-answer.ts';
import { geminiProvider } from './gemini/gemini-provider.ts';
import { readGeminiUsage } from './gemini/gemini-usage.ts';
import { framingOf } from './framing.ts';
import { parseRecord } from './json-values.ts';
import type { WireEvent } from './neutral/halves.ts';
import { neutralWire } from './neutral-wire.ts';
import {
  answerText,
  assembleAnswer,
  ChatFacts,
  readAnswerFacts,
  readTailUsage,
} from './openai-chat/chat-answer.ts';
import { readChatUsage } from './openai-chat/chat-usage.ts';
import { readMessagesUsage } from './anthropic-messages/messages-usage.ts';
import { readResponsesUsage } from './openai-responses/responses-usage.ts';
import { assembleCompletion, completionText } from './openai-completions/completions-answer.ts';
import { embeddingsWires } from './openai-embeddings/embeddings-pairs.ts';
import { readEmbeddingsFacts } from './openai-embeddings/embeddings-answer.ts';
import {
  assembleResponse,
  readResponsesFacts,
  ResponsesFacts,
  responseText,
} from './openai-responses/responses-answer.ts';
import type { StreamFacts } from './stream-facts.ts';

/**
 * How the answers of one API are read for the record. Pure; of broken bytes they read what can be read. Whether bytes are
 * a stream is decided by the bytes; `stream` is what was expected, and counts only where they do not say.
 */
export interface Wire {
  readonly name: string;
  /** How a stream is framed. */
  readonly framing: 'sse' | 'eventstream';
  readFacts(bytes: Buffer, stream: boolean): AnswerFacts;
  /** Reads a stream as it comes. Only of APIs that callers speak: of others the translation knows what its events say. */
  streamFacts?(): StreamFacts;
  /** The usage at the end of a JSON answer of which only the last bytes are there. */
  readTailUsage(tail: Buffer): Usage | null;
  /** What the model said, as plain text; '' when there is nothing to read. */
  answerText(bytes: Buffer, stream: boolean): string;
  /** The answer as one body in the API's own shape, or null when there is none. */
  assemble(bytes: Buffer, stream: boolean): Readonly<Record<string, unknown>> | null;
  /** A JSON answer as the stream that it would have been. Only of APIs that callers speak and that have streams. */
  bodyAsStream?(body: Readonly<Record<string, unknown>>, includeUsage: boolean): string;
}

const bodyOf = (bytes: Buffer) => parseRecord(bytes.toString('utf8'));
const chatTail = (tail: Buffer) => readTailUsage(tail, readChatUsage);
const messagesTail = (tail: Buffer) => readTailUsage(tail, readMessagesUsage);

const readers: readonly Wire[] = [
  {
    ...{ name: 'openai-chat', framing: 'sse', readFacts: readAnswerFacts, readTailUsage: chatTail },
    ...{ streamFacts: () => new ChatFacts(), answerText, assemble: assembleAnswer },
    bodyAsStream: chatAsStream,
  },
  {
    ...{ name: 'openai-responses', framing: 'sse', readFacts: readResponsesFacts },
    ...{ streamFacts: () => new ResponsesFacts(), bodyAsStream: responseAsStream },
    readTailUsage: (tail) => readTailUsage(tail, readResponsesUsage),
    ...{ answerText: responseText, assemble: assembleResponse },
  },
  {
    ...{ name: 'openai-embeddings', framing: 'sse', readFacts: readEmbeddingsFacts, readTailUsage: chatTail },
    ...{ streamFacts: () => new ChatFacts(), answerText: () => '', assemble: bodyOf },
  },
  {
    ...{ name: 'openai-completions', framing: 'sse', readFacts: readAnswerFacts, readTailUsage: chatTail },
    ...{ streamFacts: () => new ChatFacts(), bodyAsStream: completionAsStream },
    ...{ answerText: completionText, assemble: assembleCompletion },
  },
  {
    ...{ name: 'anthropic-messages', framing: 'sse', readFacts: readMessagesFacts },
    ...{ streamFacts: () => new MessagesFacts(), bodyAsStream: messageAsStream },
    ...{ readTailUsage: messagesTail, answerText: messageText, assemble: assembleMessage },
  },
  {
    ...{ name: 'anthropic-count-tokens', framing: 'sse', readFacts: readMessagesFacts },
    ...{ streamFacts: () => new MessagesFacts(), readTailUsage: () => null },
    ...{ answerText: () => '', assemble: bodyOf },
  },
  {
    ...{ ...neutralWire(geminiProvider), readFacts: readGeminiFacts, streamFacts: () => new GeminiFacts() },
    readTailUsage: (tail) => readTailUsage(tail, (value) => readGeminiUsage(value, 0), 'usageMetadata'),
    ...{ assemble: assembleGemini, bodyAsStream: geminiAsStream },
  },
  neutralWire(bedrockProvider),
  neutralWire(cohereProvider),
  ...embeddingsWires,
  ...countTokensWires,
];

/** The APIs whose answers Loom reads: what a provider is asked by, whoever asked. */
export const wires: readonly Wire[] = readers.map((wire) => ({
  ...wire,
  readFacts: (bytes, stream) => wire.readFacts(bytes, isStream(bytes, wire.framing, stream)),
  answerText: (bytes, stream) => wire.answerText(bytes, isStream(bytes, wire.framing, stream)),
  assemble: (bytes, stream) => wire.assemble(bytes, isStream(bytes, wire.framing, stream)),
}));

const byName = new Map(wires.map((wire) => [wire.name, wire]));

/** The API of this name. Throws for one that Loom does not read. */
export function wireOf(name: string): Wire {
  const wire = byName.get(name);
  if (!wire) throw new Error(`no reader for answers of ${name}`);
  return wire;
}

/** Reads a stream of this API as it comes. Throws for an API that no caller speaks. */
export function streamFactsOf(wire: Wire): StreamFacts {
  const facts = wire.streamFacts?.();
  if (!facts) throw new Error(`streams of ${wire.name} are read where they are translated`);
  return facts;
}

/** The framed events of a stream that is all there, by the name of its API; none for an API that is not known here. */
export function readStreamEvents(wire: string, bytes: Buffer): WireEvent[] {
  const known = byName.get(wire);
  if (!known) return [];
  const framing = framingOf(known.framing);
  return [...framing.push(bytes), ...framing.end()];
}

/** What the model said, by the name of the API that the bytes are of; '' for an API that is not known here. */
export function answerTextOf(wire: string, bytes: Buffer, stream: boolean): string {
  return byName.get(wire)?.answerText(bytes, stream) ?? '';
}
