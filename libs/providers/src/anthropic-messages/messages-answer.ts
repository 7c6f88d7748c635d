import { type AnswerFacts, type MutableFacts, newFacts, toFacts } from '../answer-facts.ts';
import { readProviderError } from '../provider-error.ts';
import { isRecordList, parseRecord, record, records, text } from '../json-values.ts';
import type { WireEvent } from '../neutral/halves.ts';
import { sseData } from '../sse.ts';
import { factsOfStream, type StreamFacts } from '../stream-facts.ts';
import { mergedUsage, readMessagesUsage } from './messages-usage.ts';

/*
 * A stream of the Anthropic Messages API, one JSON object in the data of each event, its `type` repeated as the event's
 * name:
 *
 *   message_start { message: { id, model, usage, … } }
 *   ( content_block_start { index, content_block } content_block_delta { index, delta }* content_block_stop { index } )*
 *   message_delta { delta: { stop_reason, stop_sequence }, usage }        once or more
 *   message_stop
 *   ping, error { error: { type, message } }                              anywhere
 */

/** Event types that can hold a fact; all others are passed over without being parsed. */
const factHint = /"type"\s*:\s*"(?:message_start|message_delta|message_stop|error)"|"error"\s*:\s*\{/;

/** Reads the facts of an Anthropic answer, whole or as a stream. Malformed events are passed over. */
export function readMessagesFacts(bytes: Buffer, stream: boolean): AnswerFacts {
  if (stream) return factsOfStream(bytes, new MessagesFacts());
  const facts = newFacts();
  const body = parseRecord(bytes.toString('utf8'));
  if (body) takeBody(body, facts);
  return toFacts(facts);
}

function takeBody(body: Readonly<Record<string, unknown>>, facts: MutableFacts): void {
  facts.error = readProviderError(body.error);
  facts.ended = facts.error !== null || isRecordList(body.content) || 'input_tokens' in body;
  takeMessage(body, facts);
  facts.usage = readMessagesUsage(body.usage);
}

function takeMessage(message: Readonly<Record<string, unknown>>, facts: MutableFacts): void {
  facts.responseId ??= text(message.id);
  facts.responseModel ??= text(message.model);
  facts.serviceTier = text(record(message.usage)?.service_tier) ?? facts.serviceTier;
  const reason = text(message.stop_reason);
  if (reason) facts.finishReasons.add(reason);
}

/** Facts of a stream of the Messages API. */
export class MessagesFacts implements StreamFacts {
  readonly #facts = newFacts();
  /** What `message_start` told, and the last of the cumulative figures after it. */
  #usage: Readonly<Record<string, unknown>> = {};
  #isWritten = false;

  mayHold(events: string): boolean {
    return factHint.test(events);
  }

  push({ data }: WireEvent): void {
    if (!factHint.test(data)) return;
    const event = parseRecord(data);
    if (event?.type === 'message_start') {
      const message = record(event.message) ?? {};
      takeMessage(message, this.#facts);
      this.#take(message.usage);
    } else if (event?.type === 'message_delta') {
      takeMessage({ ...record(event.delta), usage: event.usage }, this.#facts);
      this.#take(event.usage);
      this.#isWritten ||= record(event.usage) !== null;
    } else if (event?.type === 'message_stop') this.#facts.ended = true;
    else if (event?.type === 'error' || event?.type === undefined)
      this.#facts.error ??= readProviderError(event?.error); // servers in between leave the type out
  }

  facts(): AnswerFacts {
    const usage = readMessagesUsage(this.#usage);
    const usageIsPartial = usage !== null && !this.#isWritten && !this.#facts.ended;
    return { ...toFacts(this.#facts), usage, usageIsPartial };
  }

  #take(snapshot: unknown): void {
    this.#usage = mergedUsage(this.#usage, snapshot);
  }
}

/** The answer as one message: a JSON body as it is, a stream put together. Unknown blocks and deltas are kept. */
export function assembleMessage(bytes: Buffer, stream: boolean): Record<string, unknown> | null {
  if (!stream) return parseRecord(bytes.toString('utf8'));
  let message = null as Record<string, unknown> | null;
  const blocks: Record<string, unknown>[] = [];
  const inputs = new Map<number, string>();
  for (const data of sseData(bytes)) {
    const event = parseRecord(data);
    if (event?.type === 'message_start') message = { ...record(event.message) };
    else if (event?.type === 'error') message = { ...message, error: event.error };
    else if (event?.type === 'message_delta' && message) {
      const usage = { ...record(message.usage), ...record(event.usage) };
      message = { ...message, ...record(event.delta), usage };
    } else if (event) takeBlockEvent(event, blocks, inputs);
  }
  if (!message) return null;
  for (const [index, json] of inputs) {
    const block = blocks[index];
    if (block && json !== '') block.input = parseRecord(json) ?? json;
  }
  return { ...message, content: blocks.filter(Boolean) };
}

function takeBlockEvent(
  event: Readonly<Record<string, unknown>>,
  blocks: Record<string, unknown>[],
  inputs: Map<number, string>,
): void {
  const index = typeof event.index === 'number' && event.index < 10_000 ? event.index : -1;
  if (index < 0) return;
  if (event.type === 'content_block_start') blocks[index] = { ...record(event.content_block) };
  const delta = record(event.delta);
  const block = blocks[index];
  if (event.type !== 'content_block_delta' || !delta || !block) return;
  if (delta.type === 'input_json_delta') {
    inputs.set(index, (inputs.get(index) ?? '') + (text(delta.partial_json) ?? ''));
  } else if (delta.type === 'citations_delta') {
    block.citations = [...records(block.citations), delta.citation];
  } else {
    for (const [name, part] of Object.entries(delta)) {
      if (name !== 'type' && typeof part === 'string') block[name] = (text(block[name]) ?? '') + part;
    }
  }
}

/** What the model said, as plain text: text, thinking and tool calls. For search and counts. */
export function messageText(bytes: Buffer, stream: boolean): string {
  const parts = records(assembleMessage(bytes, stream)?.content).flatMap((block) => {
    if (block.type === 'text') return text(block.text) ?? [];
    if (block.type === 'thinking') return text(block.thinking) ?? [];
    return typeof block.name === 'string' ? `${block.name} ${JSON.stringify(block.input ?? {})}` : [];
  });
  return parts.join('\n');
}
