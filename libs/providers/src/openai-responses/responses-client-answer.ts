import type { Usage } from '@loom/trace-schema';
import { parseRecord, record } from '../json-values.ts';
import { type AnswerContext, cannotTell, type StreamWriter } from '../neutral/halves.ts';
import {
  AnswerFold,
  argumentsOf,
  type NeutralAnswer,
  type NeutralAnswerBlock,
  type NeutralBlockHead,
  type NeutralCitation,
  type NeutralEvent,
  type NeutralLogprob,
} from '../neutral/neutral-answer.ts';
import { argumentsObject } from '../neutral/arguments-object.ts';
import type { NeutralImage, NeutralToolCall, ToolPlace } from '../neutral/neutral-request.ts';
import { asksForCompaction, compactionItem, openCompaction } from './compaction.ts';
import { sealReasoning } from './reasoning-seal.ts';

/* Grammar of the stream: responses-answer.ts. */

/** Usage as the Responses API tells it: input contains the cache, output the reasoning. */
function responsesUsage(usage: Usage): Readonly<Record<string, unknown>> {
  return {
    input_tokens: usage.inputTokens,
    input_tokens_details: {
      cached_tokens: usage.cacheReadInputTokens,
      ...(usage.cacheWriteInputTokens > 0 ? { cache_write_tokens: usage.cacheWriteInputTokens } : {}),
    },
    output_tokens: usage.outputTokens,
    output_tokens_details: { reasoning_tokens: usage.reasoningOutputTokens },
    total_tokens: usage.inputTokens + usage.outputTokens,
  };
}

/** Members of the request that a response repeats, with what they are when the request does not say. */
function repeated({ bytes }: AnswerContext): Readonly<Record<string, unknown>> {
  const body = parseRecord(bytes.toString('utf8')) ?? {};
  const reasoning = record(body.reasoning);
  return {
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    reasoning: { effort: reasoning?.effort ?? null, summary: reasoning?.summary ?? null },
    store: false,
    temperature: body.temperature ?? 1,
    text: record(body.text) ?? { format: { type: 'text' } },
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    truncation: 'disabled',
    user: body.user ?? null,
  };
}

function responseOf(
  answer: NeutralAnswer,
  context: AnswerContext,
  items: readonly object[],
): Record<string, unknown> {
  const reason = incompleteReason(answer);
  return {
    id: `resp_${context.id}`,
    object: 'response',
    created_at: context.created,
    status: reason === null ? 'completed' : 'incomplete',
    background: false,
    error: null,
    incomplete_details: reason === null ? null : { reason },
    model: answer.model ?? context.requestModel,
    output: items,
    ...repeated(context),
    ...(answer.serviceTier === null ? {} : { service_tier: answer.serviceTier }),
    usage: answer.usage ? responsesUsage(answer.usage) : null,
  };
}

function incompleteReason({ finish }: NeutralAnswer): string | null {
  if (finish?.reason === 'length' || finish?.reason === 'context-window') return 'max_output_tokens';
  return finish?.reason === 'content-filter' ? 'content_filter' : null;
}

/** A whole answer as a response. It is not stored anywhere, and says so. */
export function writeResponse(answer: NeutralAnswer, context: AnswerContext): Record<string, unknown> {
  const items = asksForCompaction(context)
    ? [compactionItem(answer, context)]
    : answer.content.map((block, index) => itemOf(block, itemId(context, block.type, index)));
  return responseOf(answer, context, items);
}

const prefixes = {
  ...{ text: 'msg', refusal: 'msg', reasoning: 'rs', 'tool-call': 'fc', image: 'ig', audio: 'msg' },
} as const;

/** The same id in every event of an item, and in the answer. */
function itemId(context: AnswerContext, kind: NeutralBlockHead['type'], index: number): string {
  return `${prefixes[kind]}_${context.id}_${index}`;
}

function itemOf(block: NeutralAnswerBlock, id: string): Readonly<Record<string, unknown>> {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return { id, type: 'message', role: 'assistant', status: 'completed', content: [partOf(block)] };
    case 'tool-call':
      return callItem(block, id);
    case 'image':
      return { id, type: 'image_generation_call', status: 'completed', result: dataOf(block) };
    case 'audio':
      throw cannotTell('audio', 'the Responses API');
    case 'reasoning': {
      const sealed = sealReasoning(block.signature, block.encrypted);
      return {
        ...{
          id,
          type: 'reasoning',
          summary: block.text === '' ? [] : [{ type: 'summary_text', text: block.text }],
        },
        ...(sealed === null ? {} : { encrypted_content: sealed }),
      };
    }
  }
}

