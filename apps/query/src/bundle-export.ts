import { setTimeout as delay } from 'node:timers/promises';
import type { StoredCheckpoint, StoredLeaf } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import {
  type BundleSink,
  BundleWriter,
  consistencyProof,
  inclusionProof,
  nodeCrypto,
  type NoteSigner,
  type OpenedPart,
  parseEnvelope,
  proveWithTiles,
  signNote,
  type Tombstone,
} from '@loom/ledger';
import type { TraceReader } from '@loom/trace-store';
import { chooseLeaves } from './chosen-leaves.ts';
import { LeafOpener, type LeafOpenerDeps } from './leaf-opener.ts';
import type { LedgerQueries } from './ledger-queries.ts';

export interface BundleExportDeps extends LeafOpenerDeps {
  readonly store: LeafOpenerDeps['store'] & Pick<TraceReader, 'matchSpans'>;
  readonly queries: Pick<LedgerQueries, 'readVerifierKeys' | 'cosigned'>;
  /** Who signs the manifest; null where this service has no signer. */
  readonly signer: { keys(): Promise<readonly NoteSigner[]> } | null;
  /** Records that ledger and ingest have not taken in yet; null where that is not known. */
  readonly behind: () => Promise<number | null>;
}

export interface ExportRange {
  readonly projectId: string;
  /** Unix milliseconds. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Opens only calls that match, when it is given. */
  readonly filter?: string | undefined;
}

const chunkLeaves = 1024;
/** What happened is sealed within this (the promise of receipts). */
const sealedWithinMs = 60_000;
const waitMsMax = 20_000;
const lookMs = 200;
const tombstonesMax = 100_000;
const erasuresRead = 1000;

interface Writing {
  readonly sink: BundleSink;
  readonly sign: (text: string) => Promise<string>;
  readonly chosen: ReturnType<typeof chooseLeaves>;
}

interface Span {
  readonly start: StoredCheckpoint | null;
  readonly end: StoredCheckpoint;
  readonly newest: StoredCheckpoint;
}

/**
 * Writes bundles (ADR 0016): all leaves that were sealed from the last checkpoint before the range until the promise of
 * receipts has passed after it, so that whatever happened in the range is in it. The range ends with the last signature, if
 * that is earlier.
 */
export class BundleExport {
  readonly #deps: BundleExportDeps;
  readonly #opener: LeafOpener;

  constructor(deps: BundleExportDeps) {
    this.#deps = deps;
    this.#opener = new LeafOpener(deps);
  }

