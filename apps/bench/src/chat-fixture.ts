/** What is asked and answered in the gateway benchmark: about 1 KB of prompt, one short answer, in both forms. */
export type Shape = 'json' | 'stream';

const chunkCount = 50;

const prompt = 'The quick brown fox jumps over the lazy dog, again and again. '.repeat(16);

export function chatBody(shape: Shape): Buffer {
  const body = {
    model: 'gpt-bench',
    messages: [{ role: 'user', content: prompt }],
    temperature: 0.7,
    // Asked for by the caller, so that every target forwards the same bytes both ways.
    ...(shape === 'stream' ? { stream: true, stream_options: { include_usage: true } } : {}),
  };
  return Buffer.from(JSON.stringify(body));
}

const head = {
  id: 'chatcmpl-bench',
  created: 1_750_000_000,
  model: 'gpt-bench-2026',
  system_fingerprint: 'fp_bench',
};
const usage = { prompt_tokens: 240, completion_tokens: 48, total_tokens: 288 };

export const jsonAnswer = Buffer.from(
  JSON.stringify({
    ...head,
    object: 'chat.completion',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: 'word '.repeat(48), refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage,
  }),
);

const event = (value: object): Buffer => Buffer.from(`data: ${JSON.stringify(value)}\n\n`);
const delta = (content: object, finishReason: string | null): Buffer =>
  event({
    ...head,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta: content, logprobs: null, finish_reason: finishReason }],
    usage: null,
  });

const doneEvent = Buffer.from('data: [DONE]\n\n');

/** The answer as {@link chunkCount} pieces: role, words, finish reason, usage, `[DONE]`. */
export const streamAnswer: readonly Buffer[] = [
  delta({ role: 'assistant', content: '' }, null),
  ...Array.from({ length: chunkCount - 4 }, () => delta({ content: 'word ' }, null)),
  delta({}, 'stop'),
  event({ ...head, object: 'chat.completion.chunk', choices: [], usage }),
  doneEvent,
];

export const answerBytes: Readonly<Record<Shape, number>> = {
  json: jsonAnswer.length,
  stream: streamAnswer.reduce((sum, chunk) => sum + chunk.length, 0),
};