function callItem(
  { id: call_id, name, namespace, isFreeText, isToolSearch, arguments: said }: NeutralToolCall,
  id: string,
): Readonly<Record<string, unknown>> {
  const state = { id, status: 'completed' };
  if (isToolSearch) {
    const found = { execution: 'client', arguments: argumentsObject(said) };
    return { ...state, type: 'tool_search_call', call_id, ...found };
  }
  const place = { ...(namespace === undefined ? {} : { namespace }), call_id, name };
  return isFreeText
    ? { ...state, type: 'custom_tool_call', ...place, input: said }
    : { ...state, type: 'function_call', ...place, arguments: said };
}

// The item has bytes only.
function dataOf({ source }: NeutralImage): string {
  return source.type === 'data' ? source.data : source.url;
}

function partOf(
  block: Extract<NeutralAnswerBlock, { type: 'text' | 'refusal' }>,
): Readonly<Record<string, unknown>> {
  if (block.type === 'refusal') return { type: 'refusal', refusal: block.text };
  const { text, citations = [], logprobs } = block;
  return {
    ...{ type: 'output_text', text, annotations: citations.flatMap(annotationOf) },
    ...(logprobs ? { logprobs: logprobs.map(logprobOf) } : {}),
  };
}

interface Open {
  readonly head: NeutralBlockHead;
  readonly id: string;
  readonly place: number;
  hasPart: boolean;
}

/** Writes a Responses stream: each event numbered, each item opened before anything is said of it. */
export class ResponsesStreamWriter implements StreamWriter {
  readonly #context: AnswerContext;
  readonly #fold = new AnswerFold();
  readonly #open = new Map<number, Open>();
  readonly #items: object[] = [];
  /** What the model writes becomes one item, at the end. */
  readonly #compacts: boolean;
  #sequence = 0;
  #places = 0;
  #isStarted = false;

  constructor(context: AnswerContext) {
    this.#context = context;
    this.#compacts = asksForCompaction(context);
  }

