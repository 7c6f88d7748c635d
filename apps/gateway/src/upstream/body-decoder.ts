import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';
import { LoomError } from '@loom/errors';
import type { UpstreamListener } from './upstream.ts';

const decoders: Readonly<Record<string, () => ReturnType<typeof createGunzip>>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
};

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
  const create = typeof encoding === 'string' ? decoders[encoding] : undefined;
  if (!create) {
    const message = `the provider's content-encoding "${String(encoding)}" is not understood`;
    throw new LoomError('upstream_failed', message, { reason: 'upstream_error' });
  }
  let taken = 0;
  let given = 0;
  let stream: ReturnType<typeof createGunzip> | null = null;
  const open = (first: Buffer) => {
    const created = encoding === 'deflate' && isRawDeflate(first) ? createInflateRaw() : create();
    listen(created);
    return created;
  };
  const listen = (decoding: ReturnType<typeof createGunzip>) => {
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
    end: () => (stream ??= open(Buffer.alloc(0))).end(),
    destroy: () => stream?.destroy(),
  };
}

/** Some servers leave the header of zlib out, whose first byte has the method 8 in its lower half. */
function isRawDeflate(first: Buffer): boolean {
  return first.length > 0 && ((first[0] ?? 0) & 0x0f) !== 8;
}
