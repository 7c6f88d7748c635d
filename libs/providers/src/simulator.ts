/** The built-in model: it answers without any provider, and says that it is a simulation. */
export const simulatorModel = 'loom-sim';

export interface SimulatedAnswer {
  readonly contentType: string;
  /** The answer's bytes in the pieces in which they are sent. */
  readonly chunks: readonly Buffer[];
}

interface SimulatedRequest {
  readonly model: string;
  readonly messages: unknown;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
}

/** An answer in the shape of the OpenAI chat API. Its usage counts words: it is as simulated as the text. */
export function simulateChat(request: SimulatedRequest): SimulatedAnswer {
  const prompt = lastUserText(request.messages);
  const content = `This is loom-sim, the simulator built into Loom; no provider was called. You said: ${prompt.slice(0, 500)}`;
  const words = content.match(/\S+\s*/g) ?? [content];
  const usage = {
    prompt_tokens: Math.max(1, JSON.stringify(request.messages ?? []).split(/\s+/).length),
    completion_tokens: words.length,
    total_tokens: 0,
  };
  usage.total_tokens = usage.prompt_tokens + usage.completion_tokens;
  const base = {
    id: request.id,
    created: request.created,
    model: simulatorModel,
    system_fingerprint: 'fp_loom_sim',
  };
  if (!request.stream) {
    const message = { role: 'assistant', content, refusal: null };
    const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }];
    const body = { ...base, object: 'chat.completion', choices, usage };
    return { contentType: 'application/json', chunks: [Buffer.from(JSON.stringify(body))] };
  }
  const event = (delta: object, finishReason: string | null) =>
    data({
      ...base,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...(request.includeUsage ? { usage: null } : {}),
    });
  return {
    contentType: 'text/event-stream; charset=utf-8',
    chunks: [
      event({ role: 'assistant', content: '' }, null),
      ...words.map((word) => event({ content: word }, null)),
      event({}, 'stop'),
      ...(request.includeUsage
        ? [data({ ...base, object: 'chat.completion.chunk', choices: [], usage })]
        : []),
      Buffer.from('data: [DONE]\n\n'),
    ],
  };
}

function data(value: object): Buffer {
  return Buffer.from(`data: ${JSON.stringify(value)}\n\n`);
}

function lastUserText(messages: unknown): string {
  if (!Array.isArray(messages)) return '';
  for (const message of messages.toReversed() as { role?: unknown; content?: unknown }[]) {
    if (message.role !== 'user') continue;
    if (typeof message.content === 'string') return message.content;
    if (!Array.isArray(message.content)) return '';
    return message.content
      .map((part: { text?: unknown }) => (typeof part.text === 'string' ? part.text : ''))
      .join(' ');
  }
  return '';
}

const dimensions = 16;

/** Embeddings in the shape of OpenAI's API: the same text has the same vector of length 1, and that is all it means. */
export function simulateEmbeddings(request: {
  readonly input: unknown;
  readonly encodingFormat: unknown;
}): SimulatedAnswer {
  const inputs =
    Array.isArray(request.input) && typeof request.input[0] !== 'number' ? request.input : [request.input];
  const data = inputs.map((input: unknown, index) => {
    const vector = vectorOf(typeof input === 'string' ? input : JSON.stringify(input));
    const embedding =
      request.encodingFormat === 'base64'
        ? Buffer.from(Float32Array.from(vector).buffer).toString('base64')
        : vector;
    return { object: 'embedding', index, embedding };
  });
  const tokens = Math.max(1, JSON.stringify(request.input).split(/\s+/).length);
  const usage = { prompt_tokens: tokens, total_tokens: tokens };
  const body = { object: 'list', data, model: simulatorModel, usage };
  return { contentType: 'application/json', chunks: [Buffer.from(JSON.stringify(body))] };
}

function vectorOf(text: string): number[] {
  let state = 2_166_136_261;
  for (const byte of Buffer.from(text)) state = Math.imul(state ^ byte, 16_777_619);
  const raw = Array.from({ length: dimensions }, () => {
    state = Math.imul(state ^ (state >>> 13), 1_540_483_477) + 1;
    return (state >>> 0) / 2 ** 31 - 1;
  });
  const length = Math.hypot(...raw) || 1;
  return raw.map((value) => value / length);
}

/** A legacy completion: what the chat model says, as text. */
export function simulateCompletion(
  request: Omit<SimulatedRequest, 'messages'> & { readonly prompt: unknown },
): SimulatedAnswer {
  const said = typeof request.prompt === 'string' ? request.prompt : JSON.stringify(request.prompt);
  const answer = simulateChat({ ...request, messages: [{ role: 'user', content: said }] });
  const toText = (chunk: Buffer): Buffer => {
    const text = chunk.toString();
    if (text.includes('[DONE]')) return chunk;
    const body = JSON.parse(text.replace(/^data: /, '')) as { choices: ChatChoice[] };
    const choices = body.choices.map(({ index, message, delta, finish_reason }) => ({
      ...{ index, text: message?.content ?? delta?.content ?? '', logprobs: null, finish_reason },
    }));
    const json = JSON.stringify({ ...body, object: 'text_completion', choices });
    return Buffer.from(request.stream ? `data: ${json}\n\n` : json);
  };
  return { ...answer, chunks: answer.chunks.map(toText) };
}

interface ChatChoice {
  readonly index: number;
  readonly message?: { readonly content: string };
  readonly delta?: { readonly content?: string };
  readonly finish_reason: string | null;
}
