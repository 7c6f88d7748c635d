import { equalBytes, toHex, utf8 } from '../bytes.ts';
import { CompactRange } from '../compact-range.ts';
import { parseEnvelope } from '../envelope.ts';
import type { LedgerCrypto } from '../ledger-crypto.ts';
import { leafHash } from '../merkle-hash.ts';
import { verifyConsistency, verifyInclusion } from '../merkle-proof.ts';
import { ed25519Type, type NoteVerifier } from '../signed-note.ts';
import {
  type BundleMeta,
  limits,
  memberNames,
  readEdge,
  readManifest,
  readMeta,
  readTombstone,
} from './bundle-format.ts';
import type { BundlePolicy } from './bundle-policy.ts';
import { BundleReader } from './bundle-reader.ts';
import { at, type BundlePlace, refusal } from './bundle-refusal.ts';
import type { BundleReport, ReportedCheckpoint } from './bundle-report.ts';
import { ChunkCheck } from './chunk-check.ts';
import { clockSkewMsMax, expectOwn, LeafTally } from './leaf-tally.ts';
import { readLines } from './line-reader.ts';
import { PriorCheckpoint } from './prior-checkpoint.ts';
import {
  type BundleKeys,
  keysOf,
  openCheckpoint,
  openNote,
  type SealedCheckpoint,
} from './sealed-checkpoint.ts';
import { UnopenedParts } from './unopened-parts.ts';

export interface VerifyBundleOptions {
  /** Keys that are trusted: those of the deployment, and of witnesses. */
  readonly keys: readonly NoteVerifier[];
  /** An older checkpoint of the same log, which the log must continue: a signed note. */
  readonly prior?: string;
  readonly policy?: BundlePolicy;
  /** By the clock of who checks, unix milliseconds: nothing may be sealed long after it. */
  readonly nowMs?: number;
}

/**
 * Checks a bundle in one pass, in memory that does not grow with its payloads, and trusts nothing but the keys. Resolves
 * with what it holds, or throws the first reason found and its place (`refusalOf`). It is never a partial yes: a report is
 * of a bundle whose every byte was read, up to the end of the archive.
 */
export async function verifyBundle(
  crypto: LedgerCrypto,
  source: AsyncIterable<Uint8Array>,
  options: VerifyBundleOptions,
): Promise<BundleReport> {
  const reader = new BundleReader(crypto, source);
  try {
    return await new BundleCheck(crypto, reader, options).run();
  } finally {
    await reader.close();
  }
}

interface Checkpoints {
  readonly start: SealedCheckpoint | null;
  readonly end: SealedCheckpoint;
  readonly newest: SealedCheckpoint;
}

class BundleCheck {
  readonly #crypto: LedgerCrypto;
  readonly #reader: BundleReader;
  readonly #options: VerifyBundleOptions;
  readonly #unopened = new UnopenedParts();
  readonly #chunks: ChunkCheck;

  constructor(crypto: LedgerCrypto, reader: BundleReader, options: VerifyBundleOptions) {
    this.#crypto = crypto;
    this.#reader = reader;
    this.#options = options;
    this.#chunks = new ChunkCheck(crypto, reader, this.#unopened);
  }

  async run(): Promise<BundleReport> {
    const { keys: trusted, prior: priorNote, policy } = this.#options;
    const meta = await this.#meta();
    const keys = keysOf(meta, [...trusted, ...(policy?.witnesses ?? [])]);
    if (keys.log.length === 0)
      throw refusal('unknown_key', { member: memberNames.meta }, `no key of ${meta.origin} was given`);
    const prior =
      priorNote === undefined ? null : new PriorCheckpoint(this.#crypto, priorNote, { ...meta, keys });
    await this.#reader.text(memberNames.keys, limits.keysBytes);
    const checkpoints = await this.#checkpoints(meta, keys);
    prior?.compareWithNewest(checkpoints.newest);
    this.#expectQuorum(checkpoints.newest);
    const range = await this.#edge(meta, checkpoints);
    prior?.compare(checkpoints.end);
    prior?.compareWithEdge(range);
    const tally = await this.#leaves(meta, checkpoints, range, prior);
    await this.#tombstones(meta, checkpoints);
    const exportedBy = await this.#manifest(meta, keys);
    await this.#reader.finish();
    return this.#report({ meta, checkpoints, tally, exportedBy, continues: prior?.size ?? null });
  }

  async #meta(): Promise<BundleMeta> {
    const { text, place } = await this.#reader.text(memberNames.meta, limits.metaBytes);
    const meta = at(place, 'malformed_bundle', () => readMeta(text));
    if (!meta.origin.endsWith(`/ledger/${meta.project}`))
      throw refusal('wrong_origin', place, `${meta.origin} is no log of ${meta.project}`);
    if (meta.to > meta.createdAt + clockSkewMsMax)
      throw refusal('clock_nonsense', place, 'it is of a time long after it was made');
    return meta;
  }

