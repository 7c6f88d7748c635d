import { LoomError } from '@loom/errors';
import { type ProviderError, readProviderError } from '../provider-error.ts';
import { parseArguments, eventObject, numberOf, record, records, text } from '../json-values.ts';
import type { ProviderHalf, StreamReader, WireEvent } from '../neutral/halves.ts';
import type {
  NeutralBlockHead,
  NeutralEvent,
  NeutralFinish,
  NeutralLogprob,
} from '../neutral/neutral-answer.ts';
import { features } from '../neutral/neutral-request.ts';
import { writeGeminiRequest } from './gemini-request.ts';
import { readGeminiTier, readGeminiUsage } from './gemini-usage.ts';
import { PartialCall } from './partial-call.ts';

/*
 * An answer of the Gemini API; a stream (`alt=sse`) is a row of them, each with the next parts, the last with a reason:
 *
 *   { candidates: [{ content: { parts: part[] }, finishReason?, groundingMetadata?, logprobsResult? }],
 *     promptFeedback?: { blockReason }, usageMetadata, modelVersion, responseId }
 *   part: { text, thought?, thoughtSignature? } | { functionCall: { id?, name, args } } | { inlineData: { mimeType, data } }
 *       | { fileData: { mimeType, fileUri } } | { executableCode: { language, code } } | { codeExecutionResult: { outcome, output } }
 *   usageMetadata: gemini-usage.ts
 */

const finishes: Readonly<Record<string, NeutralFinish>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  SAFETY: 'content-filter',
  RECITATION: 'content-filter',
  BLOCKLIST: 'content-filter',
  PROHIBITED_CONTENT: 'content-filter',
  SPII: 'content-filter',
  IMAGE_SAFETY: 'content-filter',
};

/** The model tried to call a tool and failed: there is no answer. */
const brokenCalls = new Set(['MALFORMED_FUNCTION_CALL', 'UNEXPECTED_TOOL_CALL', 'TOO_MANY_TOOL_CALLS']);

const lacks = new Set(['logit_bias', 'n', 'parallel_tool_calls', 'cache_control']);
const lacksToo = new Set(['end_user', 'metadata', 'service_tier']);

/** Models of Google, by the Gemini API and by Vertex AI. */
export const geminiProvider: ProviderHalf = {
  wire: 'gemini-generate-content',
  framing: 'sse',
  carries: new Set(features.filter((feature) => !lacks.has(feature) && !lacksToo.has(feature))),
  writeRequest: writeGeminiRequest,
  readAnswer: (body) => {
    const answer = record(body);
    if (!answer || !(Array.isArray(answer.candidates) || record(answer.promptFeedback)))
      throw new LoomError('upstream_failed', 'the answer has no "candidates"', {
        reason: 'malformed_answer',
      });
    const reader = new GeminiStreamReader();
    return [...reader.take(answer), ...reader.end()];
  },
  streamReader: () => new GeminiStreamReader(),
  readError: readGeminiError,
};

/** The error of an answer, or of an event of a stream; null where it is none. Google sends some in a list of one. */
export function readGeminiError(body: unknown): ProviderError | null {
  const found = Array.isArray(body) ? record(body[0]) : record(body);
  return readProviderError(found?.error);
}

/** Parts that other APIs have no form for, as the text that a reader makes of them. */
function shownAsText(part: Readonly<Record<string, unknown>>): string | null {
  const code = record(part.executableCode);
  if (code) return `\n\`\`\`${(text(code.language) ?? '').toLowerCase()}\n${text(code.code) ?? ''}\n\`\`\`\n`;
  const result = record(part.codeExecutionResult);
  if (result) return `\n\`\`\`\n${text(result.output) ?? text(result.outcome) ?? ''}\n\`\`\`\n`;
  const inline = record(part.inlineData);
  const data = inline && `data:${text(inline.mimeType) ?? ''};base64,${text(inline.data) ?? ''}`;
  const file = inline ? { mimeType: inline.mimeType, fileUri: data } : record(part.fileData);
  if (file) return `\n[${text(file.mimeType) ?? 'file'}](${text(file.fileUri) ?? ''})\n`;
  const unknown = Object.entries(part).filter(([name]) => !marks.has(name));
  return unknown.length > 0 ? `\n\`\`\`json\n${JSON.stringify(Object.fromEntries(unknown))}\n\`\`\`\n` : null;
}

/** Members of a part that say something of it; any other is what it holds. */
const marks = new Set([
  'text',
  'thought',
  'thoughtSignature',
  'partMetadata',
  'mediaResolution',
  'videoMetadata',
]);

class GeminiStreamReader implements StreamReader {
  #isStarted = false;
  #blocks = 0;
  #calls = 0;
  #responseId = '';
  #current: { readonly index: number; readonly kind: 'text' | 'reasoning' } | null = null;
  #signature: string | null = null;
  #partial: PartialCall | null = null;
  #isFinished = false;
  /** Searches for grounding, which have a fee and are in no usage. */
  #queries = 0;

  push({ data }: WireEvent): NeutralEvent[] {
    const chunk = eventObject(data);
    return chunk ? this.take(chunk) : [];
  }

  end(): NeutralEvent[] {
    return this.#isFinished ? [{ type: 'end' }] : [];
  }

