import type { Usage } from '@loom/trace-schema';
import type { ProviderError } from '../provider-error.ts';
import type { NeutralAssistantBlock, NeutralAudio, NeutralImage, ToolPlace } from './neutral-request.ts';

/** Why the model stopped. `pause`: the provider wants to be asked to go on. */
export type NeutralFinish =
  'stop' | 'length' | 'tool-calls' | 'content-filter' | 'refusal' | 'pause' | 'context-window' | 'other';

/** A source that the model names for what it said: of which text, and where that comes from. */
export interface NeutralCitation {
  readonly url: string | null;
  readonly title: string | null;
  /** The cited words of the source; null when not told. */
  readonly quote: string | null;
}

/** Per token: its text, log probability and the alternatives (token, log probability). */
export interface NeutralLogprob {
  readonly token: string;
  readonly logprob: number;
  readonly top: readonly { readonly token: string; readonly logprob: number }[];
}

/**
 * One step of an answer, whether it came as a stream or at once. Order: `start`; then for each block `block-start`, its
 * deltas, `block-end`, `index` counting from 0 by the order of the starts; only blocks of tool calls may overlap;
 * `finish`; `usage` anywhere, the last one counts; `end` when the provider said that the answer is whole. `error` may
 * come at any time and is the last then.
 */
export type NeutralEvent =
  | { readonly type: 'start'; readonly id: string | null; readonly model: string | null }
  | { readonly type: 'block-start'; readonly index: number; readonly block: NeutralBlockHead }
  /** Of text, reasoning, refusal; for tool calls a piece of the JSON text of the arguments. */
  | { readonly type: 'block-delta'; readonly index: number; readonly text: string }
  | { readonly type: 'citation'; readonly index: number; readonly citation: NeutralCitation }
  | { readonly type: 'logprobs'; readonly index: number; readonly logprobs: readonly NeutralLogprob[] }
  /** `signature` and `encrypted` as in the blocks of a request; a tool call may have a signature too. */
  | {
      readonly type: 'block-end';
      readonly index: number;
      readonly signature?: string | null;
      readonly encrypted?: string | null;
    }
  /** `said`: the provider's own word for it. */
  | {
      readonly type: 'finish';
      readonly reason: NeutralFinish;
      readonly stopSequence: string | null;
      readonly said?: string;
    }
  /** `isPartial`: only what was read is told yet, not what was written. */
  | {
      readonly type: 'usage';
      readonly usage: Usage;
      readonly serviceTier: string | null;
      readonly isPartial?: boolean;
    }
  | { readonly type: 'error'; readonly error: ProviderError }
  | { readonly type: 'end' };

export type NeutralBlockHead =
  | { readonly type: 'text' | 'reasoning' | 'refusal' }
  /** `id`: '' where the provider gives neither the call nor the answer one. */
  | ({ readonly type: 'tool-call'; readonly id: string; readonly name: string } & ToolPlace)
  /** Whole at once: no deltas follow. */
  | NeutralImage
  | NeutralAudio;

export type NeutralAnswerBlock = NeutralAssistantBlock & {
  readonly citations?: readonly NeutralCitation[];
  readonly logprobs?: readonly NeutralLogprob[];
};

/** A whole answer: what its events add up to. */
export interface NeutralAnswer {
  readonly id: string | null;
  readonly model: string | null;
  readonly content: readonly NeutralAnswerBlock[];
  /** Null when the provider never said. */
  readonly finish: {
    readonly reason: NeutralFinish;
    readonly stopSequence: string | null;
    readonly said?: string;
  } | null;
  readonly usage: Usage | null;
  readonly serviceTier: string | null;
  readonly error: ProviderError | null;
  readonly ended: boolean;
}

interface OpenBlock {
  readonly head: NeutralBlockHead;
  readonly text: string[];
  readonly citations: NeutralCitation[];
  readonly logprobs: NeutralLogprob[];
  signature: string | null;
  encrypted: string | null;
}

/** Adds events up to the answer, one by one. */
export class AnswerFold {
  readonly #blocks: OpenBlock[] = [];
  #id: string | null = null;
  #model: string | null = null;
  #finish: NeutralAnswer['finish'] = null;
  #usage: Usage | null = null;
  #serviceTier: string | null = null;
  #error: ProviderError | null = null;
  #ended = false;

  push(event: NeutralEvent): void {
    switch (event.type) {
      case 'start':
        this.#id ??= event.id;
        this.#model ??= event.model;
        break;
      case 'block-start':
        this.#blocks[event.index] = {
          ...{ head: event.block, text: [], citations: [], logprobs: [] },
          ...{ signature: null, encrypted: null },
        };
        break;
      case 'block-delta':
        this.#blocks[event.index]?.text.push(event.text);
        break;
      case 'citation':
        this.#blocks[event.index]?.citations.push(event.citation);
        break;
      case 'logprobs':
        this.#blocks[event.index]?.logprobs.push(...event.logprobs);
        break;
      case 'block-end':
        this.#close(event);
        break;
      case 'finish':
        this.#finish = event;
        break;
      case 'usage':
        this.#usage = event.usage;
        this.#serviceTier = event.serviceTier ?? this.#serviceTier;
        break;
      case 'error':
        this.#error ??= event.error;
        break;
      case 'end':
        this.#ended = true;
        break;
    }
  }

  answer(): NeutralAnswer {
    return {
      id: this.#id,
      model: this.#model,
      content: this.#blocks.filter(Boolean).map(blockOf),
      finish: this.#finish,
      usage: this.#usage,
      serviceTier: this.#serviceTier,
      error: this.#error,
      ended: this.#ended,
    };
  }

  #close({ index, signature, encrypted }: Extract<NeutralEvent, { type: 'block-end' }>): void {
    const block = this.#blocks[index];
    if (!block) return;
    block.signature = signature ?? block.signature;
    block.encrypted = encrypted ?? block.encrypted;
  }
}

/** The answer that these events add up to. */
export function foldAnswer(events: Iterable<NeutralEvent>): NeutralAnswer {
  const fold = new AnswerFold();
  for (const event of events) fold.push(event);
  return fold.answer();
}

function blockOf(block: OpenBlock): NeutralAnswerBlock {
  const text = block.text.join('');
  const { head, citations, logprobs, signature, encrypted } = block;
  const extra = {
    ...(citations.length > 0 ? { citations } : {}),
    ...(logprobs.length > 0 ? { logprobs } : {}),
  };
  switch (head.type) {
    case 'text':
    case 'refusal':
      return { type: head.type, text, ...extra };
    case 'reasoning':
      return { type: 'reasoning', text, signature, encrypted };
    case 'tool-call': {
      const call = { ...head, arguments: head.isFreeText ? text : argumentsOf(text) };
      return signature === null ? call : { ...call, signature };
    }
    case 'image':
    case 'audio':
      return head;
  }
}

/** Arguments as every client can parse them: a call without any is `{}`, also where the provider says '' or null. */
export function argumentsOf(text: string): string {
  const trimmed = text.trim();
  return trimmed === '' || trimmed === 'null' ? '{}' : text;
}
