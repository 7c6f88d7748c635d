import { LoomError } from '@loom/errors';
import type { LedgerCrypto } from './ledger-crypto.ts';
import { hashBytes } from './merkle-hash.ts';
import type { RangeHash } from './merkle-proof.ts';
import { rangeHashOfTiles, tilePath, type TilePlace, tileWidth } from './tiles.ts';

/** Gives the tiles that are there, by `level/index`. */
export type FetchTiles = (places: readonly TilePlace[]) => Promise<ReadonlyMap<string, Uint8Array>>;

/**
 * What `compute` makes of the hashes of a tree whose tiles are far away: it is run once to see which tiles it needs, these
 * are fetched at once, and it is run again with them. Throws `not_found` when one is missing.
 */
export async function proveWithTiles<Result>(
  crypto: LedgerCrypto,
  size: number,
  fetchTiles: FetchTiles,
  compute: (rangeHash: RangeHash) => Result,
): Promise<Result> {
  const needed = new Map<string, TilePlace>();
  const blank = new Uint8Array(tileWidth * hashBytes);
  compute(
    rangeHashOfTiles(crypto, size, (place) => {
      needed.set(`${place.level}/${place.index}`, place);
      return blank;
    }),
  );
  const tiles = await fetchTiles([...needed.values()]);
  return compute(
    rangeHashOfTiles(crypto, size, (place) => {
      const tile = tiles.get(`${place.level}/${place.index}`);
      if (!tile) throw new LoomError('not_found', `${tilePath(place)} is missing`);
      return tile;
    }),
  );
}