  /**
   * Rejects before the first write when nothing can be exported: `unsupported` without a signer, `not_found` when nothing
   * is signed yet. A rejection after that leaves no bundle but a piece of one, which no verifier takes.
   */
  async prepare(range: ExportRange): Promise<(sink: BundleSink) => Promise<void>> {
    const { signer } = this.#deps;
    if (!signer)
      throw new LoomError(
        'unsupported',
        'this service knows no ledger to sign bundles: give it LOOM_LEDGER_URL',
      );
    const chosen = chooseLeaves(this.#deps.store, range);
    await this.#caughtUp(range);
    const span = await this.#spanOf(range);
    // Nothing is said of the time after the last signature.
    const toMs = Math.min(range.toMs, span.end.sealedAtMs);
    const covered = { ...range, fromMs: Math.min(range.fromMs, toMs), toMs };
    const sign = async (text: string) => signNote(await signer.keys(), text);
    return (sink) => this.#write(covered, span, { sink, sign, chosen });
  }

  /**
   * Waits for some seconds at most: for what happened in the range to be sealed and stored, and for what is sealed to be
   * signed, since it may say why something of the range is not there any more.
   */
  async #caughtUp({ projectId, toMs }: ExportRange): Promise<void> {
    const deadline = Date.now() + waitMsMax;
    let caughtUpAt = toMs > Date.now() - sealedWithinMs ? null : Date.now();
    while (Date.now() < deadline) {
      if (caughtUpAt === null && ((await this.#deps.behind()) ?? 0) === 0) caughtUpAt = Date.now();
      if (caughtUpAt !== null) {
        const head = await this.#deps.ledger.readHead(projectId);
        const newest = await this.#deps.ledger.readCheckpoint(projectId);
        if ((newest?.size ?? 0) === head.size || (newest?.sealedAtMs ?? 0) > caughtUpAt) return;
      }
      await delay(lookMs);
    }
  }

  async #spanOf({ projectId, fromMs, toMs }: ExportRange): Promise<Span> {
    const { ledger } = this.#deps;
    const newest = await ledger.readCheckpoint(projectId);
    if (!newest) throw new LoomError('not_found', 'nothing of this log is signed yet');
    const start = await ledger.readCheckpoint(projectId, { sealedAtMs: fromMs });
    const promised = (await ledger.readCheckpoint(projectId, { sealedAtMs: toMs + sealedWithinMs })) ?? start;
    // Of a quiet log the next one may be much later: the range has to be covered.
    const isShort = (promised?.sealedAtMs ?? 0) < toMs;
    const next = isShort ? await ledger.checkpointOver(projectId, (promised?.size ?? 0) + 1) : null;
    const end = next ?? promised;
    if (!end) throw new LoomError('not_found', 'nothing of this log was signed before the end of this range');
    return { start, end, newest };
  }

  async #write(
    { projectId, fromMs, toMs, filter }: ExportRange,
    { start, end, newest }: Span,
    { sink, sign, chosen }: Writing,
  ): Promise<void> {
    const { ledger, queries } = this.#deps;
    const vkeys = await queries.readVerifierKeys();
    const origin = `${vkeys[0]?.split('+')[0] ?? ''}/ledger/${projectId}`;
    const sizes = { start: start?.size ?? 0, end: end.size, size: newest.size };
    const writer = new BundleWriter(nodeCrypto, sink);
    await writer.begin({
      meta: {
        ...{ origin, project: projectId, from: fromMs, to: toMs, ...sizes, createdAt: Date.now() },
        ...(filter !== undefined && { filter }),
      },
      vkeys,
      startNote: start && (await queries.cosigned(projectId, start)),
      endNote: await queries.cosigned(projectId, end),
      newestNote: newest.size > end.size ? await queries.cosigned(projectId, newest) : null,
      edge: start?.edge ?? [],
      consistency:
        newest.size > end.size
          ? await this.#proved(projectId, newest.size, (range) =>
              consistencyProof(end.size, newest.size, range),
            )
          : [],
    });
    const retained = await this.#opener.retainedSince(projectId);
    const unopened = new Set<string>();
    for (let first = sizes.start; first < end.size; first += chunkLeaves) {
      const leaves = await ledger.readLeaves(projectId, first, Math.min(end.size, first + chunkLeaves));
      const opened = await chosen(leaves);
      const openings = await this.#opener.open(projectId, opened, { retainedSinceMs: retained });
      await writer.chunk({ firstIndex: first, envelopes: leaves.map(({ envelope }) => envelope), openings });
      for (const bucket of bucketsWithout(openings, opened, retained)) unopened.add(bucket);
      if (unopened.size > tombstonesMax) throw tooMany('erased bucket keys in the range');
    }
    const tombstones = [
      ...(await this.#erasuresBefore(projectId, sizes.start, unopened)),
      ...(await this.#erasuresFrom(projectId, end.size, newest.size)),
    ];
    await writer.finish(await this.#provenTombstones(projectId, tombstones, newest.size), sign);
  }

  /** A key is named some time before the last call is sealed that it was used for: that may be before the range. */
  async #erasuresBefore(projectId: string, start: number, buckets: Set<string>): Promise<StoredLeaf[]> {
    const found: StoredLeaf[] = [];
    let below = start;
    while (buckets.size > 0 && below > 0) {
      const query = { projectId, kinds: ['payload.erased'], below, limit: erasuresRead };
      const page = await this.#deps.ledger.listLeavesOfKinds(query);
      for (const leaf of page) {
        const named = (parseEnvelope(leaf.envelope).buckets ?? []).filter((bucket) => buckets.delete(bucket));
        if (named.length > 0) found.push(leaf);
      }
      below = page.length < erasuresRead ? 0 : (page.at(-1)?.index ?? 0);
    }
    return found.reverse();
  }

  async #erasuresFrom(projectId: string, from: number, size: number): Promise<StoredLeaf[]> {
    const kinds = ['payload.erased', 'retention.run'];
    const query = { projectId, kinds, from, limit: tombstonesMax + 1 };
    const found = await this.#deps.ledger.listLeavesOfKinds(query);
    if (found.length > tombstonesMax) throw tooMany('erasures after the range');
    return found.filter(({ index }) => index < size).reverse();
  }

  #provenTombstones(projectId: string, leaves: readonly StoredLeaf[], size: number): Promise<Tombstone[]> {
    return Promise.all(
      leaves.map(async ({ index, envelope }) => ({
        ...{ index, envelope },
        proof: await this.#proved(projectId, size, (range) => inclusionProof(index, size, range)),
      })),
    );
  }

  #proved(projectId: string, size: number, compute: Parameters<typeof proveWithTiles<Uint8Array[]>>[3]) {
    return proveWithTiles(
      nodeCrypto,
      size,
      (places) => this.#deps.ledger.readTiles(projectId, places),
      compute,
    );
  }
}

/** Buckets of leaves of which nothing is opened, and not for their age. */
function bucketsWithout(
  openings: readonly OpenedPart[],
  leaves: readonly StoredLeaf[],
  retainedSinceMs: number,
): string[] {
  const opened = new Set(openings.map(({ index }) => index));
  return leaves
    .filter(({ index, timeMs }) => !opened.has(index) && timeMs >= retainedSinceMs)
    .flatMap(({ envelope }) => parseEnvelope(envelope).bucket ?? []);
}

function tooMany(what: string): LoomError {
  return new LoomError('payload_too_large', `more than ${tombstonesMax} ${what}: export a shorter range`);
}
