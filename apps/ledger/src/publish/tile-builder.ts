import type { LedgerStore, StoredTile } from '@loom/control-store';
import { concat, hashBytes, tileSlotOf, tileWidth } from '@loom/ledger';

interface Growing {
  readonly level: number;
  readonly index: number;
  /** Hashes that stood in it before the first new one. */
  readonly offset: number;
  readonly hashes: Uint8Array[];
}

/** Gathers the hashes of a growing log into its tiles, and stores those that are new or have grown. */
export class TileBuilder {
  readonly #store: Pick<LedgerStore, 'readTiles' | 'putTiles'>;
  readonly #projectId: string;
  readonly #growing = new Map<string, Growing>();

  constructor(store: Pick<LedgerStore, 'readTiles' | 'putTiles'>, projectId: string) {
    this.#store = store;
    this.#projectId = projectId;
  }

  /** As {@link CompactRange.append} visits: level of the tree and index in it. */
  add(treeLevel: number, at: number, hash: Uint8Array): void {
    const slot = tileSlotOf(treeLevel, at);
    if (!slot) return;
    const key = `${slot.level}/${slot.index}`;
    const tile = this.#growing.get(key) ?? { ...slot, hashes: [] };
    tile.hashes.push(hash);
    this.#growing.set(key, tile);
  }

  async flushFull(): Promise<void> {
    await this.#put(
      [...this.#growing.values()].filter((tile) => tile.offset + tile.hashes.length === tileWidth),
    );
  }

  async flush(): Promise<void> {
    await this.#put([...this.#growing.values()]);
  }

  async #put(tiles: readonly Growing[]): Promise<void> {
    if (tiles.length === 0) return;
    const before = await this.#store.readTiles(
      this.#projectId,
      tiles.filter(({ offset }) => offset > 0).map(({ level, index }) => ({ level, index })),
    );
    const whole = tiles.map(({ level, index, offset, hashes }): StoredTile => {
      const stored = before.get(`${level}/${index}`) ?? new Uint8Array();
      return { level, index, hashes: concat(stored.subarray(0, offset * hashBytes), ...hashes) };
    });
    await this.#store.putTiles(this.#projectId, whole);
    for (const { level, index } of tiles) this.#growing.delete(`${level}/${index}`);
  }
}
