import type { Usage } from '@loom/trace-schema';
import { type AnswerFacts, type MutableFacts, newFacts, toFacts } from '../answer-facts.ts';
import { readProviderError } from '../provider-error.ts';
import { isRecordList, parseRecord, record, text } from '../json-values.ts';
import type { WireEvent } from '../neutral/halves.ts';
import { sseData } from '../sse.ts';
import { factsOfStream, type StreamFacts } from '../stream-facts.ts';
import { withUses } from '../usage-details.ts';
import { executedToolsOf, readUsageOfChat } from './chat-usage.ts';

/**
 * Reads the facts of a chat answer. Of a stream only the events that can hold a fact are parsed: the first, those
 * with a finish reason, usage or an error. Malformed events are passed over.
 */
export function readAnswerFacts(bytes: Buffer, stream: boolean): AnswerFacts {
  if (stream) return factsOfStream(bytes, new ChatFacts());
  const facts = newFacts();
  const body = parseRecord(bytes.toString('utf8'));
  if (body) take(body, facts);
  facts.ended = facts.error !== null || isRecordList(body?.choices);
  return toFacts(facts);
}

/**
 * The usage at the end of a JSON answer of which only the last bytes are there: the object after its last `"usage"`.
 */
export function readTailUsage(
  tail: Buffer,
  readUsage: (value: unknown) => Usage | null,
  member = 'usage',
): Usage | null {
  const text = tail.toString('utf8');
  const from = text.indexOf('{', text.lastIndexOf(`"${member}"`));
  if (from < 0 || !text.includes(`"${member}"`)) return null;
  for (let end = text.indexOf('}', from); end >= 0; end = text.indexOf('}', end + 1)) {
    const usage = readUsage(parseRecord(text.slice(from, end + 1)));
    if (usage) return usage;
  }
  return null;
}

