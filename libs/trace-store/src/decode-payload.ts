import { zstdDecompressSync } from 'node:zlib';
import type { Payload } from '@loom/trace-schema';

/** Plain bytes of one payload that are read for its words. */
const plainBytesMax = 32 * 1024 * 1024;

/** The plain bytes of an inline payload; null when it is sealed, travelled in parts or does not decode. */
export function decodePayload(payload: Pick<Payload, 'codec' | 'keyId' | 'data'>): Buffer | null {
  if (payload.keyId !== null || payload.data === null) return null;
  const encoded = Buffer.from(payload.data, 'base64');
  if (payload.codec === 'identity') return encoded;
  try {
    return zstdDecompressSync(encoded, { maxOutputLength: plainBytesMax });
  } catch {
    return null; // the bytes are kept as they came; they only can not be searched
  }
}
