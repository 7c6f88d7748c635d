import { factTableOf } from '@loom/trace-schema/stored-columns';
import { concat, equalBytes, toHex, utf8 } from '../bytes.ts';
import { payloadCommitment } from '../commitment.ts';
import { differingFields } from '../envelope-facts.ts';
import { type Envelope, parseEnvelope } from '../envelope.ts';
import type { LedgerCrypto } from '../ledger-crypto.ts';
import { readFacts } from '../row-facts.ts';
import {
  isPayloadPart,
  limits,
  memberNames,
  type PayloadOpening,
  readOpening,
  type TextOpening,
} from './bundle-format.ts';
import type { BundleReader } from './bundle-reader.ts';
import { at, type BundlePlace, type BundleReason, refusal } from './bundle-refusal.ts';
import { readLines } from './line-reader.ts';
import type { UnopenedParts } from './unopened-parts.ts';

interface Leaf {
  readonly envelope: Envelope;
  readonly place: BundlePlace;
}

/** Called with each leaf in order, before what it is committed to is looked at. */
export type TakeLeaf = (leaf: Leaf & { readonly index: number; readonly entry: Uint8Array }) => void;

/** Checks chunks of a bundle: leaves, the openings of their parts, the payloads that these name. */
export class ChunkCheck {
  readonly #crypto: LedgerCrypto;
  readonly #reader: BundleReader;
  readonly #unopened: UnopenedParts;
  readonly #verified = { payloads: 0, texts: 0 };
  #leftOut = 0;

  constructor(crypto: LedgerCrypto, reader: BundleReader, unopened: UnopenedParts) {
    this.#crypto = crypto;
    this.#reader = reader;
    this.#unopened = unopened;
  }

  get verified(): { readonly payloads: number; readonly texts: number } {
    return this.#verified;
  }

  /** Leaves of calls of which a filtered bundle opens nothing. */
  get leftOut(): number {
    return this.#leftOut;
  }