  async #checkpoints(
    { origin, start, end, size, createdAt }: BundleMeta,
    keys: BundleKeys,
  ): Promise<Checkpoints> {
    const read = async (name: string, expected: number): Promise<SealedCheckpoint> => {
      const { text, place } = await this.#reader.text(name, limits.noteBytes);
      const checkpoint = openCheckpoint(this.#crypto, text, { origin, keys, place });
      if (checkpoint.size !== expected)
        throw refusal('wrong_size', place, `it is of ${checkpoint.size} leaves, not of ${expected}`);
      const { nowMs = Infinity } = this.#options;
      if (checkpoint.sealedAt > Math.min(createdAt, nowMs) + clockSkewMsMax)
        throw refusal('clock_nonsense', place, 'it was sealed long after the bundle was made');
      return checkpoint;
    };
    const first = start > 0 ? await read(memberNames.start, start) : null;
    const last = await read(memberNames.end, end);
    const newest = size > end ? await read(memberNames.newest, size) : last;
    const times = [first?.sealedAt ?? 0, last.sealedAt, newest.sealedAt];
    if (times.some((time, at) => time < (times[at - 1] ?? 0)))
      throw refusal(
        'clock_nonsense',
        { member: memberNames.end },
        'a larger checkpoint was sealed before a smaller one',
      );
    return { start: first, end: last, newest };
  }

  #expectQuorum({ cosignatures }: SealedCheckpoint): void {
    const { policy } = this.#options;
    if (!policy) return;
    const signed = new Set(cosignatures.map(({ verifier }) => toHex(verifier.publicKey)));
    const count = policy.witnesses.filter(({ publicKey }) => signed.has(toHex(publicKey))).length;
    if (count < policy.quorum)
      throw refusal(
        'quorum_not_met',
        { member: memberNames.newest },
        `${count} witnesses of ${policy.quorum} have signed`,
      );
  }

  async #edge(meta: BundleMeta, { start, end, newest }: Checkpoints): Promise<CompactRange> {
    const { text, place } = await this.#reader.text(memberNames.edge, limits.edgeBytes);
    const { edge, consistency } = at(place, 'malformed_edge', () => readEdge(text));
    const range = at(place, 'malformed_edge', () => new CompactRange(this.#crypto, meta.start, edge));
    if (start && !equalBytes(range.root(), start.root))
      throw refusal('wrong_start_root', place, `it is no edge of the log at ${meta.start} leaves`);
    const proof = {
      oldSize: meta.end,
      oldRoot: end.root,
      size: meta.size,
      root: newest.root,
      proof: consistency,
    };
    if (!verifyConsistency(this.#crypto, proof))
      throw refusal(
        'inconsistent',
        place,
        `the log of ${meta.size} leaves does not continue that of ${meta.end}`,
      );
    return range;
  }

  async #leaves(
    meta: BundleMeta,
    { end }: Checkpoints,
    range: CompactRange,
    prior: PriorCheckpoint | null,
  ): Promise<LeafTally> {
    const tally = new LeafTally({ project: meta.project, sealedAt: end.sealedAt });
    for (let next = meta.start; next < meta.end;) {
      next = await this.#chunks.read(
        next,
        { end: meta.end, isFiltered: meta.filter !== undefined },
        ({ envelope, entry, index, place }) => {
          tally.take(envelope, index, place);
          this.#unopened.learn(envelope, place);
          range.append(leafHash(this.#crypto, entry));
          prior?.compareWithRange(range);
        },
      );
    }
    if (!equalBytes(range.root(), end.root))
      throw refusal(
        'wrong_end_root',
        { member: memberNames.end },
        `the leaves are not those of the log up to ${meta.end}`,
      );
    prior?.expectSeen();
    return tally;
  }

  /** In the order of the log; those of the bundle's own leaves are known. */
  async #tombstones({ project, start, end, size }: BundleMeta, { newest }: Checkpoints): Promise<void> {
    const member = await this.#reader.open(memberNames.tombstones, limits.tombstoneBytes);
    let before = -1;
    for await (const { text, place: line } of readLines(this.#reader, member, 'malformed_tombstone')) {
      const { index, envelope: entry, proof } = at(line, 'malformed_tombstone', () => readTombstone(text));
      const place: BundlePlace = { ...line, leaf: index };
      const envelope = at(place, 'malformed_envelope', () => parseEnvelope(entry));
      expectOwn(envelope, { project, sealedAt: newest.sealedAt, place });
      if (index <= before || (index >= start && index < end))
        throw refusal('wrong_tombstone', place, 'it is of a leaf of the bundle, or out of order');
      if (envelope.kind !== 'payload.erased' && envelope.kind !== 'retention.run')
        throw refusal('wrong_tombstone', place, `a leaf of kind ${envelope.kind} erases nothing`);
      const leaf = { index, leafHash: leafHash(this.#crypto, utf8(entry)), proof };
      if (!verifyInclusion(this.#crypto, { ...leaf, size, root: newest.root }))
        throw refusal('wrong_tombstone', place, 'it is not in the log');
      this.#unopened.learn(envelope, place);
      before = index;
    }
  }

  async #manifest(meta: BundleMeta, keys: BundleKeys): Promise<string[]> {
    const offset = (await this.#reader.peek())?.offset;
    const hash = this.#reader.digest();
    const { text: note, place } = await this.#reader.text(memberNames.manifest, limits.noteBytes);
    const { text, signatures } = openNote(this.#crypto, note, keys, place);
    const manifest = at(place, 'malformed_manifest', () => readManifest(text));
    if (manifest.origin !== meta.origin)
      throw refusal('wrong_origin', place, `it is of the log ${manifest.origin}`);
    if (manifest.bytes !== offset)
      throw refusal('wrong_byte_count', place, `${manifest.bytes} bytes; there are ${offset}`);
    if (!equalBytes(manifest.hash, hash)) throw refusal('wrong_hash', place, 'it is of other bytes');
    if (manifest.leaves !== meta.end - meta.start)
      throw refusal(
        'wrong_leaf_count',
        place,
        `${manifest.leaves} leaves; there are ${meta.end - meta.start}`,
      );
    const { payloads } = this.#chunks.verified;
    if (manifest.payloads !== payloads)
      throw refusal('wrong_payload_count', place, `${manifest.payloads} payloads; there are ${payloads}`);
    return signatures
      .filter(({ verifier }) => verifier.type === ed25519Type)
      .map(({ verifier }) => `${verifier.name}+${verifier.keyId.toString(16).padStart(8, '0')}`);
  }

  #report(found: {
    readonly meta: BundleMeta;
    readonly checkpoints: Checkpoints;
    readonly tally: LeafTally;
    readonly exportedBy: readonly string[];
    readonly continues: number | null;
  }): BundleReport {
    const { meta, checkpoints, tally, exportedBy, continues } = found;
    const { start, end, newest } = checkpoints;
    const { payloads, texts, missing } = this.#unopened.resolve();
    const { byKind, losses, gaps, unread } = tally.report();
    const { verified } = this.#chunks;
    const isPeriodCovered = (!start || start.sealedAt <= meta.from) && end.sealedAt >= meta.to;
    const isComplete = isPeriodCovered && missing.length === 0 && gaps.open === 0 && losses.unread === 0;
    return {
      ...meta,
      ...{ verdict: isComplete ? 'verified' : 'incomplete', isPeriodCovered, exportedBy, continues },
      checkpoints: { start: start && reported(start), end: reported(end), newest: reported(newest) },
      leaves: { total: tally.total, byKind },
      payloads: { verified: verified.payloads, ...payloads },
      texts: { verified: verified.texts, ...texts },
      ...{ missing, gaps, losses, unread, leftOut: this.#chunks.leftOut },
      cosignatures: newest.cosignatures.map(({ verifier, timeSeconds }) => ({
        name: verifier.name,
        time: (timeSeconds ?? 0) * 1000,
      })),
    };
  }
}

function reported({ size, sealedAt }: SealedCheckpoint): ReportedCheckpoint {
  return { size, sealedAt };
}
