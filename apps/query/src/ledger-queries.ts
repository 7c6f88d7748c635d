import type {
  Ledger,
  LedgerCheckpoint,
  LedgerLeaf,
  LedgerLog,
  LedgerReceipt,
  ProvenLeaf,
} from '@loom/api-contract';
import type { LedgerStore, StoredCheckpoint, StoredLeaf } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import {
  commitmentSalt,
  inclusionProof,
  nodeCrypto,
  parseCheckpoint,
  parseEnvelope,
  parseNote,
  proveWithTiles,
  toBase64,
  toHex,
  writeTlogProof,
} from '@loom/ledger';
import { systemProjectId } from '@loom/trace-schema';
import type { TraceAuditor } from '@loom/trace-store';
import type { z } from 'zod';
import type { BucketKeyReader } from './bucket-key-reader.ts';
import { metaText } from './leaf-opener.ts';
import { LeafRows } from './leaf-rows.ts';
import { findUnreadEvents } from './unread-events.ts';

export interface LedgerQueriesDeps {
  readonly ledger: LedgerStore;
  readonly bucketKeys: BucketKeyReader;
  readonly store: Pick<TraceAuditor, 'storedRows'>;
}

const keysMax = 50;
type Leaf = z.infer<typeof LedgerLeaf>;

/** What can be said and proved of the logs. A project sees its own and that of the deployment. */
export class LedgerQueries {
  readonly #ledger: LedgerStore;
  readonly #keys: BucketKeyReader;

  readonly #store: LedgerQueriesDeps['store'];

  constructor({ ledger, bucketKeys, store }: LedgerQueriesDeps) {
    this.#ledger = ledger;
    this.#keys = bucketKeys;
    this.#store = store;
  }

