import { LoomError } from '@loom/errors';
import type { CallError, Usage } from '@loom/trace-schema';
import { count, eventObject, numberOf, record, records, text } from '../json-values.ts';
import type { ProviderHalf, StreamReader, WireEvent } from '../neutral/halves.ts';
import type {
  NeutralBlockHead,
  NeutralCitation,
  NeutralEvent,
  NeutralFinish,
} from '../neutral/neutral-answer.ts';
import { detailsOf } from '../usage-details.ts';
import { features } from '../neutral/neutral-request.ts';
import { writeCohereRequest } from './cohere-request.ts';

/*
 * An answer of Cohere's chat API, version 2, and its stream of server-sent events:
 *
 *   { id, finish_reason, usage, message: { role, content?: ( { type: text, text } | { type: thinking, thinking } )[],
 *     tool_plan?, tool_calls?: { id, function: { name, arguments } }[], citations?: { text, sources }[] } }
 *   usage: { tokens: { input_tokens, output_tokens }, cached_tokens?, billed_units: { … } }
 *     `tokens` are what the model read and wrote; `billed_units` leave out Cohere's own prompt and are no tokens of it.
 *
 *   message-start { id } · content-start | content-delta | content-end { index, delta: { message: { content } } }
 *   tool-plan-delta { delta: { message: { tool_plan } } }
 *   tool-call-start | tool-call-delta | tool-call-end { index, delta: { message: { tool_calls: { id, function } } } }
 *   citation-start { delta: { message: { citations } } } · citation-end
 *   message-end { delta: { finish_reason, usage, error? } }
 */

const finishes: Readonly<Record<string, NeutralFinish>> = {
  COMPLETE: 'stop',
  STOP_SEQUENCE: 'stop',
  MAX_TOKENS: 'length',
  TOOL_CALL: 'tool-calls',
};

const lacks = new Set([
  'logit_bias',
  'logprobs',
  'n',
  'parallel_tool_calls',
  'file.data',
  'file.url',
  'audio',
]);
const lacksToo = new Set(['cache_control', 'end_user', 'metadata', 'service_tier', 'assistant_prefill']);

/** Models of Cohere, by its chat API. */
export const cohereProvider: ProviderHalf = {
  wire: 'cohere-chat',
  framing: 'sse',
  carries: new Set(features.filter((feature) => !lacks.has(feature) && !lacksToo.has(feature))),
  writeRequest: writeCohereRequest,
  readAnswer,
  streamReader: () => new CohereStreamReader(),
  readError: readCohereError,
};

function readCohereError(body: unknown): CallError | null {
  const message = text(record(body)?.message);
  return message === null ? null : { type: 'upstream_error', message: message.slice(0, 2000), code: null };
}

/**
 * The usage of an answer; null when it tells none. Of the tokens that the model saw only `billed_units` are billed
 * (https://docs.cohere.com/docs/how-does-cohere-pricing-work): the others are parts with the price 0.
 */
function readCohereUsage(value: unknown): Usage | null {
  const usage = record(value);
  const billed = record(usage?.billed_units);
  const tokens = record(usage?.tokens) ?? billed;
  if (!tokens || !('input_tokens' in tokens || 'output_tokens' in tokens)) return null;
  const [input, output] = [count(tokens.input_tokens), count(tokens.output_tokens)];
  const cacheRead = Math.min(input, count(usage?.cached_tokens));
  const uncached = input - cacheRead;
  const [billedInput, billedOutput] = [billed?.input_tokens ?? input, billed?.output_tokens ?? output].map(
    count,
  );
  return {
    inputTokens: input,
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: 0,
    inputAudioTokens: 0,
    outputTokens: output,
    reasoningOutputTokens: 0,
    outputAudioTokens: 0,
    ...detailsOf({
      parts: {
        inputUnbilled: Math.max(0, uncached - (billedInput ?? 0)),
        cacheReadUnbilled: Math.max(0, cacheRead - Math.max(0, (billedInput ?? 0) - uncached)),
        outputUnbilled: Math.max(0, output - (billedOutput ?? 0)),
      },
      uses: {
        ...{ searchUnits: count(billed?.search_units), classifications: count(billed?.classifications) },
        images: count(billed?.images),
      },
    }),
  };
}

function readAnswer(body: unknown): NeutralEvent[] {
  const answer = record(body);
  const message = record(answer?.message);
  if (!answer || !message)
    throw new LoomError('upstream_failed', 'the answer has no "message"', { reason: 'malformed_answer' });
  const reader = new CohereStreamReader();
  const events = reader.take({ type: 'message-start', id: answer.id });
  const say = (type: string, index: number, part: object) =>
    events.push(...reader.take({ type, index, delta: { message: part } }));
  if (text(message.tool_plan) !== null) say('tool-plan-delta', 0, { tool_plan: message.tool_plan });
  for (const [index, content] of records(message.content).entries()) {
    say('content-start', index, { content });
    for (const citations of index === 0 ? records(message.citations) : [])
      say('citation-start', index, { citations });
    say('content-end', index, {});
  }
  for (const [index, tool_calls] of records(message.tool_calls).entries()) {
    say('tool-call-start', index, { tool_calls });
    say('tool-call-end', index, {});
  }
  events.push(...reader.take({ type: 'message-end', delta: answer }));
  return events;
}

