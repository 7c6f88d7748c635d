import { setTimeout as delay } from 'node:timers/promises';
import type { Play } from '@loom/testkit';

/** What a provider does with a call; `abort` is the client's. */
export type CallKind = 'json' | 'stream' | 'error' | 'break' | 'abort';

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

/** Answers as the request says in `kind`, after `pauseMs`. */
export const mixedAnswer: Play = async (request, response) => {
  const body = JSON.parse(request.body.toString()) as { stream?: boolean; kind: CallKind; pauseMs: number };
  await delay(body.pauseMs);
  if (body.kind === 'error') {
    response
      .writeHead(500, { 'content-type': 'application/json' })
      .end('{"error":{"message":"no","type":"server_error"}}');
    return;
  }
  if (!body.stream) {
    const message = { role: 'assistant', content: 'answer' };
    const choices = [{ index: 0, message, finish_reason: 'stop' }];
    response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ id: 'x', model: 'gpt-4o-mini', choices, usage }));
    return;
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (let index = 0; index < 10 && !response.destroyed; index += 1) {
    response.write(
      `data: {"id":"x","model":"gpt-4o-mini","choices":[{"index":0,"delta":{"content":"w${index} "}}]}\n\n`,
    );
    await delay(body.pauseMs / 10);
    if (body.kind === 'break' && index === 5) return void response.destroy();
  }
  const last = { id: 'x', model: 'gpt-4o-mini', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] };
  response.write(`data: ${JSON.stringify(last)}\n\n`);
  response.end(`data: ${JSON.stringify({ id: 'x', choices: [], usage })}\n\ndata: [DONE]\n\n`);
};
