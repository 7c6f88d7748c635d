import { LoomError } from '@loom/errors';
import type { CallError, Usage } from '@loom/trace-schema';
import { count, eventObject, numberOf, record, records, text } from '../json-values.ts';
import { cannotTell, type ProviderHalf, type StreamReader, type WireEvent } from '../neutral/halves.ts';
import type {
  NeutralBlockHead,
  NeutralCitation,
  NeutralEvent,
  NeutralFinish,
} from '../neutral/neutral-answer.ts';
import { cacheWriteParts, detailsOf, toolUses } from '../usage-details.ts';
import { features } from '../neutral/neutral-request.ts';
import type { ToolIdRule } from '../neutral/tool-ids.ts';
import { mistralIds } from '../openai-chat/chat-habits.ts';
import { writeConverseRequest } from './converse-request.ts';

/*
 * An answer of Bedrock's Converse API, and its stream as frames of application/vnd.amazon.eventstream:
 *
 *   { output: { message: { role, content: block[] } }, stopReason, usage, metrics }
 *   block: { text } | { toolUse } | { reasoningContent } | { image: { format, source: { bytes } } }
 *        | { citationsContent: { content: { text }[], citations: citation[] } }
 *   citation: { title?, location?: { web?: { url } }, sourceContent?: { text }[] }
 *   usage: { inputTokens, outputTokens, totalTokens, cacheReadInputTokens?, cacheWriteInputTokens? }   disjoint
 *
 *   messageStart { role } · contentBlockStart { contentBlockIndex, start: { toolUse? | image? } }     not sent before text
 *   contentBlockDelta { contentBlockIndex, delta: { text } | { toolUse: { input } } | { image: { source: { bytes } } }
 *                       | { citation } | { reasoningContent: { text } | { signature } | { redactedContent } } }
 *   contentBlockStop { contentBlockIndex } · messageStop { stopReason } · metadata { usage }  in either order
 *   …Exception { message }                                                                    the end
 */

const finishes: Readonly<Record<string, NeutralFinish>> = {
  end_turn: 'stop',
  stop_sequence: 'stop',
  tool_use: 'tool-calls',
  max_tokens: 'length',
  model_context_window_exceeded: 'context-window',
  guardrail_intervened: 'content-filter',
  content_filtered: 'content-filter',
};

const lacks = new Set([
  'frequency_penalty',
  'presence_penalty',
  'logit_bias',
  'logprobs',
  'n',
  'seed',
  'image.url',
]);
const lacksToo = new Set([
  'file.url',
  'audio',
  'parallel_tool_calls',
  'strict_tools',
  'end_user',
  'metadata',
]);
const lacksFormats = new Set(['response_format.json', 'response_format.schema', 'service_tier']);

/** docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html */
const toolIds: ToolIdRule = { pattern: /^[a-zA-Z0-9_-]{1,64}$/, prefix: 'tooluse_', length: 30 };

/** Models on AWS Bedrock, by its Converse API. */
export const bedrockProvider: ProviderHalf = {
  wire: 'bedrock-converse',
  framing: 'eventstream',
  carries: new Set(
    features.filter((feature) => !lacks.has(feature) && !lacksToo.has(feature) && !lacksFormats.has(feature)),
  ),
  toolIds: (model) => (/mistral|ministral/.test(model) ? mistralIds : toolIds),
  writeRequest: writeConverseRequest,
  readAnswer,
  streamReader: () => new ConverseStreamReader(),
  readError: readBedrockError,
};

// { message } or { Message }; the type stands in a header that is not told here.
function readBedrockError(body: unknown): CallError | null {
  const message = text(record(body)?.message) ?? text(record(body)?.Message);
  return message === null ? null : { type: 'upstream_error', message: message.slice(0, 2000), code: null };
}

