import type { AnswerFacts, Wire } from '@loom/providers';

/** The end of an answer that tells how it ended. Bytes; a Responses stream repeats the whole answer in its last event. */
const tailBytes = 16 * 1024;
const tailBytesOfResponses = 1024 * 1024;

/** Keeps the first piece of an answer and its last ones: who answered stands at the beginning, how it ended at the end. */
export class AnswerTail {
  readonly #tailMax: number;
  readonly #wire: Wire;
  #first: Buffer | null = null;
  readonly #tail: Buffer[] = [];
  #tailLength = 0;
  #isCut = false;
  #read: { readonly facts: AnswerFacts; readonly whole: boolean } | null = null;

  constructor(wire: Wire) {
    this.#wire = wire;
    this.#tailMax = wire.name === 'openai-responses' ? tailBytesOfResponses : tailBytes;
  }

  push(bytes: Buffer): void {
    this.#read = null;
    this.#tail.push(bytes);
    this.#tailLength += bytes.length;
    while (this.#tailLength - (this.#tail[0]?.length ?? 0) >= this.#tailMax) {
      const gone = this.#tail.shift();
      this.#tailLength -= gone?.length ?? 0;
      this.#first ??= gone?.subarray(0, this.#tailMax) ?? null;
      this.#isCut = true;
    }
  }

  /** The facts of all that was pushed, read by somebody else. */
  learn(facts: AnswerFacts): void {
    this.#read = { facts, whole: true };
  }

  /** The number that the next event of a numbered stream has. */
  nextSequence(): number {
    const numbers = this.#tail
      .map(String)
      .join('')
      .matchAll(/"sequence_number"\s*:\s*(\d+)/g);
    const last = [...numbers].at(-1)?.[1];
    return last === undefined ? 0 : Number(last) + 1;
  }

  /** What the answer says; `whole` when nothing of it was left out. */
  read(streamed: boolean): { readonly facts: AnswerFacts; readonly whole: boolean } {
    if (this.#read) return this.#read;
    const parts = this.#first ? [this.#first, Buffer.from('\n\n'), ...this.#tail] : this.#tail;
    const [only] = parts;
    const bytes = parts.length === 1 && only ? only : Buffer.concat(parts);
    const facts = this.#wire.readFacts(bytes, streamed);
    const usage = facts.usage ?? (streamed ? null : this.#wire.readTailUsage(bytes));
    this.#read = { facts: { ...facts, usage }, whole: !this.#isCut };
    return this.#read;
  }
}
