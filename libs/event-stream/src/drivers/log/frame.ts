import { crc32 } from 'node:zlib';
import type { NewRecord, StreamRecord } from '../../event-stream.ts';

/*
 * One record in a segment file, integers little-endian:
 *
 *   length    u32   bytes after the checksum
 *   checksum  u32   CRC-32 of those bytes
 *   offset    u64   dense within the partition
 *   time      f64   unix milliseconds of the append
 *   keyLen    u16
 *   headLen   u16
 *   key       UTF-8
 *   headers   UTF-8, name NUL value NUL …
 *   value     the rest
 */
const prefixBytes = 8;
const fixedBytes = 20;
export const frameOverheadBytes = prefixBytes + fixedBytes;
/** A length above this is no frame but damage. */
const frameBytesMax = 64 * 1024 * 1024;

export function encodeFrame(record: NewRecord, offset: number, timestampMs: number): Buffer {
  let headers = '';
  for (const name in record.headers) headers += `${name}\0${record.headers[name]}\0`;
  const keyBytes = Buffer.byteLength(record.key);
  const headerBytes = Buffer.byteLength(headers);
  const length = fixedBytes + keyBytes + headerBytes + record.value.byteLength;
  const frame = Buffer.allocUnsafe(prefixBytes + length);
  frame.writeUInt32LE(length, 0);
  frame.writeUInt32LE(offset % 0x1_0000_0000, 8);
  frame.writeUInt32LE(Math.floor(offset / 0x1_0000_0000), 12);
  frame.writeDoubleLE(timestampMs, 16);
  frame.writeUInt16LE(keyBytes, 24);
  frame.writeUInt16LE(headerBytes, 26);
  frame.write(record.key, 28);
  frame.write(headers, 28 + keyBytes);
  frame.set(record.value, 28 + keyBytes + headerBytes);
  frame.writeUInt32LE(crc32(frame.subarray(prefixBytes)), 4);
  return frame;
}

/** `incomplete`: the frame's end is not there yet, or is torn. `corrupt`: its bytes are there and wrong. */
export type FrameAt = { kind: 'frame'; bytes: number; offset: number } | { kind: 'incomplete' | 'corrupt' };

/** Looks at the frame that starts at `at`, and checks its sum. */
export function frameAt(buffer: Buffer, at: number): FrameAt {
  if (buffer.length - at < frameOverheadBytes) return { kind: 'incomplete' };
  const length = buffer.readUInt32LE(at);
  if (length < fixedBytes || length > frameBytesMax) return { kind: 'corrupt' };
  const end = at + prefixBytes + length;
  if (end > buffer.length) return { kind: 'incomplete' };
  if (crc32(buffer.subarray(at + prefixBytes, end)) !== buffer.readUInt32LE(at + 4))
    return { kind: 'corrupt' };
  const offset = buffer.readUInt32LE(at + 8) + buffer.readUInt32LE(at + 12) * 0x1_0000_0000;
  return { kind: 'frame', bytes: prefixBytes + length, offset };
}

/** Bytes that the frame at `at` needs, as far as its length field is readable; 0 when it is not. */
export function frameBytesNeeded(buffer: Buffer, at: number): number {
  if (buffer.length - at < 4) return 0;
  return Math.min(frameBytesMax, prefixBytes + buffer.readUInt32LE(at));
}

/** Decodes a frame that {@link frameAt} has checked. The value is a view of `buffer`. */
export function decodeFrame(
  buffer: Buffer,
  at: number,
  frame: { bytes: number; offset: number },
  source: { topic: string; partition: string },
): StreamRecord {
  const keyEnd = at + 28 + buffer.readUInt16LE(at + 24);
  const headersEnd = keyEnd + buffer.readUInt16LE(at + 26);
  const parts = buffer.toString('utf8', keyEnd, headersEnd).split('\0');
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < parts.length; index += 2)
    headers[parts[index] ?? ''] = parts[index + 1] ?? '';
  return {
    topic: source.topic,
    partition: source.partition,
    offset: frame.offset,
    timestampMs: buffer.readDoubleLE(at + 16),
    key: buffer.toString('utf8', at + 28, keyEnd),
    headers,
    value: buffer.subarray(headersEnd, at + frame.bytes),
  };
}
