import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { equalBytes, fromBase64, toHex, utf8 } from './bytes.ts';
import { CompactRange } from './compact-range.ts';
import { nodeCrypto } from './node-crypto.ts';
import { emptyRoot, leafHash, nodeHash, splitOf } from './merkle-hash.ts';
import {
  consistencyProof,
  inclusionProof,
  verifyConsistency,
  verifyInclusion,
  verifySubtreeConsistency,
  verifySubtreeInclusion,
} from './merkle-proof.ts';
import { newTiles, rangeHashOfTiles, tilePath, type TilePlace, tileWidth } from './tiles.ts';

const root = join(import.meta.dirname, '../testdata/merkle');
const vectors = readdirSync(root, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
  .map((entry) => join(entry.parentPath, entry.name))
  .sort();

interface Vector {
  readonly leafIdx: number;
  readonly treeSize: number;
  readonly start: number;
  readonly end: number;
  readonly size: number;
  readonly size1: number;
  readonly size2: number;
  readonly root: string;
  readonly root1: string;
  readonly root2: string;
  readonly leafHash: string;
  readonly proof: readonly string[] | null;
  readonly wantErr: boolean;
}

const bytes = (text: string | null | undefined) => fromBase64(text ?? '') ?? new Uint8Array();

function holds(kind: string, vector: Vector): boolean {
  const proof = (vector.proof ?? []).map(bytes);
  const leaf = { leafHash: bytes(vector.leafHash), root: bytes(vector.root), proof, index: vector.leafIdx };
  switch (kind) {
    case 'inclusion':
      return verifyInclusion(nodeCrypto, { ...leaf, size: vector.treeSize });
    case 'consistency': {
      const roots = { oldRoot: bytes(vector.root1), root: bytes(vector.root2) };
      return verifyConsistency(nodeCrypto, { oldSize: vector.size1, size: vector.size2, ...roots, proof });
    }
    case 'subtreeinclusion':
      return verifySubtreeInclusion(nodeCrypto, { ...leaf, start: vector.start, end: vector.end });
    default: {
      const { start, end, size } = vector;
      const roots = { subtreeRoot: bytes(vector.root1), root: bytes(vector.root2) };
      return verifySubtreeConsistency(nodeCrypto, { start, end, size, ...roots, proof });
    }
  }
}

describe('proofs', () => {
  it('has all vectors of transparency-dev/merkle', () => {
    expect(vectors).toHaveLength(518);
  });

  it.each(vectors.map((path) => relative(root, path)))('%s', (name) => {
    const vector = JSON.parse(readFileSync(join(root, name), 'utf8')) as Vector;
    expect(holds(name.split('/')[0] ?? '', vector)).toBe(!vector.wantErr);
  });
});

const leaves = Array.from({ length: 512 }, (_, index) => leafHash(nodeCrypto, utf8(`leaf ${index}`)));

/** RFC 6962 word for word, remembering what it has computed. */
const known = new Map<string, Uint8Array>();
function naive(start: number, end: number): Uint8Array {
  const key = `${start}-${end}`;
  const found = known.get(key);
  if (found) return found;
  const middle = start + (end - start > 1 ? splitOf(end - start) : 0);
  const hash =
    end === start
      ? emptyRoot(nodeCrypto)
      : end - start === 1
        ? (leaves[start] ?? new Uint8Array())
        : nodeHash(nodeCrypto, naive(start, middle), naive(middle, end));
  known.set(key, hash);
  return hash;
}

describe('every tree to 512 leaves', () => {
  it('has the root that the RFC computes, leaf by leaf', () => {
    const range = new CompactRange(nodeCrypto);
    expect(toHex(range.root())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    for (const [index, leaf] of leaves.entries()) {
      range.append(leaf);
      expect(equalBytes(range.root(), naive(0, index + 1))).toBe(true);
      expect(equalBytes(new CompactRange(nodeCrypto, range.size, range.nodes).root(), range.root())).toBe(
        true,
      );
    }
  });

  it('proves each of its leaves, and no other in its place', () => {
    let count = 0;
    for (let size = 1; size <= leaves.length; size += 1) {
      for (let index = 0; index < size; index += 1) {
        const proof = inclusionProof(index, size, naive);
        const leaf = leaves[index] ?? new Uint8Array();
        const claim = { index, size, leafHash: leaf, root: naive(0, size), proof };
        if (!verifyInclusion(nodeCrypto, claim)) throw new Error(`leaf ${index} of ${size}`);
        if (size > 1 && verifyInclusion(nodeCrypto, { ...claim, index: (index + 1) % size }))
          throw new Error(`leaf ${index} of ${size} in the place of the next`);
        count += 1;
      }
    }
    expect(count).toBe(131_328);
  });

  it('proves that it begins with each smaller one, and with no other', () => {
    let count = 0;
    for (let size = 1; size <= leaves.length; size += 1) {
      for (let oldSize = 1; oldSize <= size; oldSize += 1) {
        const proof = consistencyProof(oldSize, size, naive);
        const claim = { oldSize, size, oldRoot: naive(0, oldSize), root: naive(0, size), proof };
        if (!verifyConsistency(nodeCrypto, claim)) throw new Error(`${oldSize} in ${size}`);
        const other = leaves[0] ?? new Uint8Array();
        if (oldSize > 1 && verifyConsistency(nodeCrypto, { ...claim, oldRoot: other }))
          throw new Error(`another tree of ${oldSize} in ${size}`);
        count += 1;
      }
    }
    expect(count).toBe(131_328);
  });
});

describe('CompactRange', () => {
  it.each([
    [-1, []],
    [0.5, []],
    [3, [new Uint8Array(32)]],
    [2, [new Uint8Array(31)]],
  ])('refuses an edge that is none of a tree of %d', (size, nodes) => {
    expect(() => new CompactRange(nodeCrypto, size, nodes)).toThrow(/tree/);
  });
});

describe('tiles', () => {
  // 70,000 leaves: 273 full tiles and one of 112, one full and one of 17, one of 1 (tlog-tiles.md).
  it('of a tree of 70,000 leaves are those that the specification names', () => {
    const tiles = newTiles(0, 70_000);
    const at = (level: number) => tiles.filter((tile) => tile.level === level);
    expect(at(0)).toHaveLength(274);
    expect(at(0).at(-1)).toEqual({ level: 0, index: 273, width: 112 });
    expect(at(1)).toEqual([
      { level: 1, index: 0, width: 256 },
      { level: 1, index: 1, width: 17 },
    ]);
    expect(at(2)).toEqual([{ level: 2, index: 0, width: 1 }]);
    expect(newTiles(0, 256)).toEqual([
      { level: 0, index: 0, width: 256 },
      { level: 1, index: 0, width: 1 },
    ]);
    expect(newTiles(69_999, 70_000)).toEqual([{ level: 0, index: 273, width: 112 }]);
  });

  it.each([
    [{ level: 0, index: 1_234_067, width: 256 }, 'tile/0/x001/x234/067'],
    [{ level: 3, index: 0, width: 17 }, 'tile/3/000.p/17'],
    [{ level: 1, index: 1000, width: 1 }, 'tile/1/x001/000.p/1'],
  ])('have the paths of the specification: %j', (place, path) => {
    expect(tilePath(place)).toBe(path);
  });

  it('give the hashes for every proof of a tree, grown in any steps', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 6 }),
        fc.nat(),
        (steps, pick) => {
          const tiles = new Map<string, Uint8Array>();
          const levels: Uint8Array[][] = [];
          const range = new CompactRange(nodeCrypto);
          const entry = (index: number) => leafHash(nodeCrypto, utf8(`entry ${index}`));
          for (const step of steps) {
            const before = range.size;
            for (let index = before; index < before + step; index += 1)
              range.append(entry(index), (level, at, hash) => ((levels[level] ??= [])[at] = hash));
            for (const place of newTiles(before, range.size)) tiles.set(key(place), tileOf(levels, place));
          }
          const rangeHash = rangeHashOfTiles(
            nodeCrypto,
            range.size,
            (place) => tiles.get(key(place)) ?? new Uint8Array(),
          );
          const index = pick % range.size;
          const claim = { index, size: range.size, leafHash: entry(index), root: range.root() };
          expect(
            verifyInclusion(nodeCrypto, { ...claim, proof: inclusionProof(index, range.size, rangeHash) }),
          ).toBe(true);
          expect(equalBytes(rangeHash(0, range.size), range.root())).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });
});

const key = ({ level, index }: TilePlace) => `${level}/${index}`;

function tileOf(levels: readonly (readonly Uint8Array[])[], { level, index, width }: TilePlace): Uint8Array {
  const nodes = levels[level * 8]?.slice(index * tileWidth, index * tileWidth + width) ?? [];
  return Uint8Array.from(nodes.flatMap((node) => [...node]));
}
