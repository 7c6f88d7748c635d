import { LoomError } from '@loom/errors';
import { equalBytes, utf8 } from '../bytes.ts';
import type { LedgerCrypto, Sha256Stream } from '../ledger-crypto.ts';
import {
  type BundleMeta,
  limits,
  memberNames,
  type PayloadOpening,
  type TextOpening,
  type Tombstone,
  writeEdge,
  writeManifest,
  writeMeta,
  writeOpening,
  writeTombstone,
} from './bundle-format.ts';
import { memberBytesMax, paddingOf, tarHeader, tarMember, trailerBytes } from './tar-format.ts';

/** Where the bytes go; each write is waited for. */
export interface BundleSink {
  write(bytes: Uint8Array): Promise<void>;
}

/** What stands before the leaves. */
export interface BundleHead {
  readonly meta: BundleMeta;
  readonly vkeys: readonly string[];
  /** Checkpoints of size `start`, `end` and `size`: signed notes; null where the format has none. */
  readonly startNote: string | null;
  readonly endNote: string;
  readonly newestNote: string | null;
  /** Nodes of the compact range of size `start`. */
  readonly edge: readonly Uint8Array[];
  /** From the tree of `end` to that of `size`; empty when these are one. */
  readonly consistency: readonly Uint8Array[];
}

/** A part that is opened: of a payload with the bytes that are kept. In any order. */
export type OpenedPart =
  TextOpening | (PayloadOpening & { readonly bytes: Uint8Array | AsyncIterable<Uint8Array> });

/** Some leaves that follow each other, and what of them is opened. */
export interface BundleChunk {
  readonly firstIndex: number;
  /** Texts of envelopes; from 1 to 1,024. */
  readonly envelopes: readonly string[];
  readonly openings: readonly OpenedPart[];
}

/**
 * Writes a bundle as a stream: `begin`, `chunk` for all leaves in order, `finish`. It throws `internal` rather than write
 * what cannot be verified (leaves that do not follow, a payload that is not its hash); what was written by then is no
 * bundle and is to be thrown away. Concurrent calls are not allowed.
 */
export class BundleWriter {
  readonly #crypto: LedgerCrypto;
  readonly #sink: BundleSink;
  readonly #hash: Sha256Stream;
  #meta: BundleMeta | null = null;
  #offset = 0;
  #nextIndex = 0;
  #payloads = 0;

  constructor(crypto: LedgerCrypto, sink: BundleSink) {
    this.#crypto = crypto;
    this.#sink = sink;
    this.#hash = crypto.sha256Stream();
  }

  async begin({ meta, vkeys, startNote, endNote, newestNote, edge, consistency }: BundleHead): Promise<void> {
    if (this.#meta) throw misuse('the bundle has begun');
    if ((startNote !== null) !== meta.start > 0 || (newestNote !== null) !== meta.size > meta.end)
      throw misuse('a checkpoint is missing, or not of this bundle');
    this.#meta = meta;
    this.#nextIndex = meta.start;
    await this.#text(memberNames.meta, writeMeta(meta));
    await this.#text(memberNames.keys, vkeys.map((vkey) => `${vkey}\n`).join(''));
    if (startNote !== null) await this.#text(memberNames.start, startNote);
    await this.#text(memberNames.end, endNote);
    if (newestNote !== null) await this.#text(memberNames.newest, newestNote);
    await this.#text(memberNames.edge, writeEdge(edge, consistency));
  }

  async chunk({ firstIndex, envelopes, openings }: BundleChunk): Promise<void> {
    if (firstIndex !== this.#nextIndex || !this.#meta)
      throw misuse(`leaf ${firstIndex} where ${this.#nextIndex} is next`);
    if (envelopes.length < 1 || envelopes.length > limits.chunkLeaves)
      throw misuse(`a chunk of ${envelopes.length} leaves`);
    this.#nextIndex += envelopes.length;
    await this.#text(memberNames.leaves(firstIndex), lines(envelopes));
    const sorted = [...openings].sort((a, b) => a.index - b.index || (a.part < b.part ? -1 : 1));
    if (sorted.length === 0) return;
    await this.#text(memberNames.openings(firstIndex), lines(sorted.map(writeOpening)));
    for (const opening of sorted) if ('bytes' in opening) await this.#payload(opening);
  }

  /** `sign` makes a signed note of the manifest's text. */
  async finish(tombstones: readonly Tombstone[], sign: (text: string) => Promise<string>): Promise<void> {
    const meta = this.#meta;
    if (this.#nextIndex !== meta?.end) throw misuse(`the bundle ends with leaf ${this.#nextIndex}`);
    await this.#text(memberNames.tombstones, lines(tombstones.map(writeTombstone)));
    const text = writeManifest({
      ...{ origin: meta.origin, bytes: this.#offset, hash: this.#hash.digest() },
      ...{ leaves: meta.end - meta.start, payloads: this.#payloads },
    });
    await this.#sink.write(tarMember(memberNames.manifest, utf8(await sign(text))));
    await this.#sink.write(new Uint8Array(trailerBytes));
  }

  async #payload(opening: Extract<OpenedPart, { bytes: unknown }>): Promise<void> {
    const { index, part, storedLength, bytes } = opening;
    const hash = this.#crypto.sha256Stream();
    if (storedLength > memberBytesMax) throw misuse(`the ${part} of leaf ${index} is too large`);
    let written = 0;
    await this.#write(tarHeader(memberNames.payload(index, part), storedLength));
    for await (const piece of bytes instanceof Uint8Array ? [bytes] : bytes) {
      hash.update(piece);
      written += piece.length;
      await this.#write(piece);
    }
    if (written !== storedLength || !equalBytes(hash.digest(), opening.storedHash ?? opening.hash))
      throw misuse(`the ${part} of leaf ${index} is not what its opening says`);
    await this.#write(new Uint8Array(paddingOf(storedLength)));
    this.#payloads += 1;
  }

  async #text(name: string, text: string): Promise<void> {
    await this.#write(tarMember(name, utf8(text)));
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#hash.update(bytes);
    this.#offset += bytes.length;
    await this.#sink.write(bytes);
  }
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}

function misuse(why: string): LoomError {
  return new LoomError('internal', `bundle not written: ${why}`);
}
