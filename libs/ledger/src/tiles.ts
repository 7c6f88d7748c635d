import { LoomError } from '@loom/errors';
import { CompactRange } from './compact-range.ts';
import type { LedgerCrypto } from './ledger-crypto.ts';
import { hashBytes, nodeHash, splitOf } from './merkle-hash.ts';
import type { RangeHash } from './merkle-proof.ts';

/*
 * C2SP tlog-tiles: tile (level, index) is the hashes MTH(D[(n * 256 + i) * 256^l : (n * 256 + i + 1) * 256^l]) for i from 0
 * up to 255, joined; those at the right edge of a tree have fewer. Its path:
 *
 *   tile/<level>/<index>[.p/<width>]      index in groups of three digits, all but the last with an x: x001/x234/067
 */

export const tileWidth = 256;
const tileHeight = 8;

export interface TilePlace {
  readonly level: number;
  readonly index: number;
  /** Hashes in it, from 1 to 256. */
  readonly width: number;
}

export function tilePath({ level, index, width }: TilePlace): string {
  const partial = width === tileWidth ? '' : `.p/${width}`;
  return `tile/${level}/${indexPath(index)}${partial}`;
}

/** The path of a bundle of entries, which stand beside the tiles of level 0. */
export function entriesPath({ index, width }: Omit<TilePlace, 'level'>): string {
  return `tile/entries/${indexPath(index)}${width === tileWidth ? '' : `.p/${width}`}`;
}

function indexPath(index: number): string {
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, '0').match(/\d{3}/g) ?? [];
  return groups.map((group, at) => (at < groups.length - 1 ? `x${group}` : group)).join('/');
}

/** Where a node that became whole stands in the tiles; null for the levels between. As {@link CompactRange.append} visits. */
export function tileSlotOf(
  treeLevel: number,
  at: number,
): (Omit<TilePlace, 'width'> & { readonly offset: number }) | null {
  if (treeLevel % tileHeight !== 0) return null;
  const index = Math.floor(at / tileWidth);
  return { level: treeLevel / tileHeight, index, offset: at - index * tileWidth };
}

/** The tiles that a tree has and the smaller one had not, or had with fewer hashes. */
export function newTiles(oldSize: number, size: number): TilePlace[] {
  const tiles: TilePlace[] = [];
  for (let level = 0, span = 1; Math.floor(size / span) > 0; level += 1, span *= tileWidth) {
    const [before, after] = [Math.floor(oldSize / span), Math.floor(size / span)];
    for (let index = Math.floor(before / tileWidth); index * tileWidth < after; index += 1) {
      const width = Math.min(tileWidth, after - index * tileWidth);
      if (index * tileWidth + width > before) tiles.push({ level, index, width });
    }
  }
  return tiles;
}

/** Gives a tile by its place; at least as many hashes as its width says. */
export type ReadTile = (place: TilePlace) => Uint8Array;

/**
 * Hashes of ranges of a tree by its tiles: of a perfect subtree from the one tile that has it, of a ragged range from its
 * perfect parts. Throws `invalid_request` when a tile is too short.
 */
export function rangeHashOfTiles(crypto: LedgerCrypto, size: number, readTile: ReadTile): RangeHash {
  const rangeHash: RangeHash = (start, end) => {
    const width = end - start;
    const height = Math.log2(width);
    if (!Number.isInteger(height) || start % width !== 0) {
      const middle = start + splitOf(width);
      return nodeHash(crypto, rangeHash(start, middle), rangeHash(middle, end));
    }
    const level = Math.floor(height / tileHeight);
    const span = tileWidth ** level;
    const first = start / span;
    const count = width / span;
    const index = Math.floor(first / tileWidth);
    const whole = Math.min(tileWidth, Math.floor(size / span) - index * tileWidth);
    const tile = readTile({ level, index, width: whole });
    if (tile.length < whole * hashBytes)
      throw new LoomError('invalid_request', `${tilePath({ level, index, width: whole })} is too short`);
    const range = new CompactRange(crypto);
    const offset = first - index * tileWidth;
    for (let at = offset; at < offset + count; at += 1)
      range.append(tile.slice(at * hashBytes, (at + 1) * hashBytes));
    return range.root();
  };
  return rangeHash;
}
