import { concat, utf8 } from '../bytes.ts';

/*
 * The one form of a member in a bundle (ADR 0016): a ustar header of a regular file, mode 0644, owner 0, time 0, no names of
 * owners; the bytes; zeros up to the next block. A header is a function of name and size, so that reading one is writing it
 * again and comparing.
 *
 *   0 name 100 | 100 mode 8 | 108 uid 8 | 116 gid 8 | 124 size 12 | 136 mtime 12 | 148 checksum 8 | 156 type 1
 *   157 link 100 | 257 "ustar" NUL "00" | 265 owner 32 | 297 group 32 | 329 major 8 | 337 minor 8 | 345 prefix 155
 */

export const blockBytes = 512;
/** Two zero blocks. */
export const trailerBytes = 2 * blockBytes;
const nameBytesMax = 100;
/** What eleven octal digits can say: 8 GiB - 1. */
export const memberBytesMax = 8 ** 11 - 1;

const checksumAt = 148;
const typeAt = 156;
const regularFile = 0x30;

export function tarHeader(name: string, size: number): Uint8Array {
  const header = new Uint8Array(blockBytes);
  const put = (at: number, text: string) => header.set(utf8(text), at);
  put(0, name);
  for (const [at, value] of [[100, '0000644'], [108, '0000000'], [116, '0000000']] as const) put(at, value); // prettier-ignore
  put(124, size.toString(8).padStart(11, '0'));
  put(136, '0'.repeat(11));
  header[typeAt] = regularFile;
  put(257, 'ustar\u000000');
  for (const at of [329, 337]) put(at, '0000000');
  put(checksumAt, `${checksumOf(header).toString(8).padStart(6, '0')}\u0000 `);
  return header;
}

/** Zeros between a member of this size and the next header. */
export function paddingOf(size: number): number {
  return (blockBytes - (size % blockBytes)) % blockBytes;
}

export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/** What a header says; null where a field is not written as {@link tarHeader} writes it. */
export interface HeaderFields {
  readonly name: string | null;
  readonly size: number | null;
  readonly isChecksumRight: boolean;
  readonly isRegularFile: boolean;
}

export function readHeader(header: Uint8Array): HeaderFields {
  const nameEnd = header.indexOf(0);
  const nameBytes = header.subarray(0, Math.min(nameEnd < 0 ? nameBytesMax : nameEnd, nameBytesMax));
  const isAscii = nameBytes.length > 0 && nameBytes.every((byte) => byte > 0x20 && byte < 0x7f);
  const sizeText = asciiOf(header.subarray(124, 135));
  const checksumText = asciiOf(header.subarray(checksumAt, checksumAt + 6));
  return {
    name: isAscii ? asciiOf(nameBytes) : null,
    size: /^[0-7]{11}$/.test(sizeText) && header[135] === 0 ? Number.parseInt(sizeText, 8) : null,
    isChecksumRight: checksumText === checksumOf(header).toString(8).padStart(6, '0'),
    isRegularFile: header[typeAt] === regularFile,
  };
}

/** The sum of the header's bytes, those of the checksum itself taken for spaces. */
function checksumOf(header: Uint8Array): number {
  let sum = 8 * 0x20;
  for (let at = 0; at < blockBytes; at += 1)
    if (at < checksumAt || at >= checksumAt + 8) sum += header[at] ?? 0;
  return sum;
}

function asciiOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** A whole member, for what is in memory. */
export function tarMember(name: string, bytes: Uint8Array): Uint8Array {
  return concat(tarHeader(name, bytes.length), bytes, new Uint8Array(paddingOf(bytes.length)));
}
