import type { CachedAnswer } from '../response-cache.ts';
import type { UpstreamExchange, UpstreamListener } from './upstream.ts';

/** Hands out an answer of the cache as its provider did: the same bytes, streams as streams, all at once. */
export function replayCached(answer: CachedAnswer, listener: UpstreamListener): UpstreamExchange {
  let isAborted = false;
  setImmediate(() => {
    if (isAborted) return;
    listener.head(200, { 'content-type': answer.contentType });
    listener.chunk(answer.bytes);
    listener.end();
  });
  return { abort: () => void (isAborted = true), pause: () => undefined, resume: () => undefined };
}
