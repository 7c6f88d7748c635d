import type { Wire } from '@loom/providers';
import type { Told } from '../call.ts';

/** The end of an answer that is looked at. Bytes. */
const tailBytesMax = 16 * 1024;

/**
 * Keeps the first piece of a JSON answer and its last ones: who answered stands at the beginning, usage at the end. For
 * answers that are handed out before they are whole.
 */
export class AnswerTail {
  readonly #wire: Wire;
  #first: Buffer | null = null;
  readonly #tail: Buffer[] = [];
  #tailLength = 0;
  #isCut = false;
  #told: Told | null = null;

  constructor(wire: Wire) {
    this.#wire = wire;
  }

  push(bytes: Buffer): void {
    this.#told = null;
    this.#tail.push(bytes);
    this.#tailLength += bytes.length;
    while (this.#tailLength - (this.#tail[0]?.length ?? 0) >= tailBytesMax) {
      const gone = this.#tail.shift();
      this.#tailLength -= gone?.length ?? 0;
      this.#first ??= gone?.subarray(0, tailBytesMax) ?? null;
      this.#isCut = true;
    }
  }

  /** What the answer says. */
  read(): Told {
    if (this.#told) return this.#told;
    const bytes = Buffer.concat(this.#first ? [this.#first, ...this.#tail] : this.#tail);
    const facts = this.#wire.readFacts(bytes, false);
    const usage = facts.usage ?? this.#wire.readTailUsage(bytes);
    this.#told = { facts: { ...facts, usage }, whole: !this.#isCut };
    return this.#told;
  }
}