class CohereStreamReader implements StreamReader {
  /** Of the answer, for calls that the provider gave none. */
  #id = '';
  #blocks = 0;
  #content: number | null = null;
  #plan: number | null = null;
  readonly #calls = new Map<number, number>();

  push({ data }: WireEvent): NeutralEvent[] {
    const event = eventObject(data);
    return event ? this.take(event) : [];
  }

  end(): NeutralEvent[] {
    return [];
  }

  take(event: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const delta = record(event.delta);
    const message = record(delta?.message);
    const content = record(message?.content);
    const call = record(message?.tool_calls);
    const place = numberOf(event.index) ?? 0;
    switch (event.type) {
      case 'message-start':
        this.#id = text(event.id) === null ? '' : `${text(event.id)}_`;
        return [{ type: 'start', id: text(event.id), model: null }];
      case 'content-start':
        return [
          ...this.#closePlan(),
          ...this.#openContent(content),
          ...this.#say(this.#content, saidOf(content)),
        ];
      case 'content-delta':
        return this.#say(this.#content, saidOf(content));
      case 'content-end':
        return this.#closeContent();
      case 'tool-plan-delta':
        return this.#planned(text(message?.tool_plan));
      case 'tool-call-start':
        return [...this.#closePlan(), ...this.#openCall(place, call)];
      case 'tool-call-delta':
        return this.#say(this.#calls.get(place) ?? null, text(record(call?.function)?.arguments));
      case 'tool-call-end':
        return this.#closeCall(place);
      case 'citation-start':
        return this.#citation(record(message?.citations));
      case 'message-end':
        return this.#end(delta ?? {});
      default:
        return [];
    }
  }

  #open(block: NeutralBlockHead): { index: number; start: NeutralEvent } {
    const index = this.#blocks++;
    return { index, start: { type: 'block-start', index, block } };
  }

  #say(index: number | null, said: string | null): NeutralEvent[] {
    return index === null || said === null ? [] : [{ type: 'block-delta', index, text: said }];
  }

  #openContent(content: Readonly<Record<string, unknown>> | null): NeutralEvent[] {
    const { index, start } = this.#open({ type: content?.type === 'thinking' ? 'reasoning' : 'text' });
    this.#content = index;
    return [start];
  }

  #closeContent(): NeutralEvent[] {
    const index = this.#content;
    this.#content = null;
    return index === null ? [] : [{ type: 'block-end', index }];
  }

  // What the model plans to do with its tools is its reasoning.
  #planned(said: string | null): NeutralEvent[] {
    if (said === null) return [];
    if (this.#plan !== null) return this.#say(this.#plan, said);
    const { index, start } = this.#open({ type: 'reasoning' });
    this.#plan = index;
    return [start, ...this.#say(index, said)];
  }

  #closePlan(): NeutralEvent[] {
    const index = this.#plan;
    this.#plan = null;
    return index === null ? [] : [{ type: 'block-end', index }];
  }

  #openCall(place: number, call: Readonly<Record<string, unknown>> | null): NeutralEvent[] {
    const called = record(call?.function);
    const { index, start } = this.#open({
      ...{ type: 'tool-call', id: text(call?.id) ?? (this.#id === '' ? '' : `call_${this.#id}${place}`) },
      name: text(called?.name) ?? '',
    });
    this.#calls.set(place, index);
    return [start, ...this.#say(index, text(called?.arguments))];
  }

  #closeCall(place: number): NeutralEvent[] {
    const index = this.#calls.get(place);
    this.#calls.delete(place);
    return index === undefined ? [] : [{ type: 'block-end', index }];
  }

  #citation(citation: Readonly<Record<string, unknown>> | null): NeutralEvent[] {
    const index = this.#content;
    if (!citation || index === null) return [];
    return [{ type: 'citation', index, citation: citationOf(citation) }];
  }

  #end(delta: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const said = text(delta.finish_reason) ?? '';
    const events: NeutralEvent[] = [...this.#closePlan(), ...this.#closeContent()];
    for (const place of [...this.#calls.keys()]) events.push(...this.#closeCall(place));
    const usage = readCohereUsage(delta.usage);
    if (usage) events.push({ type: 'usage', usage, serviceTier: null });
    if (said === 'ERROR' || said === 'TIMEOUT') {
      const message = text(delta.error) ?? `the provider ended its answer with ${said}`;
      return [...events, { type: 'error', error: { type: 'upstream_error', message, code: said } }];
    }
    return [
      ...events,
      { type: 'finish', reason: finishes[said] ?? 'other', stopSequence: null, said },
      { type: 'end' },
    ];
  }
}

function saidOf(content: Readonly<Record<string, unknown>> | null): string | null {
  return text(content?.text) ?? text(content?.thinking);
}

function citationOf(citation: Readonly<Record<string, unknown>>): NeutralCitation {
  const [source] = records(citation.sources);
  const document = record(source?.document);
  return { url: text(document?.url), title: text(document?.title), quote: text(citation.text) };
}
