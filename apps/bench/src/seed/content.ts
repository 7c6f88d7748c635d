import { answer, question, systemPrompt, toolArguments, toolResult } from './phrases.ts';
import type { Random } from './random.ts';

/** Request and answer of one span as bytes, with the words that are searched and shown. */
export interface SpanContent {
  readonly request: Buffer;
  readonly requestText: string;
  readonly lastUserText: string;
  /** Null when nothing was answered. */
  readonly response: Buffer | null;
  readonly responseText: string;
  /** Bytes of each event of a stream; empty for an answer in one piece. */
  readonly chunkLengths: readonly number[];
}

export interface ContentOptions {
  readonly operation: string;
  readonly model: string;
  readonly feature: string;
  readonly tool: string | null;
  readonly stream: boolean;
  readonly finishReason: string;
  /** Null when the call has no answer. */
  readonly error: { readonly message: string; readonly type: string } | null;
  readonly usage: { readonly input: number; readonly output: number };
  /** Said instead of a drawn question and answer. */
  readonly text?: string | Buffer;
}

type Message = Record<string, unknown>;

/** What was said in a call: chats with several turns, tools and results; other operations with their input and output. */
export function contentOf(random: Random, options: ContentOptions): SpanContent {
  const asked = question(random, options.feature);
  const said = typeof options.text === 'string' ? options.text : answer(random);
  const request = requestOf(random, options, asked);
  const text = options.error ? '' : said;
  const { bytes, chunkLengths } = responseOf(random, options, text);
  return {
    request: options.text instanceof Buffer ? options.text : Buffer.from(JSON.stringify(request)),
    requestText: asked,
    lastUserText: asked,
    response: bytes,
    responseText: text,
    chunkLengths,
  };
}

function requestOf(random: Random, options: ContentOptions, asked: string): unknown {
  if (options.operation === 'execute_tool') return toolArguments(random, options.tool ?? 'tool');
  if (options.operation === 'embeddings') return { model: options.model, input: [asked] };
  if (options.operation === 'retrieval') return { query: asked, top_k: 8 };
  if (options.operation !== 'chat') return { input: asked };
  const messages: Message[] = [{ role: 'system', content: systemPrompt }];
  for (let turn = random.int(0, 3); turn > 0; turn -= 1) messages.push(...earlierTurn(random, options));
  messages.push({ role: 'user', content: typeof options.text === 'string' ? options.text : asked });
  const { model, stream } = options;
  return {
    model,
    messages,
    temperature: 0.2,
    ...(stream && { stream, stream_options: { include_usage: true } }),
  };
}

function earlierTurn(random: Random, { feature, tool }: ContentOptions): Message[] {
  const user = { role: 'user', content: question(random, feature) };
  if (!tool || random.chance(0.4)) return [user, { role: 'assistant', content: answer(random) }];
  const id = `call_${random.hex(24)}`;
  const call = { name: tool, arguments: JSON.stringify(toolArguments(random, tool)) };
  return [
    user,
    { role: 'assistant', content: null, tool_calls: [{ id, type: 'function', function: call }] },
    { role: 'tool', tool_call_id: id, content: JSON.stringify(toolResult(random)) },
    { role: 'assistant', content: answer(random) },
  ];
}

function responseOf(
  random: Random,
  options: ContentOptions,
  text: string,
): { bytes: Buffer | null; chunkLengths: number[] } {
  const inOnePiece = (value: unknown) => ({ bytes: Buffer.from(JSON.stringify(value)), chunkLengths: [] });
  if (options.error) return inOnePiece({ error: options.error });
  if (options.operation === 'execute_tool') return inOnePiece(toolResult(random));
  if (options.operation === 'embeddings') {
    const embedding = Array.from({ length: 16 }, () => Math.round(random.unit() * 2000 - 1000) / 10_000);
    return inOnePiece({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding }],
      model: options.model,
    });
  }
  if (options.operation === 'retrieval')
    return inOnePiece({ documents: [toolResult(random), toolResult(random)] });
  if (options.operation !== 'chat') return inOnePiece({ output: text });
  return options.stream ? streamOf(random, options, text) : inOnePiece(completionOf(random, options, text));
}

function completionOf(random: Random, options: ContentOptions, content: string) {
  const { finishReason, model, usage } = options;
  const message: Message =
    finishReason === 'tool_calls' && options.tool
      ? {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: `call_${random.hex(24)}`, type: 'function', function: { name: options.tool, arguments: JSON.stringify(toolArguments(random, options.tool)) } }],
        } // prettier-ignore
      : { role: 'assistant', content };
  return {
    id: `chatcmpl-${random.hex(24)}`,
    object: 'chat.completion',
    model,
    choices: [{ index: 0, message, finish_reason: finishReason }],
    usage: usageOf(usage),
  };
}

function streamOf(
  random: Random,
  options: ContentOptions,
  text: string,
): { bytes: Buffer; chunkLengths: number[] } {
  const id = `chatcmpl-${random.hex(24)}`;
  const head = { id, object: 'chat.completion.chunk', model: options.model };
  const event = (delta: Message, finish_reason: string | null) =>
    `data: ${JSON.stringify({ ...head, choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
  const pieces = text.length > 20_000 ? [text] : (text.match(/[\s\S]{1,24}/gu) ?? []);
  const events = [
    event({ role: 'assistant', content: '' }, null),
    ...pieces.map((content) => event({ content }, null)),
    event({}, options.finishReason),
    `data: ${JSON.stringify({ ...head, choices: [], usage: usageOf(options.usage) })}\n\n`,
    'data: [DONE]\n\n',
  ].map((line) => Buffer.from(line));
  return { bytes: Buffer.concat(events), chunkLengths: events.map((bytes) => bytes.length) };
}

function usageOf({ input, output }: ContentOptions['usage']) {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}
