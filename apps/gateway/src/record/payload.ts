import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync } from 'node:zlib';
import { inlinePayloadBytesMax, type Payload } from '@loom/trace-schema';

const zstdCompressAsync = promisify(zstdCompress);
const zstdOptions = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** Below this a compressed frame saves less than it costs. */
const compressBytesMin = 4 * 1024;
/** Above this compression runs on a thread of the pool. */
const compressSyncBytesMax = 128 * 1024;

export interface EncodedPayload {
  readonly payload: Payload;
  /** Slices of the encoded bytes that must travel before the payload, when it is too large to be inline. */
  readonly parts: readonly Buffer[];
}

export interface PlainPayload {
  /** The bytes that are kept. */
  readonly stored: Buffer;
  /** Length and hash of all bytes, when they are more than those kept. */
  readonly whole?: { readonly length: number; readonly hash: string };
}

/** True when {@link encodePayload} does not need another thread. */
export function encodesAtOnce(plain: PlainPayload): boolean {
  return plain.stored.length <= compressSyncBytesMax;
}

export function encodePayloadSync(plain: PlainPayload): EncodedPayload {
  if (plain.stored.length < compressBytesMin) return seal(plain, 'identity', plain.stored);
  return seal(plain, 'zstd', zstdCompressSync(plain.stored, zstdOptions));
}

export async function encodePayload(plain: PlainPayload): Promise<EncodedPayload> {
  if (encodesAtOnce(plain)) return encodePayloadSync(plain);
  return seal(plain, 'zstd', await zstdCompressAsync(plain.stored, zstdOptions));
}

function seal(plain: PlainPayload, codec: Payload['codec'], encoded: Buffer): EncodedPayload {
  const parts: Buffer[] = [];
  if (encoded.length > inlinePayloadBytesMax) {
    for (let at = 0; at < encoded.length; at += inlinePayloadBytesMax) {
      parts.push(encoded.subarray(at, at + inlinePayloadBytesMax));
    }
  }
  return {
    parts,
    payload: {
      codec,
      keyId: null,
      length: plain.whole?.length ?? plain.stored.length,
      hash: plain.whole?.hash ?? hash('sha256', plain.stored, 'hex'),
      storedLength: plain.stored.length,
      parts: parts.length,
      data: parts.length > 0 ? null : encoded.toString('base64'),
    },
  };
}