  take(chunk: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const error = readGeminiError(chunk);
    if (error) return [{ type: 'error', error }];
    const events: NeutralEvent[] = [];
    if (!this.#isStarted) {
      this.#isStarted = true;
      this.#responseId = text(chunk.responseId) ?? '';
      events.push({ type: 'start', id: text(chunk.responseId), model: text(chunk.modelVersion) });
    }
    const [candidate] = records(chunk.candidates);
    for (const part of records(record(candidate?.content)?.parts)) events.push(...this.#part(part));
    events.push(
      ...this.#logprobs(candidate?.logprobsResult),
      ...this.#citations(candidate?.groundingMetadata),
    );
    const reason = text(candidate?.finishReason) ?? text(record(chunk.promptFeedback)?.blockReason);
    if (reason !== null && !this.#isFinished) events.push(...this.#finish(reason, candidate !== undefined));
    const queries = record(candidate?.groundingMetadata)?.webSearchQueries;
    if (Array.isArray(queries)) this.#queries = queries.length;
    const usage = readGeminiUsage(chunk.usageMetadata, this.#queries);
    if (usage) events.push({ type: 'usage', usage, serviceTier: readGeminiTier(chunk.usageMetadata) });
    return events;
  }

  #part(part: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const call = record(part.functionCall);
    const signature = text(part.thoughtSignature);
    if (call) return this.#callOrPiece(call, signature);
    const isThought = part.thought === true;
    // The signature of a text belongs to the text: with another block it would prove nothing.
    if (isThought && signature !== null) this.#signature = signature;
    const media = record(part.inlineData);
    const mediaType = text(media?.mimeType) ?? '';
    if (media && /^(?:image|audio)\//.test(mediaType))
      return this.#media(mediaType, text(media.data) ?? '', isThought);
    const said = text(part.text) ?? shownAsText(part);
    return said === null ? [] : this.#say(isThought ? 'reasoning' : 'text', said);
  }

  // Images that the model makes while it thinks are no part of its answer.
  #media(mediaType: string, data: string, isThought: boolean): NeutralEvent[] {
    if (isThought) return [];
    const events = this.#close();
    const index = this.#blocks++;
    const block: NeutralBlockHead = mediaType.startsWith('audio/')
      ? { type: 'audio', data, format: mediaType.slice('audio/'.length).replace(/^x-/, '') }
      : { type: 'image', source: { type: 'data', mediaType, data } };
    return [...events, { type: 'block-start', index, block }, { type: 'block-end', index }];
  }

  #callOrPiece(call: Readonly<Record<string, unknown>>, signature: string | null): NeutralEvent[] {
    const name = text(call.name);
    if (call.willContinue === true && name !== null) {
      this.#partial = new PartialCall(name, signature);
      return [];
    }
    if (!this.#partial) return this.#call(call, signature);
    this.#partial.take(call.partialArgs);
    if (call.willContinue === true) return [];
    const whole = this.#partial;
    this.#partial = null;
    return this.#call(
      { name: whole.name, args: parseArguments(whole.arguments) },
      whole.signature ?? signature,
    );
  }

  // Calls come whole. Some have no id: they get one of the answer's, if that has one.
  #call(call: Readonly<Record<string, unknown>>, signature: string | null): NeutralEvent[] {
    const id = text(call.id) ?? (this.#responseId === '' ? '' : `call_${this.#responseId}_${this.#calls}`);
    this.#calls += 1;
    const events = this.#close();
    const index = this.#blocks++;
    const head = { type: 'tool-call' as const, id, name: text(call.name) ?? '' };
    return [
      ...events,
      { type: 'block-start', index, block: head },
      { type: 'block-delta', index, text: JSON.stringify(call.args ?? {}) },
      { type: 'block-end', index, signature },
    ];
  }

  #say(kind: 'text' | 'reasoning', said: string): NeutralEvent[] {
    const delta = (index: number): NeutralEvent => ({ type: 'block-delta', index, text: said });
    if (this.#current?.kind === kind) return [delta(this.#current.index)];
    const events = this.#close();
    const index = this.#blocks++;
    this.#current = { index, kind };
    return [...events, { type: 'block-start', index, block: { type: kind } }, delta(index)];
  }

  #close(): NeutralEvent[] {
    const current = this.#current;
    this.#current = null;
    if (!current) return [];
    const signature = current.kind === 'reasoning' ? this.#signature : null;
    this.#signature = null;
    return [{ type: 'block-end', index: current.index, signature }];
  }

  #finish(said: string, hasCandidate: boolean): NeutralEvent[] {
    this.#isFinished = true;
    if (brokenCalls.has(said)) {
      const message = `the model ended its answer with ${said}`;
      return [...this.#close(), { type: 'error', error: { type: 'upstream_error', message, code: said } }];
    }
    const known = hasCandidate ? (finishes[said] ?? 'other') : 'content-filter';
    const reason = known === 'stop' && this.#calls > 0 ? 'tool-calls' : known;
    return [...this.#close(), { type: 'finish', reason, stopSequence: null, said }];
  }

  #citations(grounding: unknown): NeutralEvent[] {
    const index = this.#current?.index;
    if (index === undefined) return [];
    return records(record(grounding)?.groundingChunks).flatMap((chunk): NeutralEvent[] => {
      const web = record(chunk.web);
      if (!web) return [];
      return [
        { type: 'citation', index, citation: { url: text(web.uri), title: text(web.title), quote: null } },
      ];
    });
  }

  #logprobs(result: unknown): NeutralEvent[] {
    const index = this.#current?.index;
    const chosen = records(record(result)?.chosenCandidates);
    if (index === undefined || chosen.length === 0) return [];
    const one = (entry: Readonly<Record<string, unknown>>) => ({
      token: text(entry.token) ?? '',
      logprob: numberOf(entry.logProbability) ?? 0,
    });
    const tops = records(record(result)?.topCandidates);
    const logprobs = chosen.map((entry, at): NeutralLogprob => ({
      ...one(entry),
      top: records(tops[at]?.candidates).map(one),
    }));
    return [{ type: 'logprobs', index, logprobs }];
  }
}
