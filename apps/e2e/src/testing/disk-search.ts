import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { zstdDecompressSync } from 'node:zlib';

/**
 * Of these texts those that stand in some file below a directory, with the files: as they are or in base64, also inside
 * of the compressed blocks of ClickHouse's files. Texts are random ones of 16 characters or more. What is deleted during
 * the walk is left out.
 */
export async function findOnDisk(
  directory: string,
  texts: readonly string[],
): Promise<Map<string, readonly string[]>> {
  const search = new TextSearch(texts);
  const found = new Map<string, string[]>();
  for (const path of await filesBelow(directory)) {
    const bytes = await readFile(path).catch(() => Buffer.alloc(0));
    const plain = Buffer.concat(plainBlocks(bytes));
    for (const text of new Set([...search.of(bytes), ...search.of(plain)]))
      found.set(text, [...(found.get(text) ?? []), path.slice(directory.length + 1)]);
  }
  return found;
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  const nested = entries.map(async (entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return filesBelow(path);
    return entry.isFile() ? [path] : [];
  });
  return (await Promise.all(nested)).flat();
}

/** Many texts at once: a filter over four bytes says where it is worth to look. */
class TextSearch {
  readonly #filter = new Uint8Array(1 << 20);
  readonly #spellings = new Map<number, { readonly text: string; readonly bytes: Buffer }[]>();

  constructor(texts: readonly string[]) {
    for (const text of texts)
      for (const bytes of spellings(text)) {
        const start = bytes.readUInt32BE(0);
        this.#filter[filterPlace(start)] = 1;
        this.#spellings.set(start, [...(this.#spellings.get(start) ?? []), { text, bytes }]);
      }
  }

  of(bytes: Buffer): Set<string> {
    const found = new Set<string>();
    let word = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      word = (word << 8) | (bytes[at] ?? 0);
      if (at < 3 || this.#filter[filterPlace(word)] === 0) continue;
      for (const { text, bytes: spelling } of this.#spellings.get(word >>> 0) ?? [])
        if (bytes.subarray(at - 3, at - 3 + spelling.length).equals(spelling)) found.add(text);
    }
    return found;
  }
}

function filterPlace(word: number): number {
  return Math.imul(word, 0x9e3779b1) >>> 12;
}

/**
 * As it is, but for its beginning, which an index shares with the word before; and as it stands in base64, at each of
 * the three places that it may begin at.
 */
function spellings(text: string): Buffer[] {
  const base64 = [0, 1, 2].map((at) => Buffer.from('x'.repeat(at) + text).toString('base64'));
  return [text.slice(4), ...base64.map((encoded) => encoded.slice(4, -4))].map((spelling) =>
    Buffer.from(spelling),
  );
}

const checksumBytes = 16;
const headerBytes = 9;
const blockBytesMax = 64 * 1024 * 1024;

/**
 * The compressed blocks of a file of ClickHouse, one after the other: a checksum, the method, the lengths with the header
 * and without compression, the data. Nothing of a file that is none.
 */
function plainBlocks(file: Buffer): Buffer[] {
  const blocks: Buffer[] = [];
  for (let at = 0; at + checksumBytes + headerBytes < file.length;) {
    const header = file.subarray(at + checksumBytes);
    const [method, length, plainLength] = [header[0], header.readUInt32LE(1), header.readUInt32LE(5)];
    const isBlock = length > headerBytes && length <= header.length && plainLength <= blockBytesMax;
    const block = isBlock ? plainBlock(method, header.subarray(headerBytes, length), plainLength) : null;
    if (block === null) break;
    blocks.push(block);
    at += checksumBytes + length;
  }
  return blocks;
}

function plainBlock(method: number | undefined, data: Buffer, plainLength: number): Buffer | null {
  try {
    if (method === 0x90) return zstdDecompressSync(data);
    if (method === 0x82) return lz4Block(data, plainLength);
    return method === 0x02 ? data : null;
  } catch {
    return null;
  }
}

/** LZ4's block format: literals, then what to copy from before, again and again. */
function lz4Block(data: Buffer, plainLength: number): Buffer {
  const plain = Buffer.alloc(plainLength);
  let [from, to] = [0, 0];
  const lengthOf = (nibble: number) => {
    let length = nibble;
    for (let more = nibble === 15; more;) {
      const next = data.readUInt8(from++);
      length += next;
      more = next === 255;
    }
    return length;
  };
  while (from < data.length) {
    const token = data.readUInt8(from++);
    const literals = lengthOf(token >>> 4);
    data.copy(plain, to, from, from + literals);
    from += literals;
    to += literals;
    if (from >= data.length) break;
    const distance = data.readUInt16LE(from);
    from += 2;
    for (let left = lengthOf(token & 15) + 4; left > 0; left -= 1, to += 1)
      plain[to] = plain[to - distance] ?? 0;
  }
  return plain;
}
