import { newUuid } from '@loom/trace-schema';
import { simulateChat } from '@loom/providers';
import type { Upstream, UpstreamExchange, UpstreamListener, UpstreamRequest } from './upstream.ts';

/** Between two pieces of a simulated stream. Milliseconds. */
const pieceMs = 5;

/** The built-in model `loom-sim`, as a provider that needs no network. */
export class SimulatorUpstream implements Upstream {
  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamExchange {
    const sent = JSON.parse(request.body.toString()) as {
      model: string;
      messages: unknown;
      stream?: boolean;
      stream_options?: { include_usage?: boolean };
    };
    const stream = sent.stream === true;
    const answer = simulateChat({
      model: sent.model,
      messages: sent.messages,
      stream,
      includeUsage: sent.stream_options?.include_usage === true,
      id: `chatcmpl-${newUuid()}`,
      created: Math.floor(Date.now() / 1000),
    });
    const pieces = [...answer.chunks];
    let timer: NodeJS.Timeout | null = null;
    let paused = false;
    const next = (): void => {
      if (paused) return;
      const piece = pieces.shift();
      if (!piece) {
        listener.end();
        return;
      }
      listener.chunk(piece);
      timer = setTimeout(next, stream ? pieceMs : 0);
    };
    timer = setTimeout(() => {
      listener.head(200, { 'content-type': answer.contentType });
      next();
    }, 0);
    return {
      abort: () => {
        if (timer) clearTimeout(timer);
        paused = true;
      },
      pause: () => {
        paused = true;
        if (timer) clearTimeout(timer);
      },
      resume: () => {
        paused = false;
        timer = setTimeout(next, 0);
      },
    };
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