  async readLedger(projectId: string): Promise<z.infer<typeof Ledger>> {
    const vkeys = await this.readVerifierKeys();
    const name = vkeys[0]?.split('+')[0] ?? null;
    const logs = [projectId, systemProjectId].map((project) => this.#readLog(project, name));
    return { name, vkeys, logs: await Promise.all(logs) };
  }

  /** The newest first; those that no longer sign as well. */
  async readVerifierKeys(): Promise<string[]> {
    const kinds = ['key.rotated'];
    const leaves = await this.#ledger.listLeavesOfKinds({
      projectId: systemProjectId,
      kinds,
      limit: keysMax,
    });
    return leaves.flatMap(({ envelope }) => parseEnvelope(envelope).resource ?? []);
  }

  async listLeaves(projectId: string, kinds: readonly string[], limit: number): Promise<{ leaves: Leaf[] }> {
    return { leaves: (await this.#ledger.listLeavesOfKinds({ projectId, kinds, limit })).map(toLeaf) };
  }

  /** The newest note, with its cosignatures; `not_found` before there is one. */
  async readCheckpoint(projectId: string): Promise<string> {
    const checkpoint = await this.#ledger.readCheckpoint(projectId);
    if (!checkpoint) throw new LoomError('not_found', 'nothing of this log is signed yet');
    return this.cosigned(projectId, checkpoint);
  }

  /** `not_found` for a call of nobody and of another project, and for one that no leaf tells of yet. */
  async readReceipt(projectId: string, callId: string): Promise<z.infer<typeof LedgerReceipt>> {
    const found = await this.#ledger.findLeaves(projectId, callId);
    const leaves = found.filter(({ kind }) => kind !== 'control.changed');
    if (leaves.length === 0) throw new LoomError('not_found', 'no leaf of this project tells of this call');
    const envelopes = leaves.map(({ envelope }) => parseEnvelope(envelope));
    const emitter = envelopes.find((envelope) => envelope.emitter !== undefined)?.emitter;
    const name = (await this.readVerifierKeys())[0]?.split('+')[0] ?? '';
    const buckets = envelopes.flatMap(({ bucket }) => bucket ?? []);
    const keys = await this.#keys.read(buckets);
    const salts = envelopes.flatMap(({ id, bucket, commits = {} }) => {
      const key = keys.get(bucket ?? '');
      return key
        ? Object.keys(commits).map((part) => [`${id}/${part}`, toHex(commitmentSalt(key, id, part))] as const)
        : [];
    });
    return {
      ...{ callId, origin: `${name}/ledger/${projectId}`, leaves: await this.#prove(projectId, leaves) },
      emitter: emitter === undefined ? null : await this.#emitterOf(emitter),
      salts: Object.fromEntries(salts),
      facts: await this.#readFacts(projectId, leaves, new Set(keys.keys())),
    };
  }

  async #readFacts(
    projectId: string,
    leaves: readonly StoredLeaf[],
    keys: ReadonlySet<string>,
  ): Promise<Record<string, string>> {
    const committed = leaves
      .map(({ index, envelope }) => ({ index, envelope: parseEnvelope(envelope) }))
      .filter(({ envelope }) => envelope.commits?.['meta'] !== undefined && keys.has(envelope.bucket ?? ''));
    const rows = await LeafRows.read(this.#store, projectId, committed);
    const texts = committed.flatMap(({ envelope }) => {
      const [row] = rows.of(envelope);
      return row ? [[envelope.id, metaText(envelope, row)] as const] : [];
    });
    return Object.fromEntries(texts);
  }

  async #emitterOf(emitter: string): Promise<ProvenLeaf | null> {
    const [leaf] = await this.#prove(
      systemProjectId,
      (await this.#ledger.findLeaves(systemProjectId, emitter)).filter(
        ({ kind }) => kind === 'emitter.opened',
      ),
    );
    return leaf ?? null;
  }

  async #readLog(projectId: string, name: string | null): Promise<z.infer<typeof LedgerLog>> {
    const [head, checkpoint, calls, counts, gaps, anchors, unread] = await Promise.all([
      this.#ledger.readHead(projectId),
      this.#ledger.readCheckpoint(projectId),
      this.#ledger.countOpenCalls(projectId),
      this.#ledger.countLeavesOfKinds(projectId),
      this.#ledger.listGaps(projectId),
      this.#ledger.listAnchors(projectId),
      findUnreadEvents(this.#ledger, projectId),
    ]);
    return {
      ...{ project: projectId, origin: `${name ?? ''}/ledger/${projectId}`, size: head.size },
      checkpoint: checkpoint && (await this.#toCheckpoint(projectId, checkpoint)),
      ...{ openCalls: calls.open, orphanedCalls: calls.orphaned, counts: Object.fromEntries(counts) },
      gaps: gaps.map(({ emitter, from, to, noticedAtMs, isSealed: sealed }) => ({
        ...{ emitter, from, to, sealed },
        noticedAt: instantOf(noticedAtMs),
      })),
      unread: unread.map(({ event, leaf, timeMs }) => ({ event, leaf, at: instantOf(timeMs) })),
      anchors: anchors.map(({ anchor, size, atMs, error }) => ({
        name: anchor,
        size,
        at: instantOf(atMs),
        error,
      })),
    };
  }

  async #toCheckpoint(
    projectId: string,
    checkpoint: StoredCheckpoint,
  ): Promise<z.infer<typeof LedgerCheckpoint>> {
    const { size, root } = parseCheckpoint(parseNote(checkpoint.note).text);
    const note = await this.cosigned(projectId, checkpoint);
    return { size, root: toBase64(root), sealedAt: instantOf(checkpoint.sealedAtMs), note };
  }

  /** A checkpoint's note with the signatures of its witnesses. */
  async cosigned(projectId: string, { size, note }: StoredCheckpoint): Promise<string> {
    const cosignatures = await this.#ledger.listCosignatures(projectId, size);
    return note + cosignatures.map(({ line }) => line).join('');
  }

  /** Under the newest checkpoint, as far as that goes. */
  async #prove(projectId: string, leaves: readonly StoredLeaf[]): Promise<ProvenLeaf[]> {
    const newest = await this.#ledger.readCheckpoint(projectId);
    return Promise.all(
      leaves.map(async (leaf) => {
        const { index } = leaf;
        const first = await this.#ledger.checkpointOver(projectId, index + 1);
        const sealedAt = first && instantOf(first.sealedAtMs);
        const over = newest && index < newest.size ? newest : null;
        const proof = over && (await this.#proofOf(projectId, index, over));
        return { ...toLeaf(leaf), proof, checkpointSize: over?.size ?? null, sealedAt };
      }),
    );
  }

  async #proofOf(projectId: string, index: number, checkpoint: StoredCheckpoint): Promise<string> {
    const hashes = await proveWithTiles(
      nodeCrypto,
      checkpoint.size,
      (places) => this.#ledger.readTiles(projectId, places),
      (rangeHash) => inclusionProof(index, checkpoint.size, rangeHash),
    );
    return writeTlogProof({
      index,
      hashes,
      checkpoint: await this.cosigned(projectId, checkpoint),
      extra: null,
    });
  }
}

function toLeaf({ index, kind, timeMs, envelope }: StoredLeaf): Leaf {
  return { index, kind, time: instantOf(timeMs), envelope };
}

function instantOf(ms: number): string {
  return new Date(ms).toISOString();
}
