import { newUuid } from '@loom/trace-schema';
import { type SimulatedAnswer, simulateChat, simulateCompletion, simulateEmbeddings } from '@loom/providers';
import type { Upstream, UpstreamExchange, UpstreamListener, UpstreamRequest } from './upstream.ts';

/** Between two pieces of a simulated stream. Milliseconds. */
const pieceMs = 5;

/** The built-in model `loom-sim`, as a provider that needs no network. */
export class SimulatorUpstream implements Upstream {
  send(request: UpstreamRequest, listener: UpstreamListener): UpstreamExchange {
    const { answer, stream } = simulate(request);
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

interface SentBody {
  readonly model: string;
  readonly messages?: unknown;
  readonly prompt?: unknown;
  readonly input?: unknown;
  readonly encoding_format?: unknown;
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
}

function simulate({ path, body }: UpstreamRequest): { answer: SimulatedAnswer; stream: boolean } {
  const sent = JSON.parse(body.toString()) as SentBody;
  const stream = sent.stream === true;
  const common = {
    ...{ model: sent.model, stream, includeUsage: sent.stream_options?.include_usage === true },
    ...{ id: `chatcmpl-${newUuid()}`, created: Math.floor(Date.now() / 1000) },
  };
  if (path === '/embeddings') {
    const { input, encoding_format: encodingFormat } = sent;
    return { answer: simulateEmbeddings({ input, encodingFormat }), stream: false };
  }
  if (path === '/completions')
    return { answer: simulateCompletion({ ...common, prompt: sent.prompt }), stream };
  return { answer: simulateChat({ ...common, messages: sent.messages }), stream };
}
