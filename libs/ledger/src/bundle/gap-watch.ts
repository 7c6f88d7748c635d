import type { Envelope } from '../envelope.ts';
import { type BundlePlace, refusal } from './bundle-refusal.ts';

/** Numbers of an emitter that never came, as the leaf at `leaf` says. */
interface OpenGap {
  readonly emitter: string;
  readonly from: number;
  readonly to: number;
  readonly leaf: number;
}

export interface GapReport {
  /** Ranges of numbers that were told of and did not come. */
  readonly open: number;
  /** Numbers in them. */
  readonly missing: number;
  /** Gaps whose numbers all came later. */
  readonly filled: number;
  /** The first open ones. */
  readonly list: readonly OpenGap[];
}

const gapsMax = 100_000;
const listMax = 100;

interface Told {
  /** Ranges of the gap that are still open. */
  open: { from: number; to: number }[];
  readonly emitter: string;
  readonly leaf: number;
}

/** What `capture.gap` tells of and `capture.gap.filled` takes back. */
export class GapWatch {
  readonly #told = new Map<string, Told[]>();
  #ranges = 0;
  #filled = 0;

  take({ kind, emitter, from, to }: Envelope, leaf: number, place: BundlePlace): void {
    if (kind !== 'capture.gap' && kind !== 'capture.gap.filled') return;
    if (emitter === undefined || from === undefined || to === undefined || from > to)
      throw refusal('malformed_envelope', place, 'a gap without its numbers');
    if (kind === 'capture.gap.filled') return this.#fill(emitter, from, to);
    this.#told.set(emitter, [...(this.#told.get(emitter) ?? []), { open: [{ from, to }], emitter, leaf }]);
    this.#ranges += 1;
    if (this.#ranges > gapsMax) throw refusal('beyond_limits', place, `more than ${gapsMax} gaps`);
  }

  #fill(emitter: string, from: number, to: number): void {
    const gaps = this.#told.get(emitter);
    if (!gaps) return;
    for (const gap of gaps) {
      const before = gap.open.length;
      gap.open = gap.open.flatMap((range) =>
        range.to < from || to < range.from
          ? [range]
          : [
              { from: range.from, to: from - 1 },
              { from: to + 1, to: range.to },
            ].filter((rest) => rest.from <= rest.to),
      );
      this.#ranges += gap.open.length - before;
      if (gap.open.length === 0) this.#filled += 1;
    }
    this.#told.set(emitter, gaps.filter(({ open }) => open.length > 0)); // prettier-ignore
  }

  report(): GapReport {
    const open = [...this.#told.values()]
      .flat()
      .flatMap(({ open: ranges, emitter, leaf }) => ranges.map((range) => ({ emitter, ...range, leaf })));
    return {
      open: open.length,
      missing: open.reduce((sum, { from, to }) => sum + to - from + 1, 0),
      filled: this.#filled,
      list: open.sort((a, b) => a.leaf - b.leaf).slice(0, listMax),
    };
  }
}
