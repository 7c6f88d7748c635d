import type { Usage } from '@loom/trace-schema';
import { argumentsObject } from '../neutral/arguments-object.ts';
import type { AnswerContext, StreamWriter } from '../neutral/halves.ts';
import {
  argumentsOf,
  type NeutralAnswer,
  type NeutralAnswerBlock,
  type NeutralBlockHead,
  type NeutralCitation,
  type NeutralEvent,
  type NeutralFinish,
  type NeutralLogprob,
} from '../neutral/neutral-answer.ts';
import type { NeutralReasoning } from '../neutral/neutral-request.ts';
import { typeOfName } from '../neutral/request-builder.ts';
import { geminiEvent } from './gemini-answer.ts';
import { writeGeminiUsage } from './gemini-usage.ts';
import { sealThought } from './thought-seal.ts';

/* Grammar of answers and their streams: gemini-provider.ts. Finish reasons: `FinishReason` of @google/genai. */

const finishReasons: Readonly<Record<NeutralFinish, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  'context-window': 'MAX_TOKENS',
  'tool-calls': 'STOP',
  'content-filter': 'SAFETY',
  refusal: 'SAFETY',
  pause: 'STOP',
  other: 'OTHER',
};

interface Told {
  readonly id: string | null;
  readonly model: string | null;
  readonly usage: Usage | null;
}

/** What is around the candidate in each answer and each event. */
function envelope({ id, model, usage }: Told, context: AnswerContext): object {
  return {
    ...(usage ? { usageMetadata: writeGeminiUsage(usage) } : {}),
    modelVersion: model ?? context.requestModel,
    responseId: id ?? context.id,
  };
}

/** A whole answer as the Gemini API has it. */
export function writeGeminiAnswer(answer: NeutralAnswer, context: AnswerContext): Record<string, unknown> {
  const thoughts = new Thoughts();
  const citations = answer.content.flatMap((block) => block.citations ?? []);
  const logprobs = answer.content.flatMap((block) => block.logprobs ?? []);
  const candidate = {
    content: { parts: answer.content.flatMap((block) => writeBlock(block, thoughts)), role: 'model' },
    finishReason: answer.finish === null ? 'STOP' : finishReasons[answer.finish.reason],
    index: 0,
    ...(citations.length > 0 ? { groundingMetadata: groundingOf(citations) } : {}),
    ...(logprobs.length > 0 ? { logprobsResult: logprobsOf(logprobs) } : {}),
  };
  return { candidates: [candidate], ...envelope(answer, context) };
}

/** The thoughts since the last call: the next call carries them (thought-seal.ts). */
class Thoughts {
  #open: NeutralReasoning[] = [];

  add(reasoning: NeutralReasoning): void {
    this.#open.push(reasoning);
  }

