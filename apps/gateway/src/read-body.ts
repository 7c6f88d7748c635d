import type { IncomingMessage } from 'node:http';
import { LoomError } from '@loom/errors';

export interface BodyLimits {
  readonly bytesMax: number;
  /** Until the last byte must have come. Milliseconds. */
  readonly timeoutMs: number;
}

/** Reads a request body whole. Throws `payload_too_large` before or while reading, `request_timed_out` when it is slow. */
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
    const timer = setTimeout(() => {
      finish(
        new LoomError('request_timed_out', `the request body did not arrive within ${limits.timeoutMs} ms`, {
          reason: 'request_timeout',
        }),
      );
    }, limits.timeoutMs);
    const finish = (error: LoomError | null): void => {
      clearTimeout(timer);
      request.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close');
      if (error) reject(error);
      else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, bytes));
    };
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limits.bytesMax) finish(tooLarge(limits.bytesMax));
      else chunks.push(chunk);
    });
    request.on('end', () => finish(null));
    request.on('close', () =>
      finish(new LoomError('client_closed', 'the client left before its request was complete')),
    );
    request.on('error', () => undefined);
  });
}

function tooLarge(bytesMax: number): LoomError {
  return new LoomError('payload_too_large', `the request body is larger than the limit of ${bytesMax} bytes`);
}
