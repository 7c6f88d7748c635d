import { LoomError } from '@loom/errors';
import type { LedgerCrypto } from './ledger-crypto.ts';
import { emptyRoot, hashBytes, nodeHash } from './merkle-hash.ts';

/**
 * The right edge of a tree: the roots of its perfect subtrees, largest first, one for each bit of its size. It is all
 * that is needed to append and to know the root: logarithmic, whatever the size.
 */
export class CompactRange {
  readonly #crypto: LedgerCrypto;
  readonly #nodes: Uint8Array[];
  #size: number;

  /** Throws `invalid_request` when the nodes are not those of a tree of this size. */
  constructor(crypto: LedgerCrypto, size = 0, nodes: readonly Uint8Array[] = []) {
    if (!Number.isSafeInteger(size) || size < 0)
      throw new LoomError('invalid_request', `${size} is no size of a tree`);
    if (nodes.length !== bitsOf(size) || nodes.some((node) => node.length !== hashBytes))
      throw new LoomError(
        'invalid_request',
        `a tree of ${size} leaves has ${bitsOf(size)} nodes at its edge`,
      );
    this.#crypto = crypto;
    this.#nodes = [...nodes];
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  get nodes(): readonly Uint8Array[] {
    return this.#nodes;
  }

  /** Appends a leaf by its hash. `visit` is told of each node that becomes whole: level from 0, index in its level. */
  append(leaf: Uint8Array, visit?: (level: number, index: number, hash: Uint8Array) => void): void {
    let hash = leaf;
    let level = 0;
    let index = this.#size;
    visit?.(level, index, hash);
    while (index % 2 === 1) {
      const left = this.#nodes.pop();
      if (!left) throw new LoomError('internal', 'the edge of the tree does not fit its size');
      hash = nodeHash(this.#crypto, left, hash);
      index = (index - 1) / 2;
      level += 1;
      visit?.(level, index, hash);
    }
    this.#nodes.push(hash);
    this.#size += 1;
  }

  root(): Uint8Array {
    const [last, ...rest] = [...this.#nodes].reverse();
    if (!last) return emptyRoot(this.#crypto);
    return rest.reduce((right, left) => nodeHash(this.#crypto, left, right), last);
  }

  copy(): CompactRange {
    return new CompactRange(this.#crypto, this.#size, this.#nodes);
  }
}

function bitsOf(size: number): number {
  let bits = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) bits += rest % 2;
  return bits;
}