/** The usage of an answer; null when it tells none. */
function readConverseUsage(answer: Readonly<Record<string, unknown>>): Usage | null {
  const usage = record(answer.usage);
  if (!usage || !('inputTokens' in usage || 'outputTokens' in usage)) return null;
  const cacheRead = count(usage.cacheReadInputTokens);
  const cacheWrite = count(usage.cacheWriteInputTokens);
  // [{ ttl: '5m' | '1h', inputTokens }], https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CacheDetail.html
  const lifetimes = records(usage.cacheDetails).map(
    ({ ttl, inputTokens }) => [`ephemeral_${text(ttl) ?? '5m'}_input_tokens`, inputTokens] as const,
  );
  return {
    inputTokens: count(usage.inputTokens) + cacheRead + cacheWrite,
    cacheReadInputTokens: cacheRead,
    cacheWriteInputTokens: cacheWrite,
    inputAudioTokens: 0,
    outputTokens: count(usage.outputTokens),
    reasoningOutputTokens: 0,
    outputAudioTokens: 0,
    ...detailsOf({
      parts: cacheWriteParts(Object.fromEntries(lifetimes), cacheWrite),
      uses: toolUses(snakeCase(usage.serverToolUsage)),
      terms: { latency: record(answer.performanceConfig)?.latency },
    }),
  };
}

/** { webSearchRequests: 1 } as Anthropic's own API has it. */
function snakeCase(value: unknown): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(record(value) ?? {}).map(([name, told]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      told,
    ]),
  );
}

/** { serviceTier: { type: 'flex' } } beside the usage. */
function tierOf({ serviceTier }: Readonly<Record<string, unknown>>): string | null {
  return text(record(serviceTier)?.type) ?? text(serviceTier);
}

function readAnswer(body: unknown): NeutralEvent[] {
  const answer = record(body);
  const message = record(record(answer?.output)?.message);
  if (!answer || !message)
    throw new LoomError('upstream_failed', 'the answer has no "output.message"', {
      reason: 'malformed_answer',
    });
  const reader = new ConverseStreamReader();
  const events = reader.take('messageStart', {});
  for (const [contentBlockIndex, block] of records(message.content).entries()) {
    const toolUse = record(block.toolUse);
    if (toolUse) {
      const input = JSON.stringify(toolUse.input ?? {});
      events.push(...reader.take('contentBlockStart', { contentBlockIndex, start: { toolUse } }));
      events.push(...reader.take('contentBlockDelta', { contentBlockIndex, delta: { toolUse: { input } } }));
    } else {
      if (record(block.image))
        events.push(...reader.take('contentBlockStart', { contentBlockIndex, start: block }));
      events.push(
        ...deltasOf(block).flatMap((delta) => reader.take('contentBlockDelta', { contentBlockIndex, delta })),
      );
    }
    events.push(...reader.take('contentBlockStop', { contentBlockIndex }));
  }
  events.push(...reader.take('messageStop', answer), ...reader.take('metadata', answer), ...reader.end());
  return events;
}

function deltasOf(block: Readonly<Record<string, unknown>>): object[] {
  const cited = record(block.citationsContent);
  if (cited) {
    const said = records(cited.content).map((part) => text(part.text) ?? '');
    return [{ text: said.join('') }, ...records(cited.citations).map((citation) => ({ citation }))];
  }
  const reasoning = record(block.reasoningContent);
  if (!reasoning) return [block];
  const told = record(reasoning.reasoningText);
  if (!told) return [{ reasoningContent: reasoning }];
  return [{ reasoningContent: { text: told.text } }, { reasoningContent: { signature: told.signature } }];
}

/** Blocks that no caller's API has a form for. */
const untold = ['video', 'audio'];

interface Picture {
  readonly format: string;
  readonly pieces: Buffer[];
}

interface Open {
  readonly index: number;
  signature: string | null;
  encrypted: string | null;
}

class ConverseStreamReader implements StreamReader {
  readonly #open = new Map<number, Open>();
  /** Images, which are told when they are whole. */
  readonly #pictures = new Map<number, Picture>();
  #blocks = 0;
  #isStopped = false;

  push({ name, data }: WireEvent): NeutralEvent[] {
    const payload = eventObject(data);
    return payload ? this.take(name, payload) : [];
  }

  end(): NeutralEvent[] {
    return this.#isStopped ? [{ type: 'end' }] : [];
  }

