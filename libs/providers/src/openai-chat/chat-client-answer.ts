import type { Usage } from '@loom/trace-schema';
import type { AnswerContext, StreamWriter } from '../neutral/halves.ts';
import type {
  NeutralAnswer,
  NeutralAnswerBlock,
  NeutralCitation,
  NeutralEvent,
  NeutralFinish,
  NeutralLogprob,
} from '../neutral/neutral-answer.ts';
import { argumentsOf } from '../neutral/neutral-answer.ts';
import type { NeutralAudio, NeutralImage } from '../neutral/neutral-request.ts';
import { urlOf } from '../neutral/request-builder.ts';

const finishReasons: Readonly<Record<NeutralFinish, string>> = {
  stop: 'stop',
  length: 'length',
  'context-window': 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  refusal: 'content_filter',
  pause: 'stop',
  other: 'stop',
};

/** Usage as the chat API tells it: prompt contains the cache, completion the reasoning. */
function chatUsage(usage: Usage): Readonly<Record<string, unknown>> {
  return {
    prompt_tokens: usage.inputTokens,
    completion_tokens: usage.outputTokens,
    total_tokens: usage.inputTokens + usage.outputTokens,
    prompt_tokens_details: {
      cached_tokens: usage.cacheReadInputTokens,
      ...(usage.cacheWriteInputTokens > 0 ? { cache_write_tokens: usage.cacheWriteInputTokens } : {}),
    },
    completion_tokens_details: { reasoning_tokens: usage.reasoningOutputTokens },
  };
}

/** A whole answer as a chat completion. */
export function writeChatCompletion(answer: NeutralAnswer, context: AnswerContext): Record<string, unknown> {
  const texts = answer.content.filter((block) => block.type === 'text');
  const refusals = answer.content.filter((block) => block.type === 'refusal');
  const reasoning = answer.content.filter((block) => block.type === 'reasoning');
  const calls = answer.content.filter((block) => block.type === 'tool-call');
  const images = answer.content.filter((block) => block.type === 'image');
  const audio = answer.content.find((block) => block.type === 'audio');
  const citations = answer.content.flatMap((block) => block.citations ?? []);
  const logprobs = answer.content.flatMap((block) => block.logprobs ?? []);
  const joined = (blocks: readonly { readonly text: string }[]) =>
    blocks.length === 0 ? null : blocks.map((block) => block.text).join('');
  const thought = joined(reasoning.filter((block) => block.text !== ''));
  const message = {
    role: 'assistant',
    content: joined(texts),
    refusal: joined(refusals),
    ...(thought === null ? {} : { reasoning_content: thought }),
    ...(reasoning.length > 0 ? { reasoning_details: reasoning.flatMap(reasoningDetails) } : {}),
    ...(calls.length > 0 ? { tool_calls: calls.map((call) => toolCall(call)) } : {}),
    ...(images.length > 0 ? { images: images.map(imagePart) } : {}),
    ...(audio === undefined ? {} : { audio: audioOf(audio, context) }),
    ...(citations.length > 0 ? { annotations: citations.flatMap(annotation) } : {}),
  };
  const choice = {
    index: 0,
    message,
    logprobs: logprobs.length > 0 ? { content: logprobs.map(logprobOf), refusal: null } : null,
    finish_reason: answer.finish === null ? 'stop' : finishReasons[answer.finish.reason],
  };
  return {
    id: answer.id ?? `chatcmpl-${context.id}`,
    object: 'chat.completion',
    created: context.created,
    model: answer.model ?? context.requestModel,
    choices: [choice],
    ...(answer.serviceTier === null ? {} : { service_tier: answer.serviceTier }),
    ...(answer.usage ? { usage: chatUsage(answer.usage) } : {}),
  };
}

