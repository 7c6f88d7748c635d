import { LoomError } from '@loom/errors';
import { concat, equalBytes, textOf } from '../bytes.ts';
import type { LedgerCrypto, Sha256Stream } from '../ledger-crypto.ts';
import { at, type BundlePlace, refusal } from './bundle-refusal.ts';
import { blockBytes, isZero, paddingOf, readHeader, tarHeader, trailerBytes } from './tar-format.ts';

/** A member whose header was read; its bytes come next. */
export interface Member {
  readonly name: string;
  readonly size: number;
  /** Of its header in the bundle. */
  readonly offset: number;
}

const archive = 'archive';

/**
 * Reads the members of a bundle as they come, and nothing that is not as {@link tarHeader} writes it. A member that was
 * looked at stays the next one until its bytes were taken.
 */
export class BundleReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #hash: Sha256Stream | null;
  #chunk: Uint8Array = new Uint8Array();
  #at = 0;
  #offset = 0;
  #next: Member | null = null;
  #isAtEnd = false;

  constructor(crypto: LedgerCrypto, source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
    this.#hash = crypto.sha256Stream();
  }

  /** Bytes that were read. */
  get offset(): number {
    return this.#offset;
  }

  /** The next member; null at the end of the archive. */
  async peek(): Promise<Member | null> {
    if (this.#next || this.#isAtEnd) return this.#next;
    const offset = this.#offset;
    const place = { member: archive, offset };
    const header = await this.#take(blockBytes, place);
    if (isZero(header)) {
      this.#isAtEnd = true;
      return null;
    }
    const { name, size, isChecksumRight, isRegularFile } = readHeader(header);
    const refuse = (...[reason, why]: [Parameters<typeof refusal>[0], string]) => refusal(reason, place, why);
    if (!isChecksumRight) throw refuse('bad_header_checksum', 'the checksum of a header is wrong');
    if (!isRegularFile) throw refuse('not_a_regular_file', 'a member is no regular file');
    if (name === null || isUnsafe(name))
      throw refuse('unsafe_name', 'the name of a member is none of a bundle');
    if (size === null || !equalBytes(header, tarHeader(name, size)))
      throw refuse('header_not_canonical', `the header of ${name} is not in its one form`);
    this.#next = { name, size, offset };
    return this.#next;
  }

  /** Opens the next member, which must be the one of this name. */
  async open(name: string, bytesMax: number): Promise<Member> {
    const member = await this.peek();
    const found = member?.name ?? 'the end of the archive';
    if (member?.name !== name)
      throw refusal('unexpected_member', { member: name, offset: member?.offset ?? this.#offset }, `in its place is ${found}`); // prettier-ignore
    if (member.size > bytesMax)
      throw refusal('too_large', placeOf(member), `${member.size} bytes; limit ${bytesMax}`);
    this.#next = null;
    this.#hash?.update(tarHeader(member.name, member.size));
    return member;
  }

  /** The bytes of an opened member, as they come, and what pads it. To be read to its end. */
  async *bytes(member: Member): AsyncGenerator<Uint8Array, void, undefined> {
    for (let left = member.size; left > 0;) {
      const piece = await this.#some(left, placeOf(member));
      left -= piece.length;
      this.#hash?.update(piece);
      yield piece;
    }
    await this.#padding(member);
  }

  /** All bytes of an opened member. */
  async whole(member: Member): Promise<Uint8Array> {
    const bytes = await this.#take(member.size, placeOf(member));
    this.#hash?.update(bytes);
    await this.#padding(member);
    return bytes;
  }

  /** The text of a member of this name. */
  async text(
    name: string,
    bytesMax: number,
  ): Promise<{ readonly text: string; readonly place: BundlePlace }> {
    const member = await this.open(name, bytesMax);
    const place = placeOf(member);
    const bytes = await this.whole(member);
    return { text: at(place, 'malformed_bundle', () => textOf(bytes)), place };
  }

  /** SHA-256 of all that was read; a member that was only looked at is not in it. Nothing is added after that. */
  digest(): Uint8Array {
    const hash = this.#hash;
    if (!hash) throw new LoomError('internal', 'the hash was taken before');
    this.#hash = null;
    return hash.digest();
  }

  /** That the archive ends here, as an archive ends, and that nothing follows. */
  async finish(): Promise<void> {
    const next = await this.peek();
    if (next)
      throw refusal(
        'unexpected_member',
        { member: next.name, offset: next.offset },
        'it follows the manifest',
      );
    const place = { member: archive, offset: this.#offset };
    const rest = await this.#take(trailerBytes - blockBytes, place);
    if (!isZero(rest))
      throw refusal('trailing_bytes', place, 'the archive does not end with two zero blocks');
    if (await this.#fill()) throw refusal('trailing_bytes', place, 'bytes follow the end of the archive');
  }

  /** Lets go of the source. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }

  async #padding(member: Member): Promise<void> {
    const padding = await this.#take(paddingOf(member.size), placeOf(member));
    if (!isZero(padding)) throw refusal('nonzero_padding', placeOf(member), 'what pads it is not zero');
    this.#hash?.update(padding);
  }

  async #take(length: number, place: BundlePlace): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array();
    const first = await this.#some(length, place);
    if (first.length === length) return first;
    const pieces = [first];
    for (let left = length - first.length; left > 0;) {
      const piece = await this.#some(left, place);
      pieces.push(piece);
      left -= piece.length;
    }
    return concat(...pieces);
  }

  /** At least one byte, at most so many. */
  async #some(lengthMax: number, place: BundlePlace): Promise<Uint8Array> {
    if (this.#at >= this.#chunk.length && !(await this.#fill()))
      throw refusal('cut_short', place, `the bundle ends after ${this.#offset} bytes`);
    const piece = this.#chunk.subarray(this.#at, this.#at + lengthMax);
    this.#at += piece.length;
    this.#offset += piece.length;
    return piece;
  }

  /** False at the end of the source. */
  async #fill(): Promise<boolean> {
    while (this.#at >= this.#chunk.length) {
      const next = await this.#source.next();
      if (next.done === true) return false;
      [this.#chunk, this.#at] = [next.value, 0];
    }
    return true;
  }
}

function placeOf({ name, offset }: Member): BundlePlace {
  return { member: name, offset };
}

/** Nobody writes members to disk by their names here; who does so elsewhere is protected all the same. */
function isUnsafe(name: string): boolean {
  return name.startsWith('/') || /\\|:/.test(name) || name.split('/').some((part) => /^\.{0,2}$/.test(part));
}
