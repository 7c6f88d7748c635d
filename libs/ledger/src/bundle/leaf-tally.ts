import type { Envelope } from '../envelope.ts';
import { type BundlePlace, refusal } from './bundle-refusal.ts';
import { type GapReport, GapWatch } from './gap-watch.ts';
import { SequenceWatch } from './sequence-watch.ts';

/** What the log itself says was lost. */
export interface Losses {
  /** `capture.lost`: calls and events that were let through without a record. */
  readonly lostCalls: number;
  readonly lostEvents: number;
  /** `record.unreadable`, `record.set-aside`. */
  readonly unreadable: number;
  readonly setAside: number;
  /** `capture.orphaned`: calls whose end had not come. */
  readonly orphaned: number;
  /** `record.unread`: events that came and could not be read, and that no later leaf is of. */
  readonly unread: number;
}

const kindsMax = 200;
const [unreadMax, unreadListMax] = [1_000_000, 100];
const lossKinds: Readonly<Record<string, Exclude<keyof Losses, 'unread'>>> = {
  'record.unreadable': 'unreadable',
  'record.set-aside': 'setAside',
  'capture.orphaned': 'orphaned',
};

/** Clocks of emitters may be wrong by so much. Milliseconds. */
export const clockSkewMsMax = 86_400_000;

/** What is counted and checked of each leaf of a bundle by itself. */
export class LeafTally {
  readonly #project: string;
  readonly #sealedAt: number;
  readonly #sequences = new SequenceWatch();
  readonly #gaps = new GapWatch();
  readonly #kinds = new Map<string, number>();
  readonly #losses = { lostCalls: 0, lostEvents: 0, unreadable: 0, setAside: 0, orphaned: 0 };
  /** Ids of events that could not be read. */
  readonly #unread = new Set<string>();
  #total = 0;

  /** `sealedAt`: of the checkpoint that the leaves are under. */
  constructor({ project, sealedAt }: { readonly project: string; readonly sealedAt: number }) {
    this.#project = project;
    this.#sealedAt = sealedAt;
  }

  take(envelope: Envelope, leaf: number, place: BundlePlace): void {
    expectOwn(envelope, { project: this.#project, sealedAt: this.#sealedAt, place });
    this.#sequences.take(envelope, place);
    this.#gaps.take(envelope, leaf, place);
    this.#count(envelope);
    this.#noteUnread(envelope, place);
  }

  #noteUnread({ kind, id, resource }: Envelope, place: BundlePlace): void {
    if (kind !== 'record.unread') {
      this.#unread.delete(id);
      return;
    }
    if (this.#unread.size >= unreadMax)
      throw refusal('beyond_limits', place, `more than ${unreadMax} events that could not be read`);
    this.#unread.add(resource ?? id);
  }

  #count({ kind, counts = {} }: Envelope): void {
    this.#total += 1;
    const name = this.#kinds.has(kind) || this.#kinds.size < kindsMax ? kind : 'other';
    this.#kinds.set(name, (this.#kinds.get(name) ?? 0) + 1);
    const loss = lossKinds[kind];
    if (loss) this.#losses[loss] += Math.max(1, counts['records'] ?? 1);
    if (kind !== 'capture.lost') return;
    this.#losses.lostCalls += Math.max(0, counts['lostCalls'] ?? 0);
    this.#losses.lostEvents += Math.max(0, counts['lostEvents'] ?? 0);
  }

  get total(): number {
    return this.#total;
  }

  report(): {
    readonly byKind: Readonly<Record<string, number>>;
    readonly losses: Losses;
    readonly gaps: GapReport;
    readonly unread: readonly string[];
  } {
    const byKind = Object.fromEntries([...this.#kinds].sort(([a], [b]) => (a < b ? -1 : 1)));
    const losses = { ...this.#losses, unread: this.#unread.size };
    return { byKind, losses, gaps: this.#gaps.report(), unread: [...this.#unread].slice(0, unreadListMax) };
  }
}

/** Refuses a leaf of another project (`foreign_leaf`), or of a time long after it was sealed (`clock_nonsense`). */
export function expectOwn(
  { project, time }: Envelope,
  own: { readonly project: string; readonly sealedAt: number; readonly place: BundlePlace },
): void {
  if (project !== own.project) throw refusal('foreign_leaf', own.place, `it is of the project ${project}`);
  if (time < 0 || time > own.sealedAt + clockSkewMsMax)
    throw refusal('clock_nonsense', own.place, 'its time is long after it was sealed');
}
