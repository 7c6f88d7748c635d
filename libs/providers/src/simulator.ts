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