  take(name: string, payload: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const place = numberOf(payload.contentBlockIndex) ?? 0;
    switch (name) {
      case 'messageStart':
        return [{ type: 'start', id: null, model: null }];
      case 'contentBlockStart':
        return this.#start(place, record(payload.start) ?? {});
      case 'contentBlockDelta':
        return this.#delta(place, record(payload.delta) ?? {});
      case 'contentBlockStop':
        return this.#stop(place);
      case 'messageStop':
        return this.#finish(text(payload.stopReason) ?? '');
      case 'metadata': {
        const usage = readConverseUsage(payload);
        return usage ? [{ type: 'usage', usage, serviceTier: tierOf(payload) }] : [];
      }
      default:
        return /exception$|error$/i.test(name) ? [{ type: 'error', error: exceptionOf(name, payload) }] : [];
    }
  }

  // A start without a tool says nothing of what comes: the first delta tells.
  #start(place: number, start: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const image = record(start.image);
    if (image) this.#pictures.set(place, { format: text(image.format) ?? 'png', pieces: [] });
    const toolUse = record(start.toolUse);
    if (!toolUse) return [];
    return this.#openBlock(place, {
      ...{ type: 'tool-call', id: text(toolUse.toolUseId) ?? '' },
      name: text(toolUse.name) ?? '',
    });
  }

  #openBlock(place: number, block: NeutralBlockHead): NeutralEvent[] {
    const index = this.#blocks++;
    this.#open.set(place, { index, signature: null, encrypted: null });
    return [{ type: 'block-start', index, block }];
  }

  #delta(place: number, delta: Readonly<Record<string, unknown>>): NeutralEvent[] {
    const kind = untold.find((name) => record(delta[name]));
    if (kind !== undefined) throw cannotTell(kind, "the caller's API");
    const picture = this.#pictures.get(place);
    const bytes = text(record(record(delta.image)?.source)?.bytes);
    if (picture && bytes !== null) picture.pieces.push(Buffer.from(bytes, 'base64'));
    const reasoning = record(delta.reasoningContent);
    const said = text(delta.text) ?? text(reasoning?.text) ?? text(record(delta.toolUse)?.input);
    const citation = record(delta.citation);
    if (said === null && !reasoning && !citation) return [];
    const events = this.#open.has(place)
      ? []
      : this.#openBlock(place, { type: reasoning ? 'reasoning' : 'text' });
    const open = this.#open.get(place);
    if (!open) return events;
    open.signature = text(reasoning?.signature) ?? open.signature;
    open.encrypted = text(reasoning?.redactedContent) ?? open.encrypted;
    const { index } = open;
    if (citation) events.push({ type: 'citation', index, citation: citationOf(citation) });
    return said === null ? events : [...events, { type: 'block-delta', index, text: said }];
  }

  #stop(place: number): NeutralEvent[] {
    const picture = this.#pictures.get(place);
    this.#pictures.delete(place);
    if (picture) return this.#picture(picture);
    const open = this.#open.get(place);
    this.#open.delete(place);
    if (!open) return [];
    return [{ type: 'block-end', index: open.index, signature: open.signature, encrypted: open.encrypted }];
  }

  #picture({ format, pieces }: Picture): NeutralEvent[] {
    const index = this.#blocks++;
    const data = Buffer.concat(pieces).toString('base64');
    const block = { type: 'image' as const, source: { type: 'data' as const, mediaType: `image/${format}`, data } }; // prettier-ignore
    return [
      { type: 'block-start', index, block },
      { type: 'block-end', index },
    ];
  }

  #finish(said: string): NeutralEvent[] {
    this.#isStopped = true;
    const left = [...this.#open.keys(), ...this.#pictures.keys()].flatMap((place) => this.#stop(place));
    return [...left, { type: 'finish', reason: finishes[said] ?? 'other', stopSequence: null, said }];
  }
}

function citationOf(citation: Readonly<Record<string, unknown>>): NeutralCitation {
  const quotes = records(citation.sourceContent).map((part) => text(part.text) ?? '');
  return {
    url: text(record(record(citation.location)?.web)?.url),
    title: text(citation.title),
    quote: quotes.length === 0 ? null : quotes.join(''),
  };
}

function exceptionOf(name: string, payload: Readonly<Record<string, unknown>>): CallError {
  return { type: name, message: readBedrockError(payload)?.message ?? name, code: null };
}
