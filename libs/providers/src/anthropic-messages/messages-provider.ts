import { LoomError } from '@loom/errors';
import { readProviderError } from '../provider-error.ts';
import { eventObject, record, records, text } from '../json-values.ts';
import type { ProviderHalf, StreamReader, WireEvent } from '../neutral/halves.ts';
import type {
  NeutralBlockHead,
  NeutralCitation,
  NeutralEvent,
  NeutralFinish,
} from '../neutral/neutral-answer.ts';
import { features } from '../neutral/neutral-request.ts';
import type { ToolIdRule } from '../neutral/tool-ids.ts';
import { writeMessagesRequest } from './messages-provider-request.ts';
import { mergedUsage, readMessagesUsage } from './messages-usage.ts';

const finishes: Readonly<Record<string, NeutralFinish>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'context-window',
  tool_use: 'tool-calls',
  refusal: 'refusal',
  pause_turn: 'pause',
};

const lacks = new Set(['frequency_penalty', 'presence_penalty', 'logit_bias', 'logprobs', 'n', 'seed']);
const lacksToo = new Set(['response_format.json', 'audio', 'metadata']);

/** docs.claude.com/en/api/messages, tool_use.id: `^[a-zA-Z0-9_-]+$`. */
const toolIds: ToolIdRule = { pattern: /^[a-zA-Z0-9_-]+$/, prefix: 'toolu_', length: 30 };

/** Models of Anthropic, by its Messages API (grammar: messages-answer.ts, messages-provider-request.ts). */
export const anthropicProvider: ProviderHalf = {
  wire: 'anthropic-messages',
  framing: 'sse',
  carries: new Set(features.filter((feature) => !lacks.has(feature) && !lacksToo.has(feature))),
  toolIds: () => toolIds,
  writeRequest: writeMessagesRequest,
  readAnswer: readMessage,
  streamReader: () => new MessagesStreamReader(),
  readError: (body) => readProviderError(record(body)?.error),
};

function readMessage(body: unknown): NeutralEvent[] {
  const message = record(body);
  if (!message || !Array.isArray(message.content))
    throw new LoomError('upstream_failed', 'the answer has no "content"', { reason: 'malformed_answer' });
  const reader = new MessagesStreamReader();
  const events = reader.take({ type: 'message_start', message });
  for (const [index, block] of records(message.content).entries()) {
    events.push(...reader.take({ type: 'content_block_start', index, content_block: block }));
    for (const citation of records(block.citations))
      events.push(
        ...reader.take({ type: 'content_block_delta', index, delta: { type: 'citations_delta', citation } }),
      );
    if (typeof block.signature === 'string')
      events.push(
        ...reader.take({
          type: 'content_block_delta',
          index,
          delta: { type: 'signature_delta', signature: block.signature },
        }),
      );
    events.push(...reader.take({ type: 'content_block_stop', index }));
  }
  events.push(
    ...reader.take({ type: 'message_delta', delta: message }),
    ...reader.take({ type: 'message_stop' }),
  );
  return events;
}

interface OpenBlock {
  readonly index: number;
  signature: string | null;
  readonly encrypted: string | null;
}

class MessagesStreamReader implements StreamReader {
  #usageSoFar: Readonly<Record<string, unknown>> = {};
  #isWritten = false;
  /** By the provider's index; blocks that have no place in the neutral form are not in it. */
  readonly #open = new Map<unknown, OpenBlock>();
  #blocks = 0;
  #ended = false;

  push({ data }: WireEvent): NeutralEvent[] {
    const event = eventObject(data);
    return event ? this.take(event) : [];
  }

  end(): NeutralEvent[] {
    return [];
  }

