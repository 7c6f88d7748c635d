import { LoomError } from '@loom/errors';
import { equalBytes } from './bytes.ts';
import type { LedgerCrypto } from './ledger-crypto.ts';
import { emptyRoot, hashBytes, nodeHash, splitOf } from './merkle-hash.ts';

/** The hash of leaves [start, end) of the tree that the proofs are about. Asked for perfect and for ragged ranges. */
export type RangeHash = (start: number, end: number) => Uint8Array;

/** RFC 6962, 2.1.1: from the leaf's sibling up to the root's child. Throws `invalid_request` for an index outside. */
export function inclusionProof(index: number, size: number, rangeHash: RangeHash): Uint8Array[] {
  if (!isIndex(index) || !isIndex(size) || index >= size)
    throw new LoomError('invalid_request', `a tree of ${size} leaves has no leaf ${index}`);
  const proof: Uint8Array[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      proof.push(rangeHash(middle, end));
      end = middle;
    } else {
      proof.push(rangeHash(start, middle));
      start = middle;
    }
  }
  return proof.reverse();
}

/** RFC 6962, 2.1.2: that the tree of `size` begins with the tree of `oldSize`. Empty for equal sizes. */
export function consistencyProof(oldSize: number, size: number, rangeHash: RangeHash): Uint8Array[] {
  if (!isIndex(oldSize) || !isIndex(size) || oldSize < 1 || oldSize > size)
    throw new LoomError('invalid_request', `a tree of ${size} leaves does not begin with one of ${oldSize}`);
  const proof: Uint8Array[] = [];
  let [start, end] = [0, size];
  // Down to the subtree that ends where the old tree ends; the siblings on the way are the proof, from the bottom up.
  while (end !== oldSize) {
    const middle = start + splitOf(end - start);
    if (oldSize <= middle) {
      proof.push(rangeHash(middle, end));
      end = middle;
    } else {
      proof.push(rangeHash(start, middle));
      start = middle;
    }
  }
  // A subtree that is the old tree itself is known to who checks.
  if (start > 0) proof.push(rangeHash(start, end));
  return proof.reverse();
}

interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leafHash: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** RFC 9162, 2.1.3.2. False for anything but a proof. */
export function verifyInclusion(
  crypto: LedgerCrypto,
  { index, size, leafHash, root, proof }: Inclusion,
): boolean {
  if (!isIndex(index) || !isIndex(size) || index >= size || ![leafHash, root, ...proof].every(isHash))
    return false;
  let at = index;
  let last = size - 1;
  let hash = leafHash;
  for (const node of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(crypto, node, hash);
      while (at % 2 === 0 && at > 0) [at, last] = [half(at), half(last)];
    } else hash = nodeHash(crypto, hash, node);
    [at, last] = [half(at), half(last)];
  }
  return last === 0 && equalBytes(hash, root);
}

interface Consistency {
  readonly oldSize: number;
  readonly size: number;
  readonly oldRoot: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** RFC 9162, 2.1.4.2. A tree without leaves proves nothing of a later one. */
export function verifyConsistency(
  crypto: LedgerCrypto,
  { oldSize, size, oldRoot, root, proof }: Consistency,
): boolean {
  if (!isIndex(oldSize) || !isIndex(size) || oldSize > size) return false;
  if (oldSize === 0)
    return (
      size === 0 && proof.length === 0 && [oldRoot, root].every((one) => equalBytes(one, emptyRoot(crypto)))
    );
  return verifySubtreeConsistency(crypto, {
    start: 0,
    end: oldSize,
    size,
    subtreeRoot: oldRoot,
    root,
    proof,
  });
}

interface SubtreeInclusion extends Omit<Inclusion, 'size'> {
  readonly start: number;
  readonly end: number;
}

/** That a leaf is in the subtree of leaves [start, end) (draft-ietf-plants-merkle-tree-certs, 4.3). */
export function verifySubtreeInclusion(
  crypto: LedgerCrypto,
  { start, end, index, ...rest }: SubtreeInclusion,
): boolean {
  if (!isSubtree(start, end) || index < start) return false;
  return verifyInclusion(crypto, { ...rest, index: index - start, size: end - start });
}

interface SubtreeConsistency {
  readonly start: number;
  readonly end: number;
  readonly size: number;
  readonly subtreeRoot: Uint8Array;
  readonly root: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/** That the subtree of leaves [start, end) is part of a tree (draft-ietf-plants-merkle-tree-certs, 4.4.3). */
export function verifySubtreeConsistency(
  crypto: LedgerCrypto,
  { start, end, size, subtreeRoot, root, proof }: SubtreeConsistency,
): boolean {
  if (!isIndex(size) || end > size || !proof.every(isHash)) return false;
  // What has no leaves is part of every tree.
  if (start === end)
    return isIndex(start) && proof.length === 0 && equalBytes(subtreeRoot, emptyRoot(crypto));
  if (!isSubtree(start, end)) return false;
  let [from, to, last] = [start, end - 1, size - 1];
  const shift = () => {
    [from, to, last] = [half(from), half(to), half(last)];
  };
  if (to === last) while (from !== to) shift();
  else while (from !== to && to % 2 === 1) shift();
  const rest = [...proof];
  const first = from === to ? subtreeRoot : rest.shift();
  if (!first) return false;
  let [part, whole] = [first, first];
  for (const node of rest) {
    if (last === 0) return false;
    if (to % 2 === 1 || to === last) {
      if (from < to) part = nodeHash(crypto, node, part);
      whole = nodeHash(crypto, node, whole);
      while (to % 2 === 0 && to > 0) shift();
    } else whole = nodeHash(crypto, whole, node);
    shift();
  }
  return last === 0 && equalBytes(part, subtreeRoot) && equalBytes(whole, root);
}

// A range of leaves that is a node of the tree, or the ragged end of one.
function isSubtree(start: number, end: number): boolean {
  if (!isIndex(start) || !isIndex(end) || end <= start) return false;
  let width = 1;
  while (width < end - start) width *= 2;
  return start % width === 0;
}

function isHash(bytes: Uint8Array): boolean {
  return bytes.length === hashBytes;
}

function isIndex(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function half(value: number): number {
  return Math.floor(value / 2);
}
