import { createHash } from 'node:crypto';

/** Numbers that depend on the seed alone (sfc32): the same seed gives the same sequence on every machine. */
export class Random {
  #a: number;
  #b: number;
  #c: number;
  #counter: number;

  constructor(seed: string) {
    const hash = createHash('sha256').update(seed).digest();
    this.#a = hash.readUInt32LE(0);
    this.#b = hash.readUInt32LE(4);
    this.#c = hash.readUInt32LE(8);
    this.#counter = hash.readUInt32LE(12);
  }

  uint32(): number {
    const mixed = (((this.#a + this.#b) | 0) + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + mixed) | 0;
    return mixed >>> 0;
  }

  /** From 0 up to, not including, 1. */
  unit(): number {
    return this.uint32() / 4_294_967_296;
  }

  /** Whole, both ends included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[Math.floor(this.unit() * items.length)] as Item;
  }

  /** Log-normal around a median: most values near it, a few far above. */
  around(median: number, sigma: number): number {
    const normal = Math.sqrt(-2 * Math.log(1 - this.unit())) * Math.cos(2 * Math.PI * this.unit());
    return median * Math.exp(sigma * normal);
  }

  /** Lower-case hex digits, a multiple of 8 of them. */
  hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += this.uint32().toString(16).padStart(8, '0');
    return text;
  }

  /** A UUIDv7 of that instant. */
  uuid(unixMs: number): string {
    const time = Math.floor(unixMs).toString(16).padStart(12, '0');
    const rest = this.hex(24);
    return `${time.slice(0, 8)}-${time.slice(8)}-7${rest.slice(0, 3)}-a${rest.slice(3, 6)}-${rest.slice(6, 18)}`;
  }
}

/** Draws by weight. */
export function weighted<Item>(entries: readonly (readonly [Item, number])[]): (random: Random) => Item {
  let total = 0;
  const sums = entries.map(([item, weight]) => [item, (total += weight)] as const);
  return (random) => {
    const at = random.unit() * total;
    return (sums.find(([, sum]) => at < sum) ?? sums[0])?.[0] as Item;
  };
}
