import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync } from 'node:zlib';
import { withWholeHash } from '@loom/ledger';
import { inlinePayloadBytesMax, type Payload, type PayloadPart } from '@loom/trace-schema';
import type { ContentSeal } from './content-seal.ts';

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
  /** Hex SHA-256 of all plain bytes, also where the payload has a commitment in its place. */
  readonly plainHash: string;
}

export interface PlainPayload {
  /** The bytes that are kept. */
  readonly stored: Buffer;
  /** Length and hash of all bytes, when they are more than those kept. */
  readonly whole?: { readonly length: number; readonly hash: string };
}

/** For projects whose content is sealed: by what, and for which place. */
export interface PayloadSealing {
  readonly seal: ContentSeal;
  readonly part: PayloadPart;
  /** The event that carries the payload. */
  readonly eventId: string;
}

/** True when {@link encodePayload} does not need another thread. */
export function encodesAtOnce(plain: PlainPayload): boolean {
  return plain.stored.length <= compressSyncBytesMax;
}

export function encodePayloadSync(plain: PlainPayload, sealing: PayloadSealing | null): EncodedPayload {
  if (plain.stored.length < compressBytesMin) return pack(plain, 'identity', plain.stored, sealing);
  return pack(plain, 'zstd', zstdCompressSync(plain.stored, zstdOptions), sealing);
}

export async function encodePayload(
  plain: PlainPayload,
  sealing: PayloadSealing | null,
): Promise<EncodedPayload> {
  if (encodesAtOnce(plain)) return encodePayloadSync(plain, sealing);
  return pack(plain, 'zstd', await zstdCompressAsync(plain.stored, zstdOptions), sealing);
}

function pack(
  plain: PlainPayload,
  codec: Payload['codec'],
  compressed: Buffer,
  sealing: PayloadSealing | null,
): EncodedPayload {
  const { whole } = plain;
  const content = sealing && whole ? withWholeHash(compressed, Buffer.from(whole.hash, 'hex')) : compressed;
  const encoded = sealing ? sealing.seal.seal(sealing.part, content) : content;
  const parts: Buffer[] = [];
  if (encoded.length > inlinePayloadBytesMax) {
    for (let at = 0; at < encoded.length; at += inlinePayloadBytesMax) {
      parts.push(encoded.subarray(at, at + inlinePayloadBytesMax));
    }
  }
  const storedHash = hash('sha256', plain.stored, 'hex');
  const plainHash = whole?.hash ?? storedHash;
  return {
    parts,
    plainHash,
    payload: {
      codec,
      keyId: sealing?.seal.keyId ?? null,
      length: whole?.length ?? plain.stored.length,
      hash: sealing ? commitmentOf(plain, storedHash, sealing) : plainHash,
      ...(whole && !sealing ? { storedHash } : {}),
      storedLength: plain.stored.length,
      parts: parts.length,
      data: parts.length > 0 ? null : encoded.toString('base64'),
    },
  };
}

// Opened by the hash of the plain bytes; where only the beginning is kept, by the hash of that too.
function commitmentOf(
  { whole }: PlainPayload,
  storedHash: string,
  { seal, part, eventId }: PayloadSealing,
): string {
  return seal.commitment(eventId, part, Buffer.from((whole?.hash ?? '') + storedHash, 'hex'));
}
