import { LoomError } from '@loom/errors';

/** Where a member of the top-level object stands in the original bytes. `end` is exclusive. */
interface JsonMember {
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface JsonMembers {
  /** Offset just after the opening brace. */
  readonly bodyStart: number;
  readonly members: ReadonlyMap<string, JsonMember>;
  /** Names that stand there more than once (after unescaping). */
  readonly duplicates: ReadonlySet<string>;
}

/** Deeper nesting is refused before anything recursive, or JSON.parse, sees the body. */
export const jsonDepthMax = 128;

const quote = 0x22;
const backslash = 0x5c;
const isSpace = (byte: number | undefined): boolean =>
  byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;

/**
 * Finds the members of the top-level object in the bytes of a JSON text, so that one of them can be replaced without
 * touching any other byte. It checks nesting, not grammar: the caller also parses the text.
 */
export function jsonMembers(bytes: Buffer): JsonMembers {
  let at = 0;
  while (isSpace(bytes[at])) at += 1;
  if (bytes[at] !== 0x7b) throw new LoomError('invalid_request', 'the request body must be a JSON object');
  const scan = new MemberScan(bytes, at + 1);
  scan.run();
  return { bodyStart: at + 1, members: scan.members, duplicates: scan.duplicates };
}

class MemberScan {
  readonly members = new Map<string, JsonMember>();
  readonly duplicates = new Set<string>();
  readonly #bytes: Buffer;
  #at: number;
  #depth = 1;
  #name: string | null = null;
  #valueStart = -1;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  run(): void {
    const { length } = this.#bytes;
    while (this.#at < length && this.#depth > 0) {
      const byte = this.#bytes[this.#at];
      if (byte === quote) {
        this.#string();
        continue;
      }
      if (byte === 0x7b || byte === 0x5b) this.#enter();
      else if (byte === 0x7d || byte === 0x5d) this.#leave();
      else if (this.#depth === 1 && byte === 0x2c) this.#endMember();
      else if (this.#depth === 1 && this.#valueStart < 0 && byte !== 0x3a && !isSpace(byte))
        this.#valueStart = this.#at;
      this.#at += 1;
    }
  }

  #enter(): void {
    if (this.#depth === 1 && this.#valueStart < 0) this.#valueStart = this.#at;
    this.#depth += 1;
    if (this.#depth > jsonDepthMax) {
      throw new LoomError(
        'invalid_request',
        `the request body is nested deeper than ${jsonDepthMax} levels`,
        {
          reason: 'nesting_too_deep',
        },
      );
    }
  }

  #leave(): void {
    this.#depth -= 1;
    if (this.#depth === 0) this.#endMember();
  }

  #string(): void {
    const start = this.#at;
    const end = stringEnd(this.#bytes, start + 1);
    if (this.#depth === 1) {
      if (this.#name === null) this.#name = memberName(this.#bytes.toString('utf8', start, end));
      else if (this.#valueStart < 0) this.#valueStart = start;
    }
    this.#at = end;
  }

  #endMember(): void {
    if (this.#name !== null && this.#valueStart >= 0) {
      let valueEnd = this.#at;
      while (isSpace(this.#bytes[valueEnd - 1])) valueEnd -= 1;
      if (this.members.has(this.#name)) this.duplicates.add(this.#name);
      this.members.set(this.#name, { valueStart: this.#valueStart, valueEnd });
    }
    this.#name = null;
    this.#valueStart = -1;
  }
}

function stringEnd(bytes: Buffer, from: number): number {
  for (let at = bytes.indexOf(quote, from); at >= 0; at = bytes.indexOf(quote, at + 1)) {
    let slashes = 0;
    while (bytes[at - 1 - slashes] === backslash && at - 1 - slashes >= from) slashes += 1;
    if (slashes % 2 === 0) return at + 1;
  }
  return bytes.length;
}

function memberName(literal: string): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return literal;
  }
}

export interface JsonSplice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** The bytes with some ranges replaced; every other byte stays as it was. */
export function spliceBytes(bytes: Buffer, splices: readonly JsonSplice[]): Buffer {
  if (splices.length === 0) return bytes;
  const ordered = [...splices].sort((a, b) => a.start - b.start);
  const parts: Buffer[] = [];
  let at = 0;
  for (const splice of ordered) {
    parts.push(bytes.subarray(at, splice.start), Buffer.from(splice.text));
    at = splice.end;
  }
  parts.push(bytes.subarray(at));
  return Buffer.concat(parts);
}
