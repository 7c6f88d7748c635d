import { beganMs } from '../envelope-facts.ts';
import type { Envelope } from '../envelope.ts';
import { isPayloadPart } from './bundle-format.ts';
import { type BundlePlace, refusal } from './bundle-refusal.ts';

/** What became of the parts that leaves are committed to. */
export interface PartCounts {
  /** Opened, and what the leaf says. */
  readonly verified: number;
  /** Not opened, and there is a leaf that says that it was erased. */
  readonly erased: number;
  /** Not opened, and nothing says why. */
  readonly missing: number;
}

export interface MissingPart {
  readonly leaf: number;
  readonly part: string;
}

const unopenedMax = 4_000_000;
const erasedMax = 1_000_000;
const growth = 65_536;
const listMax = 100;

/** Typed columns: some 20 bytes a part, since the leaf that says why may come last. */
class Column<Values extends Float64Array | Uint32Array> {
  #values: Values;
  readonly #make: (length: number) => Values;

  constructor(make: (length: number) => Values) {
    this.#make = make;
    this.#values = make(growth);
  }

  set(at: number, value: number): void {
    if (at >= this.#values.length) {
      const grown = this.#make(this.#values.length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[at] = value;
  }

  get(at: number): number {
    return this.#values[at] ?? 0;
  }
}

/**
 * Parts that a bundle does not open, until all leaves that tell of erasures are known. A part of a call was erased when its
 * bucket was (`payload.erased`), or when a `retention.run` names a time after the call: with the content go the keys of
 * its days, without which metadata cannot be opened either. A run covers nothing that is younger than itself, and never a
 * record of a change.
 */
export class UnopenedParts {
  readonly #names: string[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #time = new Column((length) => new Float64Array(length));
  readonly #leaf = new Column((length) => new Float64Array(length));
  readonly #bucket = new Column((length) => new Uint32Array(length));
  readonly #part = new Column((length) => new Uint32Array(length));
  readonly #erasedBuckets = new Set<string>();
  #before = -Infinity;
  #count = 0;

  add(envelope: Envelope, leaf: number, part: string, place: BundlePlace): void {
    const { bucket } = envelope;
    // Retention takes the row of a call by when the call began, and its payloads by when they came.
    const time = isPayloadPart(part) ? envelope.time : beganMs(envelope);
    if (this.#count >= unopenedMax)
      throw refusal('beyond_limits', place, `more than ${unopenedMax} parts that are not opened`);
    this.#time.set(this.#count, time);
    this.#leaf.set(this.#count, leaf);
    this.#bucket.set(this.#count, this.#numberOf(bucket === undefined ? 'none' : `bucket ${bucket}`));
    this.#part.set(this.#count, this.#numberOf(part));
    this.#count += 1;
  }

  /** Takes in a leaf that may tell of an erasure. */
  learn({ kind, time, buckets, contentBefore, metadataBefore }: Envelope, place: BundlePlace): void {
    if (kind === 'payload.erased')
      for (const bucket of buckets ?? []) this.#erasedBuckets.add(`bucket ${bucket}`);
    if (this.#erasedBuckets.size > erasedMax)
      throw refusal('beyond_limits', place, `more than ${erasedMax} erased bucket keys`);
    if (kind !== 'retention.run') return;
    const before = Math.max(contentBefore ?? -Infinity, metadataBefore ?? -Infinity);
    this.#before = Math.max(this.#before, Math.min(before, time));
  }

  /** Of payloads and of texts, and the first that are missing. */
  resolve(): { readonly payloads: Counts; readonly texts: Counts; readonly missing: readonly MissingPart[] } {
    const counts = { payloads: { erased: 0, missing: 0 }, texts: { erased: 0, missing: 0 } };
    const missing: MissingPart[] = [];
    for (let at = 0; at < this.#count; at += 1) {
      const part = this.#names[this.#part.get(at)] ?? '';
      const count = counts[isPayloadPart(part) ? 'payloads' : 'texts'];
      if (this.#isErased(at, part)) count.erased += 1;
      else {
        count.missing += 1;
        if (missing.length < listMax) missing.push({ leaf: this.#leaf.get(at), part });
      }
    }
    return { ...counts, missing };
  }

  #isErased(at: number, part: string): boolean {
    if (this.#erasedBuckets.has(this.#names[this.#bucket.get(at)] ?? '')) return true;
    return part !== 'record' && this.#time.get(at) < this.#before;
  }

  #numberOf(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#names.push(name);
    this.#numbers.set(name, this.#names.length - 1);
    return this.#names.length - 1;
  }
}

type Counts = Omit<PartCounts, 'verified'>;