  /** Returns the signature of a call; none where there is nothing to carry. */
  take(own: string | null): { thoughtSignature?: string } {
    const sealed = sealThought({ reasoning: this.#open, signature: own });
    this.#open = [];
    return sealed === null ? {} : { thoughtSignature: sealed };
  }
}

function writeBlock(block: NeutralAnswerBlock, thoughts: Thoughts): object[] {
  switch (block.type) {
    case 'text':
    case 'refusal':
      return block.text === '' ? [] : [{ text: block.text }];
    case 'reasoning':
      thoughts.add(block);
      return [thoughtPart(block.text, block)].flatMap((part) => part ?? []);
    case 'tool-call':
      return [callPart(block, block.arguments, thoughts.take(block.signature ?? null))];
    case 'image':
    case 'audio':
      return [mediaPart(block)];
  }
}

function thoughtPart(
  text: string,
  { signature, encrypted }: Pick<NeutralReasoning, 'signature' | 'encrypted'>,
): object | null {
  const proves = signature !== null || encrypted !== null;
  if (text === '' && !proves) return null;
  const reasoning: NeutralReasoning[] = [{ type: 'reasoning', text: '', signature, encrypted }];
  const sealed = proves ? { thoughtSignature: sealThought({ reasoning, signature: null }) } : {};
  return { text, thought: true, ...sealed };
}

function callPart(
  { id, name }: { readonly id: string; readonly name: string },
  json: string,
  signature: { thoughtSignature?: string },
): object {
  return { functionCall: { id, name, args: argumentsObject(argumentsOf(json)) }, ...signature };
}

function mediaPart(block: Extract<NeutralBlockHead, { type: 'image' | 'audio' }>): object {
  if (block.type === 'audio') return { inlineData: { mimeType: `audio/${block.format}`, data: block.data } };
  const { source } = block;
  return source.type === 'data'
    ? { inlineData: { mimeType: source.mediaType, data: source.data } }
    : { fileData: { mimeType: typeOfName(source.url) ?? 'image/*', fileUri: source.url } };
}

function groundingOf(citations: readonly NeutralCitation[]): object {
  const web = ({ url, title }: NeutralCitation) => ({ web: { uri: url ?? '', title: title ?? url ?? '' } });
  return { groundingChunks: citations.map(web) };
}

function logprobsOf(logprobs: readonly NeutralLogprob[]): object {
  const one = ({ token, logprob }: { token: string; logprob: number }) => ({
    token,
    logProbability: logprob,
  });
  return {
    chosenCandidates: logprobs.map(one),
    topCandidates: logprobs.map(({ top }) => ({ candidates: top.map(one) })),
  };
}

interface Open {
  readonly head: NeutralBlockHead;
  readonly text: string[];
}

/** Writes a stream of the Gemini API: calls whole, the finish reason and the usage in the last event. */
export class GeminiStreamWriter implements StreamWriter {
  readonly #context: AnswerContext;
  readonly #thoughts = new Thoughts();
  readonly #blocks = new Map<number, Open>();
  readonly #citations: NeutralCitation[] = [];
  #id: string | null = null;
  #model: string | null = null;
  #usage: Usage | null = null;
  #finish: NeutralFinish = 'stop';

  constructor(context: AnswerContext) {
    this.#context = context;
  }

  push(event: NeutralEvent): string {
    switch (event.type) {
      case 'start':
        this.#id ??= event.id;
        this.#model ??= event.model;
        return '';
      case 'block-start':
        return this.#open(event.index, event.block);
      case 'block-delta':
        return this.#delta(event.index, event.text);
      case 'block-end':
        return this.#close(event);
      case 'citation':
        this.#citations.push(event.citation);
        return '';
      case 'logprobs':
        return this.#event([], { logprobsResult: logprobsOf(event.logprobs) });
      case 'finish':
        this.#finish = event.reason;
        return '';
      case 'usage':
        this.#usage = event.usage;
        return '';
      case 'error':
        return ''; // the gateway ends the stream with it
      case 'end':
        return this.#end();
    }
  }

  #open(index: number, head: NeutralBlockHead): string {
    this.#blocks.set(index, { head, text: [] });
    return head.type === 'image' || head.type === 'audio' ? this.#event([mediaPart(head)]) : '';
  }

  #delta(index: number, said: string): string {
    const open = this.#blocks.get(index);
    if (!open || said === '') return '';
    open.text.push(said);
    switch (open.head.type) {
      case 'text':
      case 'refusal':
        return this.#event([{ text: said }]);
      case 'reasoning':
        return this.#event([{ text: said, thought: true }]);
      default:
        return '';
    }
  }

  #close({
    index,
    signature = null,
    encrypted = null,
  }: Extract<NeutralEvent, { type: 'block-end' }>): string {
    const open = this.#blocks.get(index);
    this.#blocks.delete(index);
    if (!open) return '';
    const text = open.text.join('');
    if (open.head.type === 'tool-call')
      return this.#event([callPart(open.head, text, this.#thoughts.take(signature))]);
    if (open.head.type !== 'reasoning') return '';
    this.#thoughts.add({ type: 'reasoning', text, signature, encrypted });
    const proof = thoughtPart('', { signature, encrypted });
    return proof ? this.#event([proof]) : '';
  }

  #end(): string {
    const grounding = this.#citations.length > 0 ? { groundingMetadata: groundingOf(this.#citations) } : {};
    return this.#event(
      [{ text: '' }],
      { finishReason: finishReasons[this.#finish], ...grounding },
      this.#usage,
    );
  }

  #event(parts: readonly object[], more: object = {}, usage: Usage | null = null): string {
    const candidate = { content: { parts, role: 'model' }, index: 0, ...more };
    const told = { id: this.#id, model: this.#model, usage };
    return geminiEvent({ candidates: [candidate], ...envelope(told, this.#context) });
  }
}
