import type { LedgerStore, StoredCheckpoint } from '@loom/control-store';
import { isLoomError, type LoomError, messageOf } from '@loom/errors';
import { parseCheckpoint, parseNote } from '@loom/ledger';
import type { Logger } from '@loom/telemetry';
import type { Anchor } from './anchor.ts';

export interface AnchorRunDeps {
  readonly store: LedgerStore;
  readonly logger: Logger;
  readonly onFailure: () => void;
  readonly now?: () => number;
}

/** Brings the newest checkpoint of each log to one anchor. Those that were overtaken meanwhile are left out. */
export class AnchorRun {
  readonly #anchor: Anchor;
  readonly #deps: AnchorRunDeps;
  readonly #brought = new Map<string, number>();

  constructor(anchor: Anchor, deps: AnchorRunDeps) {
    this.#anchor = anchor;
    this.#deps = deps;
  }

  /**
   * A log that the anchor refuses does not hold up the others. An anchor that does not answer is asked once a round: the
   * logs that come after fail alike.
   */
  async round(signal: AbortSignal): Promise<void> {
    const { store, logger, onFailure } = this.#deps;
    let away: LoomError | null = null;
    for (const { projectId, size } of await store.listHeads()) {
      if (signal.aborted) return;
      if (size === 0 || (this.#brought.get(projectId) ?? 0) >= size) continue;
      const checkpoint = await store.readCheckpoint(projectId);
      if (!checkpoint || this.#brought.get(projectId) === checkpoint.size) continue;
      try {
        await this.#bring(projectId, checkpoint, { signal, away });
      } catch (error) {
        if (signal.aborted) return;
        onFailure();
        logger.warn({ projectId, anchor: this.#anchor.name, error: messageOf(error) }, 'log not anchored');
        if (isLoomError(error) && error.code === 'unavailable') away = error;
      }
    }
  }

  async #bring(
    projectId: string,
    { size, note }: StoredCheckpoint,
    { signal, away }: { readonly signal: AbortSignal; readonly away: LoomError | null },
  ): Promise<void> {
    const { store, now = Date.now } = this.#deps;
    const { name } = this.#anchor;
    const states = await store.listAnchors(projectId);
    const state = states.find(({ anchor }) => anchor === name);
    const lastSize = state?.size ?? 0;
    // Another process of the ledger may have brought it.
    if (lastSize < size || state?.error !== null) {
      const { origin } = parseCheckpoint(parseNote(note).text);
      try {
        const checkpoint = { projectId, origin, size, note, lastSize: Math.min(lastSize, size) };
        if (away) throw away;
        await this.#anchor.bring(checkpoint, signal);
        await store.putAnchor(projectId, { anchor: name, size, atMs: now(), error: null });
      } catch (error) {
        if (signal.aborted) throw error;
        const failed = { anchor: name, size: lastSize, atMs: now(), error: messageOf(error).slice(0, 500) };
        await store.putAnchor(projectId, failed);
        throw error;
      }
    }
    this.#brought.set(projectId, size);
  }
}