const factHint = /"(?:usage|finish_reason|x_groq)"\s*:\s*["{]|"executed_tools"\s*:|"error"\s*:|\[DONE\]/;

/** Facts of a stream of chat or legacy completions. */
export class ChatFacts implements StreamFacts {
  readonly #facts = newFacts();
  #isFirst = true;
  /** Tools that ran at the provider, by the last chunk that told of them. */
  #tools: Readonly<Record<string, number>> = {};

  mayHold(events: string): boolean {
    return this.#isFirst || factHint.test(events);
  }

  push({ data }: WireEvent): void {
    if (data.startsWith('[DONE]')) {
      this.#facts.ended = true;
      return;
    }
    const chunk = parseRecord(data);
    if (!chunk) return;
    this.#isFirst = false;
    take(chunk, this.#facts);
    const tools = executedToolsOf(chunk);
    if (Object.keys(tools).length > 0) this.#tools = tools;
    if (this.#facts.finishReasons.size > 0) this.#facts.ended = true;
  }

  facts(): AnswerFacts {
    const { usage } = this.#facts;
    return { ...toFacts(this.#facts), usage: usage && withUses(usage, this.#tools) };
  }
}

function take(body: Record<string, unknown>, facts: MutableFacts): void {
  facts.responseId ??= text(body.id);
  facts.responseModel ??= text(body.model);
  facts.serviceTier = text(body.service_tier) ?? facts.serviceTier;
  facts.systemFingerprint ??= text(body.system_fingerprint);
  // The last snapshot wins: providers that repeat usage send it cumulative.
  facts.usage = readUsageOfChat(body) ?? facts.usage;
  facts.error ??= readProviderError(body.error) ?? (body.object === 'error' ? readProviderError(body) : null);
  if (Array.isArray(body.choices)) {
    for (const choice of body.choices) {
      facts.error ??= readProviderError(record(choice)?.error); // OpenRouter
      const reason = text(record(choice)?.finish_reason);
      if (reason) facts.finishReasons.add(reason);
    }
  }
}

interface AssembledToolCall {
  id: string | null;
  type: string;
  function: { name: string; arguments: string };
}

interface AssembledChoice {
  index: number;
  message: Record<string, unknown> & { role: string; content: string | null };
  finish_reason: string | null;
  readonly toolCalls: Map<number, AssembledToolCall>;
}

/**
 * The answer as one chat completion: a JSON body as it is, a stream put together from its chunks. Null when there is
 * nothing to put together. Unknown members of the first chunk and unknown string deltas are kept.
 */
export function assembleAnswer(bytes: Buffer, stream: boolean): Record<string, unknown> | null {
  if (!stream) return parseRecord(bytes.toString('utf8'));
  let completion: Record<string, unknown> | null = null;
  const choices = new Map<number, AssembledChoice>();
  let usage: unknown = null;
  let error: unknown = null;
  for (const data of sseData(bytes)) {
    const chunk = parseRecord(data);
    if (!chunk) continue;
    completion ??= { ...chunk, object: 'chat.completion' };
    usage = chunk.usage ?? usage;
    error = chunk.error ?? error;
    if (!Array.isArray(chunk.choices)) continue;
    for (const value of chunk.choices) addDelta(choices, record(value));
  }
  if (!completion) return null;
  delete completion.usage;
  const ordered = [...choices.values()].sort((a, b) => a.index - b.index);
  return {
    ...completion,
    choices: ordered.map(({ toolCalls, message, ...choice }) => ({
      ...choice,
      message: toolCalls.size === 0 ? message : { ...message, tool_calls: [...toolCalls.values()] },
    })),
    ...(usage ? { usage } : {}),
    ...(error ? { error } : {}),
  };
}

function addDelta(choices: Map<number, AssembledChoice>, value: Record<string, unknown> | null): void {
  if (!value) return;
  const index = typeof value.index === 'number' ? value.index : 0;
  const choice = choices.get(index) ?? {
    index,
    message: { role: 'assistant', content: null },
    finish_reason: null,
    toolCalls: new Map<number, AssembledToolCall>(),
  };
  choices.set(index, choice);
  choice.finish_reason = text(value.finish_reason) ?? choice.finish_reason;
  const delta = record(value.delta) ?? {};
  for (const [name, part] of Object.entries(delta)) {
    if (name === 'role') choice.message.role = text(part) ?? choice.message.role;
    else if (name === 'tool_calls') addToolCalls(choice.toolCalls, part);
    else if (typeof part === 'string') choice.message[name] = (text(choice.message[name]) ?? '') + part;
    else if (Array.isArray(part) && Array.isArray(choice.message[name]))
      choice.message[name].push(...(part as unknown[]));
    else if (part !== null && part !== undefined) choice.message[name] ??= part;
  }
}

function addToolCalls(calls: Map<number, AssembledToolCall>, value: unknown): void {
  if (!Array.isArray(value)) return;
  for (const [position, item] of value.entries()) {
    const delta = record(item);
    if (!delta) continue;
    const index = typeof delta.index === 'number' ? delta.index : position;
    const call = calls.get(index) ?? { id: null, type: 'function', function: { name: '', arguments: '' } };
    calls.set(index, call);
    call.id = text(delta.id) ?? call.id;
    call.type = text(delta.type) ?? call.type;
    const part = record(delta.function);
    call.function.name += text(part?.name) ?? '';
    call.function.arguments += text(part?.arguments) ?? '';
  }
}

/** What the model said, as plain text: content, reasoning, refusals and tool calls of every choice. For search and counts. */
export function answerText(bytes: Buffer, stream: boolean): string {
  const completion = assembleAnswer(bytes, stream);
  if (!completion || !Array.isArray(completion.choices)) return '';
  const parts: string[] = [];
  for (const choice of completion.choices) {
    const message = record(record(choice)?.message);
    if (!message) continue;
    for (const name of ['reasoning_content', 'reasoning', 'content', 'refusal']) {
      const value = message[name];
      if (typeof value === 'string') parts.push(value);
      else if (Array.isArray(value)) parts.push(...value.flatMap((part) => text(record(part)?.text) ?? []));
    }
    if (!Array.isArray(message.tool_calls)) continue;
    for (const call of message.tool_calls) {
      const called = record(record(call)?.function);
      if (called) parts.push(`${text(called.name) ?? ''} ${text(called.arguments) ?? ''}`);
    }
  }
  return parts.filter((part) => part !== '').join('\n');
}
