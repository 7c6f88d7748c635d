import type { IncomingMessage } from 'node:http';
import { LoomError, messageOf } from '@loom/errors';
import { decodingOf, understoodEncodings } from './content-encodings.ts';

const nothing = Buffer.alloc(0);
const encodingsMax = 3;

export interface BodyLimits {
  readonly bytesMax: number;
  /** The longest pause, also before the first byte. Milliseconds. */
  readonly idleMs: number;
  /** Bytes per second that must have come since the first `idleMs` were over: no upload takes for ever. */
  readonly rateMin: number;
}

/**
 * Reads a request body whole and decodes it. Throws `payload_too_large` before or while it is read or decoded,
 * `request_timed_out` when it pauses or is slower than the limits say, `invalid_request` for an encoding that is not
 * understood or not kept. One that is large, slow and steady takes the time that it needs.
 */
export async function readBody(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced > limits.bytesMax) throw tooLarge(limits.bytesMax);
  // In the order in which they were applied (RFC 9110, section 8.4).
  const encodings = (request.headers['content-encoding'] ?? '').split(',').map((name) => name.trim());
  const applied = encodings.filter((name) => name !== '' && name.toLowerCase() !== 'identity');
  const unknown = applied.find((name) => !decodingOf(name, nothing));
  if (unknown !== undefined)
    throw badEncoding(`"${unknown.slice(0, 40)}" is not understood; use one of ${understoodEncodings}`);
  if (applied.length > encodingsMax) throw badEncoding(`has more than ${encodingsMax} encodings`);
  let body = await readBytes(request, limits);
  for (const encoding of applied.reverse()) body = await decoded(body, encoding, limits.bytesMax);
  return body;
}

async function decoded(body: Buffer, encoding: string, bytesMax: number): Promise<Buffer> {
  try {
    return (await decodingOf(encoding, body)?.whole(body, { maxOutputLength: bytesMax })) ?? body;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
      throw tooLarge(bytesMax, 'decoded ');
    throw badEncoding(`"${encoding}" does not fit the body: ${messageOf(error)}`);
  }
}

function readBytes(request: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
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

function tooLarge(bytesMax: number, how: 'decoded ' | '' = ''): LoomError {
  const message = `the ${how}request body is larger than the limit of ${bytesMax} bytes`;
  return new LoomError('payload_too_large', message);
}

function badEncoding(what: string): LoomError {
  return new LoomError('invalid_request', `content-encoding ${what}`, { param: 'content-encoding' });
}
