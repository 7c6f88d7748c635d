import { equalBytes } from '../bytes.ts';
import { CompactRange } from '../compact-range.ts';
import type { LedgerCrypto } from '../ledger-crypto.ts';
import { refusal, refusalOf } from './bundle-refusal.ts';
import { type BundleKeys, openCheckpoint, type SealedCheckpoint } from './sealed-checkpoint.ts';

const place = { member: 'prior' };

/**
 * An older checkpoint of the same log that the auditor has kept: the log of the bundle must be its continuation. Its size
 * must be one whose root the bundle shows: that of a checkpoint, of a leaf in the bundle, or of subtrees at its edge.
 */
export class PriorCheckpoint {
  readonly #crypto: LedgerCrypto;
  readonly #prior: SealedCheckpoint;
  #isSeen = false;

  /** Refuses `malformed_prior`, `unknown_key`, `prior_of_another_log`. */
  constructor(
    crypto: LedgerCrypto,
    note: string,
    of: { readonly origin: string; readonly keys: BundleKeys },
  ) {
    this.#crypto = crypto;
    try {
      this.#prior = openCheckpoint(crypto, note, { ...of, place });
    } catch (error) {
      const { reason } = refusalOf(error) ?? {};
      if (reason === undefined || reason === 'unknown_key') throw error;
      const own = reason === 'wrong_origin' ? 'prior_of_another_log' : 'malformed_prior';
      throw refusal(own, place, (error as Error).message, error);
    }
  }

  get size(): number {
    return this.#prior.size;
  }

  /** Refuses a newest checkpoint that the prior contradicts. */
  compareWithNewest(newest: SealedCheckpoint): void {
    const prior = this.#prior;
    const refuse = (...[reason, why]: [Parameters<typeof refusal>[0], string]) => refusal(reason, place, why);
    if (prior.size > newest.size) {
      // A bundle may be older than what the auditor has seen since; a log may not have become shorter.
      if (newest.sealedAt < prior.sealedAt)
        throw refuse('prior_not_covered', 'it is newer than the newest checkpoint of the bundle');
      throw refuse('rollback', `the log had ${prior.size} leaves, and has ${newest.size} later`);
    }
    this.compare(newest);
    if (prior.size < newest.size && prior.sealedAt > newest.sealedAt)
      throw refuse('clock_nonsense', 'it is smaller than the newest checkpoint of the bundle, and younger');
  }

  /** Refuses `fork` for a tree of the prior's size with another root. */
  compare({ size, root }: { readonly size: number; readonly root: Uint8Array }): void {
    if (size !== this.#prior.size) return;
    if (!equalBytes(root, this.#prior.root))
      throw refusal('fork', place, `the log has another root at ${size} leaves`);
    this.#isSeen = true;
  }

  /** Compares with the trees that the edge of the bundle's beginning shows. */
  compareWithEdge({ size, nodes }: CompactRange): void {
    let start = 0;
    for (let count = 0; count <= nodes.length; count += 1) {
      const range = new CompactRange(this.#crypto, start, nodes.slice(0, count));
      if (start === this.#prior.size) this.compare({ size: start, root: range.root() });
      start += largestPower(size - start);
    }
  }

  /** Compares with the tree as it grows. */
  compareWithRange(range: CompactRange): void {
    if (range.size === this.#prior.size) this.compare({ size: range.size, root: range.root() });
  }

  /** Refuses `prior_not_covered` when nothing of its size was seen. */
  expectSeen(): void {
    if (!this.#isSeen)
      throw refusal(
        'prior_not_covered',
        place,
        `the bundle does not show the log at ${this.#prior.size} leaves`,
      );
  }
}

function largestPower(size: number): number {
  let power = 1;
  while (power * 2 <= size) power *= 2;
  return size === 0 ? 0 : power;
}
