import type { Usage } from '@loom/trace-schema';
import { argumentsObject } from '../neutral/arguments-object.ts';
import { type AnswerContext, cannotTell, type StreamWriter } from '../neutral/halves.ts';
import { escapeToolId } from '../neutral/tool-ids.ts';
import { writeSource } from './messages-provider-request.ts';
import {
  argumentsOf,
  type NeutralAnswer,
  type NeutralAnswerBlock,
  type NeutralBlockHead,
  type NeutralCitation,
  type NeutralEvent,
  type NeutralFinish,
} from '../neutral/neutral-answer.ts';

/* Grammar of the stream: messages-answer.ts. */

const stopReasons: Readonly<Record<NeutralFinish, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  'context-window': 'model_context_window_exceeded',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  other: 'end_turn',
};

/** Usage as the Messages API tells it: its parts are disjoint. */
function messagesUsage(usage: Usage | null): Readonly<Record<string, number>> {
  const {
    inputTokens = 0,
    cacheReadInputTokens = 0,
    cacheWriteInputTokens = 0,
    outputTokens = 0,
  } = usage ?? {};
  return {
    input_tokens: Math.max(0, inputTokens - cacheReadInputTokens - cacheWriteInputTokens),
    cache_creation_input_tokens: cacheWriteInputTokens,
    cache_read_input_tokens: cacheReadInputTokens,
    output_tokens: outputTokens,
  };
}

function stopOf(finish: NeutralAnswer['finish']): { stop_reason: string; stop_sequence: string | null } {
  if (!finish) return { stop_reason: 'end_turn', stop_sequence: null };
  if (finish.stopSequence !== null)
    return { stop_reason: 'stop_sequence', stop_sequence: finish.stopSequence };
  return { stop_reason: stopReasons[finish.reason], stop_sequence: null };
}

/** A whole answer as a message. */
export function writeMessage(answer: NeutralAnswer, context: AnswerContext): Record<string, unknown> {
  return {
    id: answer.id ?? `msg_${context.id}`,
    type: 'message',
    role: 'assistant',
    model: answer.model ?? context.requestModel,
    content: answer.content.flatMap(writeBlock),
    ...stopOf(answer.finish),
    usage: messagesUsage(answer.usage),
  };
}

function writeBlock(block: NeutralAnswerBlock): object[] {
  switch (block.type) {
    case 'text':
    case 'refusal': {
      const citations = (block.citations ?? []).map(citationOf);
      return [{ type: 'text', text: block.text, ...(citations.length > 0 ? { citations } : {}) }];
    }
    case 'tool-call':
      return [{ ...emptyBlock(block), input: argumentsObject(block.arguments) }];
    case 'image':
    case 'audio':
      return [emptyBlock(block)];
    case 'reasoning': {
      const thought = { type: 'thinking', thinking: block.text, signature: block.signature ?? '' };
      const sealed = block.encrypted === null ? [] : [{ type: 'redacted_thinking', data: block.encrypted }];
      return block.text === '' && block.signature === null ? sealed : [thought, ...sealed];
    }
  }
}

interface Open {
  readonly kind: NeutralBlockHead['type'];
  readonly place: number;
  hasArguments: boolean;
}

/** Writes a stream of the Messages API: one block at a time is open, whatever overlaps in the provider's. */
export class MessagesStreamWriter implements StreamWriter {
  readonly #context: AnswerContext;
  readonly #blocks = new Map<number, Open>();
  /** Events of blocks that have to wait until the open one is closed. */
  readonly #waiting: NeutralEvent[] = [];
  #current: number | null = null;
  #places = 0;
  #isStarted = false;
  #finish: NeutralAnswer['finish'] = null;
  #usage: Usage | null = null;

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  push(neutral: NeutralEvent): string {
    switch (neutral.type) {
      case 'start':
        return this.#start(neutral.id, neutral.model);
      case 'block-start':
      case 'block-delta':
      case 'block-end':
      case 'citation':
        return this.#block(neutral);
      case 'finish':
        this.#finish = neutral;
        return '';
      case 'usage':
        this.#usage = neutral.usage;
        return '';
      case 'end':
        return this.#end();
      case 'logprobs': // has no place in this API
      case 'error': // the gateway ends the stream with it
        return '';
    }
  }

