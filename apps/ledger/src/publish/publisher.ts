import type { LedgerStore, LogHead, StoredCheckpoint } from '@loom/control-store';
import { leavesPageMax } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import {
  CompactRange,
  concat,
  equalBytes,
  leafHash,
  nodeCrypto,
  signNote,
  utf8,
  writeCheckpoint,
} from '@loom/ledger';
import type { Signer } from '@loom/signer';
import type { Logger, Metrics } from '@loom/telemetry';
import type { CheckpointFiles } from './checkpoint-files.ts';
import { TileBuilder } from './tile-builder.ts';

export interface PublisherDeps {
  readonly store: LedgerStore;
  readonly signer: Signer;
  /** Null where no directory was given. */
  readonly files: Pick<CheckpointFiles, 'append'> | null;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly now?: () => number;
}

/** The origin of a project's log. */
function originOf(name: string, projectId: string): string {
  return `${name}/ledger/${projectId}`;
}

/**
 * Signs heads. What was stored since the last checkpoint is read back and hashed again: only what is there, and whole, is
 * vouched for. A log whose leaves are not those of its head, or are fewer than were signed, is not signed until somebody
 * has looked at it.
 */
export class Publisher {
  readonly #deps: PublisherDeps;
  readonly #published = new Map<string, number>();
  readonly #mismatches;
  readonly #checkpoints;

  constructor(deps: PublisherDeps) {
    this.#deps = deps;
    this.#mismatches = deps.metrics.counter(
      'loom_ledger_mismatches_total',
      'Heads that were not signed because the stored leaves are not theirs',
    );
    this.#checkpoints = deps.metrics.counter('loom_ledger_checkpoints_total', 'Checkpoints signed');
  }

  /** Signs every log that has grown; resolves with those that it signed. One that fails does not hold up the others. */
  async publishAll(): Promise<string[]> {
    const published: string[] = [];
    for (const { projectId, ...head } of await this.#deps.store.listHeads()) {
      const shown = this.#published.get(projectId) ?? -1;
      if (head.size === shown || head.size === 0) continue;
      try {
        if (head.size < shown)
          throw this.#mismatch(projectId, `it has ${head.size} leaves, and ${shown} were signed`);
        if (await this.publish(projectId, head)) published.push(projectId);
        this.#published.set(projectId, head.size);
      } catch (error) {
        this.#deps.logger.error({ error, projectId }, 'log not signed');
      }
    }
    return published;
  }

  /** False when the head is published already. */
  async publish(projectId: string, head: LogHead): Promise<boolean> {
    const { store, files, now = Date.now } = this.#deps;
    const before = await store.readCheckpoint(projectId);
    if (before && before.size >= head.size) return false;
    await this.#readBack(projectId, before, head);
    const sealedAtMs = Math.max(now(), (before?.sealedAtMs ?? 0) + 1);
    const range = new CompactRange(nodeCrypto, head.size, head.edge);
    const note = await this.#sign(projectId, { size: head.size, root: range.root(), sealedAtMs });
    // The file first: as soon as the store has it, somebody may be shown it.
    await files?.append(projectId, note);
    await store.publish(projectId, { size: head.size, edge: head.edge, note, sealedAtMs });
    this.#checkpoints.inc();
    return true;
  }

  async #readBack(projectId: string, before: StoredCheckpoint | null, head: LogHead): Promise<void> {
    const { store } = this.#deps;
    const range = new CompactRange(nodeCrypto, before?.size ?? 0, before?.edge ?? []);
    const tiles = new TileBuilder(store, projectId);
    while (range.size < head.size) {
      const leaves = await store.readLeaves(
        projectId,
        range.size,
        Math.min(head.size, range.size + leavesPageMax),
      );
      for (const { index, envelope } of leaves) {
        if (index !== range.size) throw this.#mismatch(projectId, `leaf ${range.size} is missing`);
        range.append(leafHash(nodeCrypto, utf8(envelope)), (level, at, hash) => tiles.add(level, at, hash));
      }
      if (leaves.length === 0) throw this.#mismatch(projectId, `leaf ${range.size} is missing`);
      await tiles.flushFull();
    }
    if (!equalBytes(concat(...range.nodes), concat(...head.edge)))
      throw this.#mismatch(projectId, 'the stored leaves have another root than the head');
    await tiles.flush();
  }

  #mismatch(projectId: string, why: string): LoomError {
    this.#mismatches.inc();
    return new LoomError('internal', `log of ${projectId}: ${why}`);
  }

  async #sign(
    projectId: string,
    {
      size,
      root,
      sealedAtMs,
    }: { readonly size: number; readonly root: Uint8Array; readonly sealedAtMs: number },
  ): Promise<string> {
    const keys = await this.#deps.signer.keys();
    const origin = originOf(keys[0]?.name ?? '', projectId);
    const extensions = [`sealed ${new Date(sealedAtMs).toISOString()}`];
    return signNote(keys, writeCheckpoint({ origin, size, root, extensions }));
  }
}
