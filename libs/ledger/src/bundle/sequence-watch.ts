import type { Envelope } from '../envelope.ts';
import { type BundlePlace, refusal } from './bundle-refusal.ts';

/** Numbers of one page: one bit each. */
const pageNumbers = 8192;
const pagesMax = 65_536;
const idsMax = 500_000;

/**
 * That no event stands twice in a range. An event of an emitter is known by its sequence number, all of which are kept (a
 * bit each); numbers may come late, and those without a leaf are not missed. What has no number is known by its id, of
 * which the newest 500,000 are kept.
 */
export class SequenceWatch {
  readonly #pages = new Map<string, Uint8Array>();
  readonly #ids = new Set<string>();

  take({ emitter, seq, id }: Envelope, place: BundlePlace): void {
    const isNew =
      emitter !== undefined && seq !== undefined ? this.#mark(emitter, seq, place) : this.#remember(id);
    if (!isNew) throw refusal('duplicate_event', place, 'the event stands in the log before');
  }

  #mark(emitter: string, seq: number, place: BundlePlace): boolean {
    if (seq < 0) throw refusal('malformed_envelope', place, 'its sequence number is none');
    const key = `${Math.floor(seq / pageNumbers)}/${emitter}`;
    let page = this.#pages.get(key);
    if (!page) {
      if (this.#pages.size >= pagesMax)
        throw refusal('beyond_limits', place, 'more sequence numbers than can be watched');
      page = new Uint8Array(pageNumbers / 8);
      this.#pages.set(key, page);
    }
    const number = seq % pageNumbers;
    const [byte, bit] = [Math.floor(number / 8), 1 << (number % 8)];
    const before = page[byte] ?? 0;
    page[byte] = before | bit;
    return (before & bit) === 0;
  }

  #remember(id: string): boolean {
    if (this.#ids.has(id)) return false;
    const [oldest] = this.#ids;
    if (this.#ids.size >= idsMax && oldest !== undefined) this.#ids.delete(oldest);
    this.#ids.add(id);
    return true;
  }
}
