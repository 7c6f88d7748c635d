import { LoomError } from '@loom/errors';
import { readProviderError } from '../provider-error.ts';
import { eventObject, numberOf, record, records, text } from '../json-values.ts';
import type { ProviderHalf, StreamReader, WireEvent } from '../neutral/halves.ts';
import type {
  NeutralBlockHead,
  NeutralEvent,
  NeutralFinish,
  NeutralLogprob,
} from '../neutral/neutral-answer.ts';
import { features, type NeutralAudio, type NeutralImage } from '../neutral/neutral-request.ts';
import { readImages } from '../neutral/answer-images.ts';
import { chatHabitsOf } from './chat-habits.ts';
import { writeChatRequest } from './chat-provider-request.ts';
import { withUses } from '../usage-details.ts';
import { executedToolsOf, readUsageOfChat } from './chat-usage.ts';

const finishes: Readonly<Record<string, NeutralFinish>> = {
  stop: 'stop',
  length: 'length',
  tool_calls: 'tool-calls',
  function_call: 'tool-calls',
  content_filter: 'content-filter',
};

const lacks = new Set(['top_k', 'cache_control']);

/** Models behind the OpenAI chat API, for callers of another one. */
export const openAiChatProvider: ProviderHalf = {
  wire: 'openai-chat',
  framing: 'sse',
  carries: new Set(features.filter((feature) => !lacks.has(feature))),
  lacks: (_model, profile) => (profile ? chatHabitsOf(profile.kind).lacks : []),
  toolIds: (_model, profile) => (profile ? chatHabitsOf(profile.kind).toolIds : null),
  writeRequest: writeChatRequest,
  readAnswer,
  streamReader: () => new ChatStreamReader(),
  readError: (body) => readProviderError(record(body)?.error),
};

function readAnswer(body: unknown): NeutralEvent[] {
  const completion = record(body);
  const [choice] = records(completion?.choices);
  const message = record(choice?.message);
  if (!completion || !choice || !message)
    throw new LoomError('upstream_failed', 'the answer has no "choices"', { reason: 'malformed_answer' });
  const reader = new ChatStreamReader();
  return [...reader.take({ ...completion, choices: [{ ...choice, delta: message }] }), ...reader.end()];
}

/**
 * Chat streams name no blocks: a block is what comes without another kind between. Tool calls are told apart by index;
 * one that is spoken of again after another has begun (parallel calls in pieces) keeps its own block.
 */
class ChatStreamReader implements StreamReader {
  #blocks = 0;
  #isStarted = false;
  /** Of the answer, for calls that the provider gave none. */
  #id = '';
  #current: { readonly index: number; readonly kind: 'text' | 'reasoning' | 'refusal' } | null = null;
  readonly #calls = new Map<number, { readonly index: number; id: string }>();
  readonly #sound: Buffer[] = [];
  #signature: string | null = null;
  #encrypted: string | null = null;
  #isFinished = false;
  #isDone = false;
  /** Tools that ran at the provider, which its usage does not tell. */
  #tools: Readonly<Record<string, number>> = {};

  push({ data }: WireEvent): NeutralEvent[] {
    if (data.startsWith('[DONE]')) {
      this.#isDone = true;
      return [];
    }
    const chunk = eventObject(data);
    return chunk ? this.take(chunk) : [];
  }

  end(): NeutralEvent[] {
    return this.#isDone || this.#isFinished ? [...this.#closeAll(), { type: 'end' }] : [];
  }