/** Writes a chat stream: one id and one `created` through all of it, usage last where it was asked for, then `[DONE]`. */
export class ChatStreamWriter implements StreamWriter {
  readonly #context: AnswerContext;
  #id: string;
  #model: string;
  #usage: Usage | null = null;
  #isStarted = false;
  #calls = 0;
  #images = 0;
  /** By block index. */
  readonly #open = new Map<
    number,
    { kind: string; call: number; hasArguments: boolean; thought: string[] }
  >();

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#id = `chatcmpl-${context.id}`;
    this.#model = context.requestModel;
  }

  push(event: NeutralEvent): string {
    switch (event.type) {
      case 'start':
        return this.#start(event);
      case 'block-start':
        return this.#blockStart(event);
      case 'block-delta':
        return this.#delta(event.index, event.text);
      case 'citation':
        return this.#chunk({ annotations: annotation(event.citation) });
      case 'logprobs':
        return this.#chunk({}, null, { content: event.logprobs.map(logprobOf), refusal: null });
      case 'block-end':
        return this.#blockEnd(event);
      case 'finish':
        return this.#chunk({}, finishReasons[event.reason]);
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'error':
        return ''; // the gateway ends the stream with it
      case 'end':
        return this.#end();
    }
  }

  #start(event: Extract<NeutralEvent, { type: 'start' }>): string {
    if (this.#isStarted) return '';
    this.#isStarted = true;
    this.#id = event.id ?? this.#id;
    this.#model = event.model ?? this.#model;
    return this.#chunk({ role: 'assistant', content: '' });
  }

  #blockStart({ index, block }: Extract<NeutralEvent, { type: 'block-start' }>): string {
    const call = block.type === 'tool-call' ? this.#calls : -1;
    const kind = block.type === 'tool-call' && block.isFreeText ? 'custom' : block.type;
    this.#open.set(index, { kind, call, hasArguments: false, thought: [] });
    if (block.type === 'image')
      return this.#chunk({ images: [{ index: this.#images++, ...imagePart(block) }] });
    if (block.type === 'audio') return this.#chunk({ audio: audioOf(block, this.#context) });
    if (block.type !== 'tool-call') return '';
    this.#calls += 1;
    return this.#chunk({ tool_calls: [{ index: call, ...toolCall({ ...block, arguments: '' }) }] });
  }

  #delta(index: number, said: string): string {
    const open = this.#open.get(index);
    if (!open || said === '') return '';
    switch (open.kind) {
      case 'text':
        return this.#chunk({ content: said });
      case 'refusal':
        return this.#chunk({ refusal: said });
      case 'reasoning':
        open.thought.push(said);
        return this.#chunk({ reasoning_content: said });
      case 'custom':
        return this.#chunk({ tool_calls: [{ index: open.call, custom: { input: said } }] });
      default:
        open.hasArguments = true;
        return this.#chunk({ tool_calls: [{ index: open.call, function: { arguments: said } }] });
    }
  }

  #blockEnd(event: Extract<NeutralEvent, { type: 'block-end' }>): string {
    const open = this.#open.get(event.index);
    const [signature, encrypted] = [event.signature ?? null, event.encrypted ?? null];
    if (open?.kind === 'tool-call') {
      const called = open.hasArguments ? {} : { function: { arguments: argumentsOf('') } };
      const extra = signature === null ? {} : extraContent(signature);
      if (open.hasArguments && signature === null) return '';
      return this.#chunk({ tool_calls: [{ index: open.call, ...called, ...extra }] });
    }
    if (open?.kind !== 'reasoning' || (signature === null && encrypted === null)) return '';
    // A signature proves the text it comes with, so the text is told once more, whole.
    const thought = signature === null ? '' : open.thought.join('');
    const details = reasoningDetails({ type: 'reasoning', text: thought, signature, encrypted });
    return this.#chunk({ reasoning_details: details });
  }

  #end(): string {
    const usage =
      this.#context.includeUsage && this.#usage
        ? event({ ...this.#head(), choices: [], usage: chatUsage(this.#usage) })
        : '';
    return `${usage}data: [DONE]\n\n`;
  }

  #head(): Readonly<Record<string, unknown>> {
    return {
      id: this.#id,
      object: 'chat.completion.chunk',
      created: this.#context.created,
      model: this.#model,
    };
  }

  #chunk(delta: object, finishReason: string | null = null, logprobs: object | null = null): string {
    return event({
      ...this.#head(),
      choices: [{ index: 0, delta, logprobs, finish_reason: finishReason }],
      ...(this.#context.includeUsage ? { usage: null } : {}),
    });
  }
}

function event(value: object): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function toolCall(call: Extract<NeutralAnswerBlock, { type: 'tool-call' }>): object {
  const { id, name, arguments: json, signature, isFreeText } = call;
  if (isFreeText) return { id, type: 'custom', custom: { name, input: json } };
  const extra = signature === undefined ? {} : extraContent(signature);
  return { id, type: 'function', function: { name, arguments: json }, ...extra };
}

// OpenRouter's form: neutral/answer-images.ts.
function imagePart({ source }: NeutralImage): object {
  return { type: 'image_url', image_url: { url: urlOf(source) } };
}

// Nothing is stored under the id, and the model says no text with it.
function audioOf({ data }: NeutralAudio, { id, created }: AnswerContext): object {
  return { id: `audio_${id}`, data, expires_at: created, transcript: '' };
}

// Where Google's own OpenAI-compatible API has it, so that clients that know that send it back.
function extraContent(signature: string): object {
  return { extra_content: { google: { thought_signature: signature } } };
}

/** Reasoning as chat callers and OpenRouter have it: chat-client-request.ts. */
export function reasoningDetails(
  block: Pick<
    Extract<NeutralAnswerBlock, { type: 'reasoning' }>,
    'type' | 'text' | 'signature' | 'encrypted'
  >,
): object[] {
  const { text, signature, encrypted } = block;
  return [
    ...(text !== '' || signature !== null ? [{ type: 'reasoning.text', text, signature }] : []),
    ...(encrypted === null ? [] : [{ type: 'reasoning.encrypted', data: encrypted }]),
  ];
}

function annotation({ url, title }: NeutralCitation): object[] {
  if (url === null) return [];
  const citation = { url, title: title ?? url, start_index: 0, end_index: 0 };
  return [{ type: 'url_citation', url_citation: citation }];
}

function logprobOf({ token, logprob, top }: NeutralLogprob): object {
  const withBytes = (one: { token: string; logprob: number }) => ({
    token: one.token,
    logprob: one.logprob,
    bytes: [...Buffer.from(one.token)],
  });
  return { ...withBytes({ token, logprob }), top_logprobs: top.map(withBytes) };
}