  take(event: Readonly<Record<string, unknown>>): NeutralEvent[] {
    switch (event.type) {
      case 'message_start':
        return this.#messageStart(record(event.message) ?? {});
      case 'content_block_start':
        return this.#blockStart(event.index, record(event.content_block) ?? {});
      case 'content_block_delta':
        return this.#delta(event.index, record(event.delta) ?? {});
      case 'content_block_stop':
        return this.#blockStop(event.index);
      case 'message_delta':
        this.#isWritten ||= record(event.usage) !== null;
        return [...this.#finish(record(event.delta) ?? {}), ...this.#usage(event.usage)];
      case 'message_stop':
        return this.#stop();
      case 'error':
        return [{ type: 'error', error: readProviderError(event.error) ?? unknownError }];
      default: {
        const error = event.type === undefined ? readProviderError(event.error) : null;
        return error ? [{ type: 'error', error }] : [];
      }
    }
  }

  #messageStart(message: Readonly<Record<string, unknown>>): NeutralEvent[] {
    // A second start in mid-stream (a provider that begins anew) ends what was open.
    const open = [...this.#open.keys()].flatMap((position) => this.#blockStop(position));
    const start: NeutralEvent = { type: 'start', id: text(message.id), model: text(message.model) };
    return [...open, start, ...this.#usage(message.usage)];
  }

  #blockStart(position: unknown, block: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const head = headOf(block);
    if (!head) return [];
    const index = this.#blocks++;
    this.#open.set(position, { index, signature: null, encrypted: text(block.data) });
    const said = text(block.text) ?? text(block.thinking) ?? inputOf(block);
    const start: NeutralEvent = { type: 'block-start', index, block: head };
    return said === null ? [start] : [start, { type: 'block-delta', index, text: said }];
  }

  #delta(position: unknown, delta: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const open = this.#open.get(position);
    if (!open) return [];
    const { index } = open;
    if (delta.type === 'signature_delta')
      open.signature = (open.signature ?? '') + (text(delta.signature) ?? '');
    if (delta.type === 'citations_delta')
      return [{ type: 'citation', index, citation: citationOf(record(delta.citation) ?? {}) }];
    const said = text(delta.text) ?? text(delta.partial_json) ?? text(delta.thinking);
    return said === null ? [] : [{ type: 'block-delta', index, text: said }];
  }

  #blockStop(position: unknown): NeutralEvent[] {
    const open = this.#open.get(position);
    if (!open) return [];
    this.#open.delete(position);
    return [{ type: 'block-end', index: open.index, signature: open.signature, encrypted: open.encrypted }];
  }

  #finish({
    stop_reason: reason,
    stop_sequence: sequence,
  }: Readonly<Record<string, unknown>>): NeutralEvent[] {
    if (typeof reason !== 'string') return [];
    const finish = finishes[reason] ?? 'other';
    return [{ type: 'finish', reason: finish, stopSequence: text(sequence), said: reason }];
  }

  #usage(snapshot: unknown): NeutralEvent[] {
    this.#usageSoFar = mergedUsage(this.#usageSoFar, snapshot);
    const usage = readMessagesUsage(this.#usageSoFar);
    const serviceTier = text(record(snapshot)?.service_tier);
    return usage ? [{ type: 'usage', usage, serviceTier, isPartial: !this.#isWritten }] : [];
  }

  #stop(): NeutralEvent[] {
    if (this.#ended) return [];
    this.#ended = true;
    return [{ type: 'end' }];
  }
}

const unknownError = {
  type: 'upstream_error',
  message: 'the provider sent an error without words',
  code: null,
};

function headOf(block: Readonly<Record<string, unknown>>): NeutralBlockHead | null {
  switch (block.type) {
    case 'text':
      return { type: 'text' };
    case 'thinking':
    case 'redacted_thinking':
      return { type: 'reasoning' };
    case 'tool_use':
      return { type: 'tool-call', id: text(block.id) ?? '', name: text(block.name) ?? '' };
    default:
      return null; // tools that the provider runs itself: a translated request cannot ask for them
  }
}

// A call whose arguments are there at once; in a stream `input` is {} and they follow in pieces.
function inputOf(block: Readonly<Record<string, unknown>>): string | null {
  const input = record(block.input);
  return input && Object.keys(input).length > 0 ? JSON.stringify(input) : null;
}

function citationOf(citation: Readonly<Record<string, unknown>>): NeutralCitation {
  return {
    url: text(citation.url) ?? text(citation.source),
    title: text(citation.title) ?? text(citation.document_title),
    quote: text(citation.cited_text),
  };
}
