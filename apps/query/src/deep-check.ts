import type { StoredLeaf } from '@loom/control-store';
import { compareFigures, type Envelope, parseEnvelope, UnopenedParts } from '@loom/ledger';
import { fromTokenBuckets } from '@loom/trace-schema';
import type { StoredSpan, TraceReader } from '@loom/trace-store';
import type { LeafOpener } from './leaf-opener.ts';
import { checkOpenings } from './opening-check.ts';

export interface DeepCheckDeps {
  readonly opener: LeafOpener;
  readonly store: Pick<TraceReader, 'readSpan'>;
}

const parallelReads = 8;

/**
 * What the leaves of one log say and are committed to, against what the stores have: contents, and the figures of calls.
 * Takes the leaves in their order, then tells what is not there although nothing says that it was erased.
 */
export class DeepCheck {
  readonly #deps: DeepCheckDeps;
  readonly #project: string;
  readonly #retainedSinceMs: number;
  readonly #unopened = new UnopenedParts();
  /** Leaves whose price is not the stored one, by call, until a later leaf of the call has that. */
  readonly #otherPrices = new Map<string, number>();
  verified = 0;
  unopened = 0;

  private constructor(deps: DeepCheckDeps, project: string, retainedSinceMs: number) {
    this.#deps = deps;
    this.#project = project;
    this.#retainedSinceMs = retainedSinceMs;
  }

  static async begin(deps: DeepCheckDeps, project: string): Promise<DeepCheck> {
    return new DeepCheck(deps, project, await deps.opener.retainedSince(project));
  }

  /** What of these leaves is not as they say. */
  async take(leaves: readonly StoredLeaf[]): Promise<string[]> {
    const parts = await this.#deps.opener.open(this.#project, leaves, this.#retainedSinceMs);
    const { verified, unopened, wrong } = checkOpenings(leaves, parts);
    this.verified += verified;
    this.unopened += unopened;
    const opened = new Set(parts.map(({ index, part }) => `${index}/${part}`));
    const read = leaves.map(({ index, envelope }) => ({ index, envelope: parseEnvelope(envelope) }));
    for (const { index, envelope } of read) {
      this.#unopened.learn(envelope, { member: 'log', leaf: index });
      for (const part of Object.keys(envelope.commits ?? {})) {
        // Of a sealed part that was cut the commitment cannot be opened at all.
        if (!opened.has(`${index}/${part}`) && !envelope.truncated?.includes(part))
          this.#unopened.add(envelope, index, part, { member: 'log', leaf: index });
      }
    }
    return [...wrong, ...(await this.#compareFigures(read))];
  }

  /** To be believed when nothing is on its way any more. */
  missing(): string[] {
    const parts = this.#unopened.resolve().missing;
    return [
      ...parts.map(
        ({ leaf, part }) => `the ${part} of leaf ${leaf} is not there, and no leaf tells of its erasure`,
      ),
      ...[...this.#otherPrices.values()].map(
        (leaf) => `the price of leaf ${leaf} is not the one that is stored`,
      ),
    ];
  }

  async #compareFigures(leaves: readonly { index: number; envelope: Envelope }[]): Promise<string[]> {
    const stated = leaves.filter(
      ({ envelope: { status, costNanoUsd } }) => status !== undefined || costNanoUsd !== undefined,
    );
    const wrong: string[] = [];
    for (let at = 0; at < stated.length; at += parallelReads) {
      const group = stated.slice(at, at + parallelReads);
      const found = await Promise.all(group.map((leaf) => this.#compare(leaf)));
      wrong.push(...found.flat());
    }
    return wrong;
  }

  async #compare({ index, envelope }: { index: number; envelope: Envelope }): Promise<string[]> {
    const { callId = '', spanId = '' } = envelope;
    const span = await this.#deps.store.readSpan({ projectId: this.#project, spanId });
    if (!span) return []; // on its way, or gone by retention: the counts tell
    const { same, other } = compareFigures(shownBy(span), [envelope]);
    if (same.includes('cost')) this.#otherPrices.delete(callId);
    if (other.includes('cost')) this.#otherPrices.set(callId, index);
    return other
      .filter((figure) => figure !== 'cost')
      .map((figure) => `the ${figure} of leaf ${index} is not what the trace store has`);
  }
}

function shownBy({
  status,
  tokens,
  usageConsistent,
  cost,
}: StoredSpan): Parameters<typeof compareFigures>[0] {
  const totalUsd = cost?.state === 'priced' ? cost.totalUsd : null;
  return { status, usage: fromTokenBuckets(tokens), usageConsistent, totalUsd };
}