  take(chunk: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const error = readProviderError(chunk.error) ?? readProviderError(records(chunk.choices)[0]?.error);
    if (error) return [{ type: 'error', error }];
    const events: NeutralEvent[] = [];
    // Azure begins with a chunk that has neither a model nor a choice.
    if (!this.#isStarted && (text(chunk.model) !== null || records(chunk.choices).length > 0)) {
      this.#isStarted = true;
      this.#id = text(chunk.id) === null ? '' : `${text(chunk.id)}_`;
      events.push({ type: 'start', id: text(chunk.id), model: text(chunk.model) });
    }
    const [choice] = records(chunk.choices);
    if (choice) events.push(...this.#choice(choice));
    this.#tools = { ...this.#tools, ...executedToolsOf(chunk) };
    const told = readUsageOfChat(chunk);
    const usage = told && withUses(told, this.#tools);
    if (usage) events.push({ type: 'usage', usage, serviceTier: text(chunk.service_tier) });
    return events;
  }

  #choice(choice: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const delta = record(choice.delta) ?? {};
    const events = [
      ...this.#say('reasoning', reasoningOf(delta)),
      ...this.#reasoningDetails(delta.reasoning_details),
      ...this.#say('text', contentOf(delta.content)),
      ...this.#say('refusal', text(delta.refusal)),
      ...readImages(delta.images ?? imagesOf(delta.content)).flatMap((image) => this.#media(image)),
      ...this.#audio(record(delta.audio)),
      ...this.#toolCalls(delta.tool_calls),
      ...this.#annotations(delta.annotations),
      ...this.#logprobs(choice.logprobs),
    ];
    const reason = text(choice.finish_reason);
    if (reason === null || this.#isFinished) return events;
    this.#isFinished = true;
    const hasCalls = this.#calls.size > 0 && reason === 'stop';
    const finish = hasCalls ? 'tool-calls' : (finishes[reason] ?? 'other');
    return [
      ...events,
      ...this.#closeAll(),
      { type: 'finish', reason: finish, stopSequence: null, said: reason },
    ];
  }

  #say(kind: 'text' | 'reasoning' | 'refusal', said: string | null): NeutralEvent[] {
    if (said === null) return [];
    if (this.#current?.kind === kind)
      return [{ type: 'block-delta', index: this.#current.index, text: said }];
    const events = this.#closeCurrent();
    const index = this.#blocks++;
    this.#current = { index, kind };
    return [
      ...events,
      { type: 'block-start', index, block: { type: kind } },
      { type: 'block-delta', index, text: said },
    ];
  }

  #media(block: NeutralImage | NeutralAudio): NeutralEvent[] {
    const index = this.#blocks;
    const events = this.#closeCurrent();
    this.#blocks += 1;
    return [...events, { type: 'block-start', index, block }, { type: 'block-end', index }];
  }

  // In a stream the data comes in pieces; the words that go with it are the answer's text.
  #audio(audio: Readonly<Record<string, unknown>> | null): NeutralEvent[] {
    const data = text(audio?.data);
    if (data !== null) this.#sound.push(Buffer.from(data, 'base64'));
    return this.#say('text', text(audio?.transcript));
  }

  #reasoningDetails(value: unknown): NeutralEvent[] {
    const events: NeutralEvent[] = [];
    for (const detail of records(value)) {
      if (this.#current?.kind !== 'reasoning') events.push(...this.#say('reasoning', ''));
      this.#signature = text(detail.signature) ?? this.#signature;
      this.#encrypted = detail.type === 'reasoning.encrypted' ? text(detail.data) : this.#encrypted;
    }
    return events;
  }

  // R1: later pieces of a call have no id, or a null one; they belong to the call of their index.
  #toolCalls(value: unknown): NeutralEvent[] {
    const events: NeutralEvent[] = [];
    for (const [position, call] of records(value).entries()) {
      const place = numberOf(call.index) ?? position;
      const called = record(call.function) ?? {};
      const id = text(call.id);
      let open = this.#calls.get(place);
      if (!open || (id !== null && open.id !== id && text(called.name) !== null)) {
        events.push(...this.#closeCurrent());
        open = { index: this.#blocks++, id: id ?? (this.#id === '' ? '' : `call_${this.#id}${place}`) };
        this.#calls.set(place, open);
        const block: NeutralBlockHead = { type: 'tool-call', id: open.id, name: text(called.name) ?? '' };
        events.push({ type: 'block-start', index: open.index, block });
      }
      const said =
        typeof called.arguments === 'object' && called.arguments !== null
          ? JSON.stringify(called.arguments)
          : text(called.arguments);
      if (said !== null) events.push({ type: 'block-delta', index: open.index, text: said });
    }
    return events;
  }

  #annotations(value: unknown): NeutralEvent[] {
    const index = this.#current?.index;
    if (index === undefined) return [];
    return records(value).flatMap((annotation): NeutralEvent[] => {
      const found = record(annotation.url_citation);
      if (!found) return [];
      return [
        {
          type: 'citation',
          index,
          citation: { url: text(found.url), title: text(found.title), quote: null },
        },
      ];
    });
  }

  #logprobs(value: unknown): NeutralEvent[] {
    const index = this.#current?.index;
    const logprobs = records(record(value)?.content).map(logprobOf);
    return index === undefined || logprobs.length === 0 ? [] : [{ type: 'logprobs', index, logprobs }];
  }

  #closeCurrent(): NeutralEvent[] {
    const current = this.#current;
    this.#current = null;
    if (!current) return [];
    const isReasoning = current.kind === 'reasoning';
    const [signature, encrypted] = isReasoning ? [this.#signature, this.#encrypted] : [null, null];
    if (isReasoning) this.#signature = this.#encrypted = null;
    return [{ type: 'block-end', index: current.index, signature, encrypted }];
  }

  #closeAll(): NeutralEvent[] {
    const events = this.#closeCurrent();
    const data = Buffer.concat(this.#sound.splice(0)).toString('base64');
    if (data !== '') events.push(...this.#media({ type: 'audio', data, format: 'wav' }));
    for (const { index } of this.#calls.values()) events.push({ type: 'block-end', index });
    this.#calls.clear();
    return events;
  }
}

function reasoningOf(delta: Readonly<Record<string, unknown>>): string | null {
  return text(delta.reasoning_content) ?? text(delta.reasoning) ?? thinkingOf(delta.content);
}

// Mistral's reasoning models answer in parts: { type: thinking, thinking: { type: text, text }[] } | { type: text, text }.
function thinkingOf(content: unknown): string | null {
  const thought = records(content)
    .filter((part) => part.type === 'thinking')
    .flatMap((part) => records(part.thinking).map((piece) => text(piece.text) ?? ''))
    .join('');
  return thought === '' ? null : thought;
}

function imagesOf(content: unknown): unknown {
  return records(content).filter(({ type }) => type === 'image_url');
}

function contentOf(content: unknown): string | null {
  if (typeof content === 'string') return text(content);
  return text(
    records(content)
      .map((part) => (part.type === 'text' ? (text(part.text) ?? '') : ''))
      .join(''),
  );
}

function logprobOf(entry: Readonly<Record<string, unknown>>): NeutralLogprob {
  const one = (value: Readonly<Record<string, unknown>>) => ({
    token: text(value.token) ?? '',
    logprob: numberOf(value.logprob) ?? 0,
  });
  return { ...one(entry), top: records(entry.top_logprobs).map(one) };
}