  /** Reads the chunk that begins with leaf `first`, and resolves with the leaf that is next. */
  async read(
    first: number,
    { end, isFiltered }: { readonly end: number; readonly isFiltered: boolean },
    takeLeaf: TakeLeaf,
  ): Promise<number> {
    const leaves = await this.#leaves(first, end, takeLeaf);
    const opened = new Set<string>();
    if ((await this.#reader.peek())?.name === memberNames.openings(first)) {
      const payloads = await this.#openings(first, leaves, opened);
      for (const payload of payloads) await this.#payload(payload);
    }
    for (const [at, { envelope, place }] of leaves.entries()) {
      const parts = Object.keys(envelope.commits ?? {});
      const unopened = parts.filter((part) => !opened.has(`${first + at}/${part}`));
      // A filter leaves out a call as a whole: of one that it matches nothing may be missing.
      if (
        isFiltered &&
        envelope.callId !== undefined &&
        unopened.length > 0 &&
        unopened.length === parts.length
      )
        this.#leftOut += 1;
      else for (const part of unopened) this.#unopened.add(envelope, first + at, part, place);
    }
    return first + leaves.length;
  }

  async #leaves(first: number, end: number, takeLeaf: TakeLeaf): Promise<Leaf[]> {
    const member = await this.#reader.open(memberNames.leaves(first), limits.chunkLeaves * 1025);
    const leaves: Leaf[] = [];
    for await (const { text, place: linePlace } of readLines(this.#reader, member, 'malformed_envelope')) {
      const index = first + leaves.length;
      const place = { ...linePlace, leaf: index };
      if (index >= end) throw refusal('wrong_leaf_index', place, `the bundle ends before leaf ${end}`);
      if (leaves.length >= limits.chunkLeaves)
        throw refusal('too_large', place, `more than ${limits.chunkLeaves} leaves in a member`);
      const envelope = at(place, 'malformed_envelope', () => parseEnvelope(text));
      takeLeaf({ envelope, place, index, entry: utf8(text) });
      leaves.push({ envelope, place });
    }
    if (leaves.length === 0)
      throw refusal('wrong_leaf_index', { member: member.name, offset: member.offset }, 'it has no leaf');
    return leaves;
  }

  async #openings(first: number, leaves: readonly Leaf[], opened: Set<string>): Promise<PayloadOpening[]> {
    const member = await this.#reader.open(memberNames.openings(first), limits.openingsBytes);
    const payloads: PayloadOpening[] = [];
    let before = { index: -1, part: '' };
    for await (const { text, place: linePlace } of readLines(this.#reader, member, 'malformed_opening')) {
      const opening = at(linePlace, 'malformed_opening', () => readOpening(text));
      const place = { ...linePlace, leaf: opening.index };
      const { index, part } = opening;
      if (index === before.index && part === before.part)
        throw refusal('duplicate_opening', place, `the ${part} was opened before`);
      if (index < before.index || (index === before.index && part < before.part))
        throw refusal('openings_out_of_order', place, 'openings are sorted by leaf and part');
      this.#opening(opening, leaves[index - first]?.envelope, place);
      before = opening;
      opened.add(`${index}/${part}`);
      if ('hash' in opening) payloads.push(opening);
      else this.#verified.texts += 1;
    }
    if (opened.size === 0)
      throw refusal('malformed_opening', { member: member.name, offset: member.offset }, 'it opens nothing');
    return payloads;
  }

  #opening(opening: PayloadOpening | TextOpening, envelope: Envelope | undefined, place: BundlePlace): void {
    const { part, salt } = opening;
    if (!envelope) throw refusal('opening_without_leaf', place, 'its leaf is not in this chunk');
    const commits = envelope.commits ?? {};
    const commitment = Object.hasOwn(commits, part) ? commits[part] : undefined;
    if (commitment === undefined)
      throw refusal('opening_without_commitment', place, `the leaf is committed to no ${part}`);
    if ('hash' in opening) expectSizes(opening, envelope, place);
    const payload =
      'text' in opening ? utf8(opening.text) : concat(opening.hash, opening.storedHash ?? new Uint8Array());
    if (toHex(payloadCommitment(this.#crypto, { part, salt, payload })) !== commitment)
      throw refusal('wrong_commitment', place, `it does not open the ${part} that the leaf is committed to`);
    if ('text' in opening && part === 'meta') expectFacts(opening.text, envelope, place);
  }

  async #payload({ index, part, storedLength, hash, storedHash }: PayloadOpening): Promise<void> {
    const member = await this.#reader.open(memberNames.payload(index, part), Number.MAX_SAFE_INTEGER);
    const refuse = (reason: BundleReason, why: string) =>
      refusal(reason, { member: member.name, offset: member.offset, leaf: index }, why);
    if (member.size !== storedLength)
      throw refuse('wrong_length', `${member.size} bytes where the opening says ${storedLength}`);
    const running = this.#crypto.sha256Stream();
    for await (const piece of this.#reader.bytes(member)) running.update(piece);
    if (!equalBytes(running.digest(), storedHash ?? hash))
      throw refuse('wrong_payload', 'it is not what the leaf is committed to');
    this.#verified.payloads += 1;
  }
}

/** The facts of a row say the same as the envelope, where both say something. */
function expectFacts(text: string, envelope: Envelope, place: BundlePlace): void {
  const read = at(place, 'malformed_opening', () => readFacts(text));
  if (!read) return;
  const other = differingFields(envelope, read.facts);
  if (read.table !== factTableOf(envelope.kind) || other.length > 0)
    throw refusal(
      'wrong_facts',
      place,
      `its facts are not those of the leaf: ${other.join(', ') || read.table}`,
    );
}

/** What an opening says of sizes must be what the leaf says: the length, and whether only the beginning was kept. */
function expectSizes(
  opening: PayloadOpening,
  { bytes = {}, truncated = [] }: Envelope,
  place: BundlePlace,
): void {
  const { part, length, storedLength, storedHash } = opening;
  const isTruncated = truncated.includes(part);
  if (isTruncated !== (storedHash !== undefined))
    throw refusal(
      'wrong_truncation',
      place,
      `the leaf says that the ${part} was ${isTruncated ? '' : 'not '}cut`,
    );
  if (!isPayloadPart(part) || bytes[part] !== length)
    throw refusal('wrong_length', place, `the leaf says that the ${part} has ${bytes[part] ?? 'no'} bytes`);
  if (isTruncated ? storedLength >= length : storedLength !== length)
    throw refusal('wrong_length', place, `${storedLength} bytes of ${length} are kept`);
}
