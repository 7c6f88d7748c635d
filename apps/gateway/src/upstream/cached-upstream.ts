import type { CachedAnswer } from '../response-cache.ts';
import type { UpstreamExchange, UpstreamListener } from './upstream.ts';

/**
 * Returns an answer that is there already, of the cache or of Loom itself, as a provider would: the same bytes, streams as
 * streams, all at once.
 */
export function replayAnswer(
  answer: Pick<CachedAnswer, 'bytes' | 'contentType'>,
  listener: UpstreamListener,
): UpstreamExchange {
  let isAborted = false;
  setImmediate(() => {
    if (isAborted) return;
    listener.head(200, { 'content-type': answer.contentType });
    listener.chunk(answer.bytes);
    listener.end();
  });
  return { abort: () => void (isAborted = true), pause: () => undefined, resume: () => undefined };
}
