import { type AnswerFacts, type MutableFacts, newFacts, toFacts } from '../answer-facts.ts';
import { readProviderError } from '../provider-error.ts';
import { parseRecord, record, records, text } from '../json-values.ts';
import type { WireEvent } from '../neutral/halves.ts';
import { sseData } from '../sse.ts';
import { factsOfStream, type StreamFacts } from '../stream-facts.ts';
import { readUsageOfResponse } from './responses-usage.ts';

/*
 * A stream of the OpenAI Responses API: each event has `type` (repeated as the event's name) and `sequence_number`.
 *
 *   response.created | response.queued | response.in_progress   { response }     the response as it is so far
 *   response.output_item.added | response.output_item.done      { output_index, item }
 *   response.<part>.delta | .done, …                            { output_index, item_id, delta, … }
 *   one end: response.completed | response.incomplete | response.failed  { response }   whole, with usage
 *   error { code, message, param }                              anywhere
 */

const factHint =
  /"type"\s*:\s*"(?:response\.(?:created|queued|in_progress|completed|incomplete|failed)|error)"|"error"\s*:\s*\{/;
const endTypes = new Set(['response.completed', 'response.incomplete', 'response.failed']);

/** Reads the facts of an answer of the Responses API, whole or as a stream. Malformed events are passed over. */
export function readResponsesFacts(bytes: Buffer, stream: boolean): AnswerFacts {
  if (stream) return factsOfStream(bytes, new ResponsesFacts());
  const facts = newFacts();
  const body = parseRecord(bytes.toString('utf8'));
  if (body) takeResponse(body, facts);
  facts.ended = body !== null && (facts.error !== null || typeof body.object === 'string');
  return toFacts(facts);
}

/** Facts of a stream of the Responses API. */
export class ResponsesFacts implements StreamFacts {
  readonly #facts = newFacts();

  mayHold(events: string): boolean {
    return factHint.test(events);
  }

  push({ data }: WireEvent): void {
    if (!factHint.test(data)) return;
    // One recorded stream leaves the last brace of its events out; clients read it all the same.
    const event = parseRecord(data) ?? parseRecord(`${data}}`);
    if (!event) return;
    const isError = event.type === 'error' || event.type === undefined; // servers in between leave the type out
    if (isError) this.#facts.error ??= readProviderError(event.error ?? (event.type ? event : null));
    takeResponse(record(event.response) ?? {}, this.#facts);
    if (endTypes.has(String(event.type))) this.#facts.ended = true;
  }

  facts(): AnswerFacts {
    return toFacts(this.#facts);
  }
}

function takeResponse(response: Readonly<Record<string, unknown>>, facts: MutableFacts): void {
  facts.responseId ??= text(response.id); // copilot rotates ids in mid-stream: the first one was handed out
  facts.responseModel ??= text(response.model);
  facts.serviceTier = text(response.service_tier) ?? facts.serviceTier;
  facts.usage = readUsageOfResponse(response) ?? facts.usage;
  facts.error ??= readProviderError(response.error);
  const { status } = response;
  if (status === 'completed' || status === 'failed' || status === 'cancelled')
    facts.finishReasons.add(status);
  if (status === 'incomplete')
    facts.finishReasons.add(text(record(response.incomplete_details)?.reason) ?? status);
}

/** The answer as one response: a JSON body as it is; of a stream its last whole response, else what its items add up to. */
export function assembleResponse(bytes: Buffer, stream: boolean): Record<string, unknown> | null {
  if (!stream) return parseRecord(bytes.toString('utf8'));
  let response: Record<string, unknown> | null = null;
  const output: unknown[] = [];
  let begun: string[] = []; // of the item that is not done yet
  let error: unknown = null;
  for (const data of sseData(bytes)) {
    const event = parseRecord(data) ?? parseRecord(`${data}}`);
    if (!event) continue;
    response = { ...(record(event.response) ?? response) };
    if (typeof event.delta === 'string') begun.push(event.delta);
    if (event.type === 'response.output_item.done') {
      output.push(event.item);
      begun = [];
    }
    if (event.type === 'error') error = event.error ?? event;
  }
  if (!response) return null;
  if (begun.length > 0) output.push(brokenItem(begun.join('')));
  const whole = records(response.output).length > 0 ? response : { ...response, output };
  return error === null ? whole : { ...whole, error };
}

// What is there of an item whose end never came.
function brokenItem(said: string): object {
  const content = [{ type: 'output_text', text: said, annotations: [] }];
  return { type: 'message', role: 'assistant', status: 'incomplete', content };
}

/** What the model said, as plain text: messages, reasoning summaries and tool calls. For search and counts. */
export function responseText(bytes: Buffer, stream: boolean): string {
  return records(assembleResponse(bytes, stream)?.output)
    .flatMap((item) => [
      ...[...records(item.summary), ...records(item.content)].map(
        (part) => text(part.text) ?? text(part.refusal),
      ),
      typeof item.name === 'string' ? `${item.name} ${text(item.arguments) ?? text(item.input) ?? ''}` : null,
    ])
    .filter((part) => part !== null)
    .join('\n');
}
