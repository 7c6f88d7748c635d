import type { IncomingMessage } from 'node:http';
import { LoomError } from '@loom/errors';

export interface BodyLimits {
  readonly bytesMax: number;
  /** The longest pause, also before the first byte. Milliseconds. */
  readonly idleMs: number;
  /** Bytes per second that must have come since the first `idleMs` were over: no upload takes for ever. */
  readonly rateMin: number;
}

/**
 * Reads a request body whole. Throws `payload_too_large` before or while reading, `request_timed_out` when it pauses or
 * is slower than the limits say. One that is large, slow and steady takes the time that it needs.
 */
export function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.bytesMax) return Promise.reject(tooLarge(limits.bytesMax));
  const encoding = request.headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    return Promise.reject(
      new LoomError(
        'invalid_request',
        `content-encoding "${encoding}" is not accepted; send the body as plain JSON`,
        {
          param: 'content-encoding',
        },
      ),
    );
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const startedAt = performance.now();
    const timer = setTimeout(
      () => finish(tooSlow(`paused for more than ${limits.idleMs} ms`)),
      limits.idleMs,
    );
    const finish = (error: LoomError | null): void => {
      clearTimeout(timer);
      request.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close');
      if (error) reject(error);
      else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, bytes));
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limits.bytesMax) return finish(tooLarge(limits.bytesMax));
      const countedMs = performance.now() - startedAt - limits.idleMs;
      if (bytes < (limits.rateMin * countedMs) / 1000)
        return finish(tooSlow(`came slower than ${limits.rateMin} bytes a second`));
      chunks.push(chunk);
      timer.refresh();
    });
    request.on('end', () => finish(null));
    request.on('close', () =>
      finish(new LoomError('client_closed', 'the client left before its request was complete')),
    );
    request.on('error', () => undefined);
  });
}

function tooSlow(how: string): LoomError {
  return new LoomError('request_timed_out', `the request body ${how}`, { reason: 'request_timeout' });
}

function tooLarge(bytesMax: number): LoomError {
  return new LoomError('payload_too_large', `the request body is larger than the limit of ${bytesMax} bytes`);
}
