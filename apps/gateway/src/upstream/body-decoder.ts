import { LoomError } from '@loom/errors';
import { type ContentDecoding, decodingOf } from '../content-encodings.ts';
import type { UpstreamListener } from './upstream.ts';

const nothing = Buffer.alloc(0);

/** A body that grows by more than this is a bomb, once it is larger than the allowance. */
const growthMax = 100;
const allowanceBytes = 8 * 1024 * 1024;

/**
 * Decodes an answer whose provider ignored `accept-encoding: identity`, with bounded growth. Null for plain answers.
 * Throws `upstream_failed` for an encoding that is not understood.
 */
export function bodyDecoder(
  encoding: string | string[] | undefined,
  listener: UpstreamListener,
  fail: (error: LoomError) => void,
): { write(chunk: Buffer): void; end(): void; destroy(): void } | null {
  if (encoding === undefined || encoding === 'identity') return null;
  const broken = (message: string, cause?: unknown) =>
    fail(new LoomError('upstream_failed', message, { reason: 'upstream_error', cause }));
  if (typeof encoding !== 'string' || !decodingOf(encoding, nothing)) {
    const message = `the provider's content-encoding "${String(encoding)}" is not understood`;
    throw new LoomError('upstream_failed', message, { reason: 'upstream_error' });
  }
  let taken = 0;
  let given = 0;
  type Decoding = ReturnType<ContentDecoding['stream']>;
  let stream: Decoding | null = null;
  const open = (first: Buffer) => {
    const opened = decodingOf(encoding, first)?.stream();
    if (!opened) throw new Error('an encoding is understood or not');
    listen(opened);
    return opened;
  };
  const listen = (decoding: Decoding) => {
    decoding.on('data', (chunk: Buffer) => {
      given += chunk.length;
      if (given > allowanceBytes && given > taken * growthMax) {
        decoding.destroy();
        broken(`the provider's answer grows more than ${growthMax} times when decoded`);
      } else listener.chunk(chunk);
    });
    decoding.on('end', () => listener.end());
    decoding.on('error', (cause) => broken("the provider's answer cannot be decoded", cause));
  };
  return {
    write: (chunk) => {
      taken += chunk.length;
      stream ??= open(chunk);
      stream.write(chunk);
    },
    end: () => (stream ??= open(nothing)).end(),
    destroy: () => stream?.destroy(),
  };
}
