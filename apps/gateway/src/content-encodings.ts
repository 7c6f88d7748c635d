import {
  brotliDecompress,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  gunzip,
  inflate,
  inflateRaw,
  zstdDecompress,
} from 'node:zlib';
import { promisify } from 'node:util';

/** How a body that is encoded is read: piece by piece, or as a whole that is decoded to at most so many bytes. */
export interface ContentDecoding {
  readonly stream: () => ReturnType<typeof createGunzip>;
  readonly whole: (bytes: Buffer, options: { readonly maxOutputLength: number }) => Promise<Buffer>;
}

const gzip: ContentDecoding = { stream: createGunzip, whole: promisify(gunzip) };
const zlib: ContentDecoding = { stream: createInflate, whole: promisify(inflate) };
const rawDeflate: ContentDecoding = { stream: createInflateRaw, whole: promisify(inflateRaw) };

const decodings: Readonly<Record<string, ContentDecoding>> = {
  ...{ gzip, 'x-gzip': gzip, deflate: zlib },
  br: { stream: createBrotliDecompress, whole: promisify(brotliDecompress) },
  zstd: { stream: createZstdDecompress, whole: promisify(zstdDecompress) },
};

/** For errors about another one. */
export const understoodEncodings = Object.keys(decodings).join(', ');

/** Returns null for an encoding that is not understood. `first`: the beginning of the body; it tells two kinds of deflate apart. */
export function decodingOf(encoding: string, first: Buffer): ContentDecoding | null {
  const name = encoding.trim().toLowerCase();
  if (name === 'deflate' && isRawDeflate(first)) return rawDeflate;
  return Object.hasOwn(decodings, name) ? (decodings[name] ?? null) : null;
}

/** Some programs leave the header of zlib out, whose first byte has the method 8 in its lower half. */
function isRawDeflate(first: Buffer): boolean {
  return first.length > 0 && ((first[0] ?? 0) & 0x0f) !== 8;
}