  push(neutral: NeutralEvent): string {
    this.#fold.push(neutral);
    if (this.#compacts && 'index' in neutral) return '';
    switch (neutral.type) {
      case 'start':
        return this.#start();
      case 'block-start':
        return this.#blockStart(neutral.index, neutral.block);
      case 'block-delta':
        return this.#delta(neutral.index, neutral.text);
      case 'citation':
        return this.#citation(neutral.index, neutral.citation);
      case 'block-end':
        return this.#blockEnd(neutral.index);
      case 'end':
        return this.#end();
      case 'logprobs': // in the item, when it is done
      case 'finish':
      case 'usage':
      case 'error': // the gateway ends the stream with it
        return '';
    }
  }

  #start(): string {
    if (this.#isStarted) return '';
    this.#isStarted = true;
    const response = { ...responseOf(this.#fold.answer(), this.#context, []), status: 'in_progress' };
    const created =
      this.#event('response.created', { response }) + this.#event('response.in_progress', { response });
    if (!this.#compacts) return created;
    const item = openCompaction(this.#context);
    return created + this.#event('response.output_item.added', { output_index: 0, item });
  }

  #blockStart(index: number, head: NeutralBlockHead): string {
    const place = this.#places++;
    const open = { head, id: itemId(this.#context, head.type, place), place, hasPart: false };
    this.#open.set(index, open);
    const item = { ...itemOf(emptyBlock(head), open.id), ...emptyItem(head) };
    return this.#event('response.output_item.added', { output_index: place, item });
  }

  #delta(index: number, said: string): string {
    const open = this.#open.get(index);
    if (!open || said === '') return '';
    const opened = this.#openPart(open);
    const place = this.#placeOf(open);
    switch (open.head.type) {
      case 'text':
        return opened + this.#event('response.output_text.delta', { ...place, delta: said, logprobs: [] });
      case 'refusal':
        return opened + this.#event('response.refusal.delta', { ...place, delta: said });
      case 'reasoning':
        return opened + this.#event('response.reasoning_summary_text.delta', { ...place, delta: said });
      case 'tool-call':
        if (open.head.isToolSearch) return opened; // its arguments come whole
        return opened + this.#event(`response.${callEvent(open.head)}.delta`, { ...place, delta: said });
      case 'image':
      case 'audio':
        return '';
    }
  }

  #citation(index: number, citation: NeutralCitation): string {
    const open = this.#open.get(index);
    const [annotation] = annotationOf(citation);
    if (!open || !annotation) return '';
    const place = { ...this.#placeOf(open), annotation_index: 0, annotation };
    return this.#openPart(open) + this.#event('response.output_text.annotation.added', place);
  }

  // A part is opened with its first words: an item that says nothing has none.
  #openPart(open: Open): string {
    if (open.hasPart || !hasParts(open.head)) return '';
    open.hasPart = true;
    const type =
      open.head.type === 'reasoning'
        ? 'response.reasoning_summary_part.added'
        : 'response.content_part.added';
    return this.#event(type, { ...this.#placeOf(open), part: emptyPart(open.head) });
  }

  #blockEnd(index: number): string {
    const open = this.#open.get(index);
    const block = this.#fold.answer().content[index];
    if (!open || !block) return '';
    this.#open.delete(index);
    const item = itemOf(block, open.id);
    this.#items[open.place] = item;
    const part = this.#partDone(open, block);
    return part + this.#event('response.output_item.done', { output_index: open.place, item });
  }

  #partDone(open: Open, block: NeutralAnswerBlock): string {
    const place = this.#placeOf(open);
    if (block.type === 'tool-call') {
      if (block.isToolSearch) return '';
      const type = `response.${callEvent(block)}.done`;
      if (block.isFreeText) return this.#event(type, { ...place, input: block.arguments });
      return this.#event(type, { ...place, name: block.name, arguments: argumentsOf(block.arguments) });
    }
    if (block.type === 'image' || block.type === 'audio') return '';
    if (!open.hasPart && block.type === 'reasoning') return '';
    const opened = this.#openPart(open);
    if (block.type === 'reasoning') {
      const part = { type: 'summary_text', text: block.text };
      const done = this.#event('response.reasoning_summary_text.done', { ...place, text: block.text });
      return opened + done + this.#event('response.reasoning_summary_part.done', { ...place, part });
    }
    const said =
      block.type === 'refusal'
        ? this.#event('response.refusal.done', { ...place, refusal: block.text })
        : this.#event('response.output_text.done', { ...place, text: block.text, logprobs: [] });
    return opened + said + this.#event('response.content_part.done', { ...place, part: partOf(block) });
  }

  #placeOf({ head, id, place }: Open): Readonly<Record<string, unknown>> {
    const within = !hasParts(head)
      ? {}
      : head.type === 'reasoning'
        ? { summary_index: 0 }
        : { content_index: 0 };
    return { item_id: id, output_index: place, ...within };
  }

  #end(): string {
    const started = this.#start() + (this.#compacts ? this.#compaction() : '');
    const response = responseOf(this.#fold.answer(), this.#context, this.#items);
    return started + this.#event(`response.${String(response.status)}`, { response });
  }

  #compaction(): string {
    const item = compactionItem(this.#fold.answer(), this.#context);
    this.#items.push(item);
    return this.#event('response.output_item.done', { output_index: 0, item });
  }

  #event(type: string, members: object): string {
    const data = JSON.stringify({ type, sequence_number: this.#sequence++, ...members });
    return `event: ${type}\ndata: ${data}\n\n`;
  }
}

/** Whether what is said in an item is a part of it. */
function hasParts({ type }: NeutralBlockHead): boolean {
  return type === 'text' || type === 'refusal' || type === 'reasoning';
}

function callEvent({ isFreeText }: ToolPlace): string {
  return isFreeText ? 'custom_tool_call_input' : 'function_call_arguments';
}

function emptyBlock(head: NeutralBlockHead): NeutralAnswerBlock {
  if (head.type === 'tool-call') return { ...head, arguments: '' };
  if (head.type === 'image' || head.type === 'audio') return head;
  if (head.type === 'reasoning') return { type: 'reasoning', text: '', signature: null, encrypted: null };
  return { type: head.type, text: '' };
}

function emptyItem(head: NeutralBlockHead): object {
  if (head.type === 'reasoning' || head.type === 'audio') return {};
  if (head.type === 'image') return { status: 'in_progress', result: null };
  return head.type === 'tool-call' ? { status: 'in_progress' } : { status: 'in_progress', content: [] };
}

function emptyPart(head: NeutralBlockHead): object {
  if (head.type === 'reasoning') return { type: 'summary_text', text: '' };
  return head.type === 'refusal'
    ? { type: 'refusal', refusal: '' }
    : { type: 'output_text', text: '', annotations: [] };
}

function annotationOf({ url, title }: NeutralCitation): object[] {
  return url === null
    ? []
    : [{ type: 'url_citation', url, title: title ?? url, start_index: 0, end_index: 0 }];
}

function logprobOf({ token, logprob, top }: NeutralLogprob): object {
  const withBytes = (one: { token: string; logprob: number }) => ({
    ...one,
    bytes: [...Buffer.from(one.token)],
  });
  return { ...withBytes({ token, logprob }), top_logprobs: top.map(withBytes) };
}
