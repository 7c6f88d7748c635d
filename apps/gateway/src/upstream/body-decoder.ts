import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib';
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
  const stream = create();
  let taken = 0;
  let given = 0;
  stream.on('data', (chunk: Buffer) => {
    given += chunk.length;
    if (given > allowanceBytes && given > taken * growthMax) {
      stream.destroy();
      broken(`the provider's answer grows more than ${growthMax} times when decoded`);
    } else listener.chunk(chunk);
  });
  stream.on('end', () => listener.end());
  stream.on('error', (cause) => broken("the provider's answer cannot be decoded", cause));
  return {
    write: (chunk) => {
      taken += chunk.length;
      stream.write(chunk);
    },
    end: () => stream.end(),
    destroy: () => stream.destroy(),
  };
}
