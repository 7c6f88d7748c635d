import type { Usage } from '@loom/trace-schema';
import { type AnswerFacts, newFacts, toFacts } from '../answer-facts.ts';
import { isStream } from '../answer-form.ts';
import { count, isRecordList, parseRecord, record, records, text } from '../json-values.ts';
import type { WireEvent } from '../neutral/halves.ts';
import { sseData } from '../sse.ts';
import { factsOfStream, type StreamFacts } from '../stream-facts.ts';
import { readGeminiError } from './gemini-provider.ts';
import { readGeminiTier, readGeminiUsage } from './gemini-usage.ts';

type Json = Readonly<Record<string, unknown>>;

/* Grammar of answers and their streams: gemini-provider.ts. */

/**
 * Reads the facts of an answer of the Gemini API, whole or as a stream. A finish reason is a fact and no error: callers of
 * this API act on it themselves. Malformed events are passed over.
 */
export function readGeminiFacts(bytes: Buffer, stream: boolean): AnswerFacts {
  if (stream) return factsOfStream(bytes, new GeminiFacts());
  const facts = new GeminiFacts();
  const body = bytes.toString('utf8');
  const list = parseList(body);
  for (const answer of list ?? [parseRecord(body)]) if (answer) facts.take(answer);
  const isWhole = list === null && isRecordList(parseRecord(body)?.candidates);
  const read = facts.facts();
  return isWhole ? { ...read, ended: true, usageIsPartial: false } : read;
}

// Google sends some errors in a list of one.
function parseList(body: string): Json[] | null {
  try {
    const value: unknown = JSON.parse(body);
    return Array.isArray(value) ? records(value) : null;
  } catch {
    return null;
  }
}

/** Facts of a stream of the Gemini API. Each of its events may hold some. */
export class GeminiFacts implements StreamFacts {
  readonly #facts = newFacts();
  /** Searches for grounding, which have a fee and are in no usage. */
  #queries = 0;
  /** The last usage that was reported. */
  #usage: unknown = null;

  mayHold(): boolean {
    return true;
  }

  push({ data }: WireEvent): void {
    const chunk = parseRecord(data);
    if (chunk) this.take(chunk);
  }

  /** Reads one event, or a whole answer. */
  take(chunk: Json): void {
    const facts = this.#facts;
    facts.error ??= readGeminiError(chunk);
    facts.ended ||= facts.error !== null;
    facts.responseId ??= text(chunk.responseId);
    facts.responseModel ??= text(chunk.modelVersion);
    const blocked = text(record(chunk.promptFeedback)?.blockReason);
    if (blocked !== null) this.#finish(blocked);
    for (const candidate of records(chunk.candidates)) {
      const reason = text(candidate.finishReason);
      if (reason !== null) this.#finish(reason);
      const queries = record(candidate.groundingMetadata)?.webSearchQueries;
      if (Array.isArray(queries)) this.#queries = queries.length;
    }
    if (record(chunk.usageMetadata)) this.#usage = chunk.usageMetadata;
    facts.serviceTier = readGeminiTier(chunk.usageMetadata) ?? facts.serviceTier;
  }

  facts(): AnswerFacts {
    const usage: Usage | null = readGeminiUsage(this.#usage, this.#queries);
    const isWritten = count(record(this.#usage)?.candidatesTokenCount) > 0;
    const usageIsPartial = usage !== null && !isWritten && !this.#facts.ended;
    return { ...toFacts(this.#facts), usage, usageIsPartial };
  }

  #finish(reason: string): void {
    this.#facts.finishReasons.add(reason);
    this.#facts.ended = true;
  }
}

/**
 * The answer as one body: one that is whole as it is, a stream put together. Texts that follow each other become one;
 * of every other member the last one counts. Null when there is none.
 */
export function assembleGemini(bytes: Buffer, stream: boolean): Json | null {
  if (!isStream(bytes, 'sse', stream)) return parseRecord(bytes.toString('utf8'));
  let answer = null as Json | null;
  const candidates: Json[] = [];
  for (const data of sseData(bytes)) {
    const chunk = parseRecord(data);
    if (!chunk) continue;
    answer = { ...answer, ...chunk };
    for (const candidate of records(chunk.candidates)) {
      const index = count(candidate.index);
      if (index < candidatesMax) candidates[index] = joined(candidates[index], candidate);
    }
  }
  const told = candidates.filter(Boolean);
  return answer && told.length > 0 ? { ...answer, candidates: told } : answer;
}

const candidatesMax = 64;

function joined(before: Json | undefined, next: Json): Json {
  const parts = [...records(record(before?.content)?.parts)];
  for (const part of records(record(next.content)?.parts)) {
    const last = parts.at(-1);
    const follows =
      last !== undefined && isPlainText(last) && isPlainText(part) && last.thought === part.thought;
    if (follows && !('thoughtSignature' in last))
      parts[parts.length - 1] = {
        ...last,
        ...part,
        text: `${text(last.text) ?? ''}${text(part.text) ?? ''}`,
      };
    else parts.push(part);
  }
  const role = text(record(next.content)?.role) ?? text(record(before?.content)?.role) ?? 'model';
  return { ...before, ...next, content: { parts, role } };
}

function isPlainText(part: Json): boolean {
  return typeof part.text === 'string' && Object.keys(part).every((name) => textMembers.has(name));
}

const textMembers = new Set(['text', 'thought', 'thoughtSignature']);

/** A whole answer as the stream that it would have been. */
export function geminiAsStream(body: Json): string {
  return geminiEvent(body);
}

/** An event as Google's servers write it. */
export function geminiEvent(value: object): string {
  return `data: ${JSON.stringify(value)}\r\n\r\n`;
}