  #start(id: string | null, model: string | null): string {
    if (this.#isStarted) return '';
    this.#isStarted = true;
    const message = {
      ...{ id: id ?? `msg_${this.#context.id}`, type: 'message', role: 'assistant' },
      ...{ model: model ?? this.#context.requestModel, content: [], stop_reason: null, stop_sequence: null },
      usage: messagesUsage(this.#usage),
    };
    return event({ type: 'message_start', message });
  }

  #block(neutral: Extract<NeutralEvent, { readonly index: number }>): string {
    if (this.#current !== null && neutral.index !== this.#current) {
      this.#waiting.push(neutral);
      return '';
    }
    if (neutral.type === 'block-start') return this.#open(neutral.index, neutral.block);
    const block = this.#blocks.get(neutral.index);
    if (!block) return '';
    if (neutral.type === 'block-delta') return this.#delta(block, neutral.text);
    if (neutral.type === 'citation') {
      const delta = { type: 'citations_delta', citation: citationOf(neutral.citation) };
      return event({ type: 'content_block_delta', index: block.place, delta });
    }
    return neutral.type === 'block-end' ? this.#close(block, neutral) : '';
  }

  #open(index: number, head: NeutralBlockHead): string {
    const place = this.#places++;
    this.#current = index;
    this.#blocks.set(index, { kind: head.type, place, hasArguments: false });
    return event({ type: 'content_block_start', index: place, content_block: emptyBlock(head) });
  }

  #delta(block: Open, said: string): string {
    if (said === '') return '';
    const { kind, place: index } = block;
    block.hasArguments = true;
    if (kind === 'tool-call') {
      const delta = { type: 'input_json_delta', partial_json: said };
      return event({ type: 'content_block_delta', index, delta });
    }
    const delta =
      kind === 'reasoning' ? { type: 'thinking_delta', thinking: said } : { type: 'text_delta', text: said };
    return event({ type: 'content_block_delta', index, delta });
  }

  #close(block: Open, { signature, encrypted }: Extract<NeutralEvent, { type: 'block-end' }>): string {
    const { kind, place: index } = block;
    let written = '';
    if (kind === 'tool-call' && !block.hasArguments) written += this.#delta(block, argumentsOf(''));
    if (kind === 'reasoning' && signature) {
      const delta = { type: 'signature_delta', signature };
      written += event({ type: 'content_block_delta', index, delta });
    }
    written += event({ type: 'content_block_stop', index });
    if (kind === 'reasoning' && encrypted) written += this.#redacted(encrypted);
    this.#current = null;
    const waiting = this.#waiting.splice(0);
    return written + waiting.map((neutral) => this.push(neutral)).join('');
  }

  #redacted(data: string): string {
    const index = this.#places++;
    const start = { type: 'content_block_start', index, content_block: { type: 'redacted_thinking', data } };
    return event(start) + event({ type: 'content_block_stop', index });
  }

  #end(): string {
    const delta = { type: 'message_delta', delta: stopOf(this.#finish), usage: messagesUsage(this.#usage) };
    return event(delta) + event({ type: 'message_stop' });
  }
}

function emptyBlock(head: NeutralBlockHead): object {
  switch (head.type) {
    case 'text':
    case 'refusal':
      return { type: 'text', text: '' };
    case 'reasoning':
      return { type: 'thinking', thinking: '', signature: '' };
    case 'tool-call':
      return { type: 'tool_use', id: escapeToolId(head.id), name: head.name, input: {} };
    case 'image':
      return { type: 'image', source: writeSource(head.source) };
    case 'audio':
      throw cannotTell('audio', 'the Messages API');
  }
}

function event(value: { readonly type: string } & Readonly<Record<string, unknown>>): string {
  return `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;
}

function citationOf({ url, title, quote }: NeutralCitation): object {
  return {
    type: 'web_search_result_location',
    url: url ?? '',
    title,
    cited_text: quote ?? '',
    encrypted_index: '',
  };
}
