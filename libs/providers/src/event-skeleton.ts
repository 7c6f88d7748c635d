/** How long the text of a container may be, by its depth: the root's is 1. What is longer is emptied. Bytes. */
const containerBytesMax = [Infinity, 512 * 1024, 256 * 1024, 32 * 1024] as const;
const deepBytesMax = 4 * 1024;
/** Deeper containers are emptied, whatever their length. */
const depthMax = 32;
/** A text is cut here. Bytes. */
const textBytesMax = 2 * 1024;

const [quote, backslash, letterU, colon, newline, carriageReturn] = Buffer.from('"\\u:\n\r');
const [openBrace, closeBrace, openBracket, closeBracket] = Buffer.from('{}[]');

/**
 * Cuts the JSON text of a server-sent event down while it comes, so that an event larger than any buffer can still be
 * read: long texts are cut, and objects and arrays that are too long are emptied, the innermost first. What stands near the root (the type, the
 * finish reason, usage, an error) stays. It holds 1 MiB, however much comes. White space is left out.
 */
export class EventSkeleton {
  /** The longest chain of open containers, each nearly full, fits. */
  readonly #out = Buffer.allocUnsafe(1024 * 1024);
  #length = 0;
  /** Where the inside of each open container begins in `#out`. */
  readonly #starts: number[] = [];
  /** Containers that are open inside of one that was emptied; 0: nothing is being left out. */
  #skipped = 0;
  #isText = false;
  #textLength = 0;
  /** Characters that are still part of an escape. */
  #escape = 0;
  /** In the name of a field, which each line begins with. */
  #isField = true;
  /** Before the text, in it, or after it: what follows belongs to another one. */
  #place: 'before' | 'inside' | 'after' = 'before';

  push(bytes: Buffer): void {
    for (const byte of bytes) {
      if (this.#place === 'after') return;
      if (this.#isText) this.#inText(byte);
      else if (byte === newline || byte === carriageReturn) this.#isField = true;
      else if (this.#isField) this.#isField = byte !== colon;
      else if (byte > 0x20) this.#outside(byte);
    }
  }

  toString(): string {
    return this.#out.toString('utf8', 0, this.#length);
  }

  #inText(byte: number): void {
    const isEscaped = this.#escape > 0;
    if (isEscaped) this.#escape += byte === letterU && this.#escape === 1 ? 3 : -1;
    else if (byte === backslash) this.#escape = 1;
    else if (byte === quote) {
      this.#isText = false;
      this.#emit(byte);
      return;
    }
    // An escape is kept whole or not at all.
    if (!isEscaped) this.#textLength += 1;
    if (this.#textLength <= textBytesMax) this.#emit(byte);
  }

  #outside(byte: number): void {
    if (this.#place === 'before' && byte !== openBrace) return;
    this.#place = 'inside';
    if (byte === openBrace || byte === openBracket) {
      if (this.#skipped > 0) this.#skipped += 1;
      else {
        this.#emit(byte);
        if (this.#skipped > 0) this.#skipped += 1;
        else {
          this.#starts.push(this.#length);
          if (this.#starts.length > depthMax) this.#skipped = 1;
        }
      }
      return;
    }
    if (byte === closeBrace || byte === closeBracket) {
      if (this.#skipped > 1) this.#skipped -= 1;
      else {
        this.#skipped = 0;
        this.#starts.pop();
        this.#emit(byte);
        if (this.#starts.length === 0) this.#place = 'after';
      }
      return;
    }
    if (byte === quote) {
      this.#isText = true;
      this.#textLength = 0;
    }
    this.#emit(byte);
  }

  #emit(byte: number): void {
    if (this.#skipped > 0) return;
    this.#out[this.#length++] = byte;
    const depth = this.#starts.length;
    const start = this.#starts[depth - 1] ?? 0;
    if (this.#length - start <= (containerBytesMax[depth] ?? deepBytesMax)) return;
    this.#length = start;
    this.#skipped = 1;
  }
}
