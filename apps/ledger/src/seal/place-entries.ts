import type { Append, NewLeaf, Progress, StoredGap } from '@loom/control-store';
import { eventIds } from '@loom/trace-schema';
import { leafOfEnvelope } from './commitments.ts';

/** What one record of the stream may add to a log. */
export interface Entry {
  /** Where it stands in its emitter's sequence; null for what has none (prices, dead letters, what Loom itself derives). */
  readonly place: { readonly emitter: string; readonly seq: number } | null;
  readonly leaf: NewLeaf | null;
  readonly opensCall?: { readonly callId: string; readonly acceptedAtMs: number };
  readonly endsCall?: string;
  readonly orphansCall?: string;
  /** Last sequence numbers of the emitter, by project. */
  readonly ends?: Append['ends'];
  /** The gap that its leaf tells of. */
  readonly tellsGap?: Omit<StoredGap, 'projectId'>;
}

export type LogChange = Omit<Append, 'projectId' | 'expected' | 'head' | 'nowMs'>;

interface Gap {
  readonly emitter: string;
  from: number;
  to: number;
  readonly noticedAtMs: number;
  isSealed: boolean;
}

/**
 * What of these entries is new to a log, given how far it has come. An entry at or below its emitter's mark was taken in
 * before, unless its number is one that was missing: then it fills the gap. One that jumps ahead opens a gap. An entry
 * without a place is new when its id is, and so is a late one: its number was taken in when it could not be read yet.
 */
export function placeEntries(
  projectId: string,
  entries: readonly Entry[],
  progress: Progress,
  nowMs: number,
): LogChange {
  const placing = new Placing(projectId, progress, nowMs);
  for (const entry of entries) placing.take(entry);
  return placing.change();
}

/**
 * The ids that decide whether entries at or below their emitter's mark are new: `knownIds` has to say which of them the log
 * has. None while nothing comes twice.
 */
export function lateIds(entries: readonly Entry[], { marks }: Pick<Progress, 'marks'>): string[] {
  return entries.flatMap(({ place, leaf, opensCall }) => {
    if (!place || !leaf || place.seq > (marks.get(place.emitter) ?? 0)) return [];
    return [leaf.eventId, ...(opensCall ? [eventIds.ended(opensCall.callId)] : [])];
  });
}

class Placing {
  readonly #projectId: string;
  readonly #nowMs: number;
  readonly #known: ReadonlyMap<string, number>;
  readonly #marks = new Map<string, number>();
  readonly #ids: Set<string>;
  readonly #gaps: Gap[];
  readonly #before: ReadonlyMap<string, string>;
  readonly #leaves: NewLeaf[] = [];
  readonly #ends: Append['ends'][number][] = [];
  readonly #open = new Map<string, Append['openCalls'][number]>();
  readonly #ended = new Set<string>();
  readonly #orphaned: string[] = [];

  constructor(projectId: string, { marks, gaps, knownIds }: Progress, nowMs: number) {
    this.#projectId = projectId;
    this.#nowMs = nowMs;
    this.#known = marks;
    this.#ids = new Set(knownIds);
    this.#gaps = gaps.map(({ emitter, from, to, noticedAtMs, isSealed }) => ({ emitter, from, to, noticedAtMs, isSealed })); // prettier-ignore
    this.#before = new Map(this.#gaps.map((gap) => [keyOf(gap), JSON.stringify(gap)]));
  }

  take(entry: Entry): void {
    if (entry.tellsGap && !this.#tell(entry.tellsGap)) return;
    const isPlaced = entry.place !== null && this.#place(entry.place);
    // With a number of its own an entry without a leaf is known by that.
    if (!isPlaced && (entry.leaf ? this.#ids.has(entry.leaf.eventId) : entry.place !== null)) return;
    if (entry.leaf) this.#push(entry.leaf);
    const hasEnded = entry.opensCall && this.#ids.has(eventIds.ended(entry.opensCall.callId));
    if (entry.opensCall && !hasEnded) this.#open.set(entry.opensCall.callId, entry.opensCall);
    if (entry.endsCall !== undefined && !this.#open.delete(entry.endsCall)) this.#ended.add(entry.endsCall);
    if (entry.orphansCall !== undefined) this.#orphaned.push(entry.orphansCall);
    this.#ends.push(...(entry.ends ?? []));
  }

  change(): LogChange {
    const now = new Map(this.#gaps.map((gap) => [keyOf(gap), gap]));
    return {
      leaves: this.#leaves,
      marks: this.#marks,
      gaps: [...now.values()].filter((gap) => this.#before.get(keyOf(gap)) !== JSON.stringify(gap)),
      filledGaps: [...this.#before.values()]
        .map((text) => JSON.parse(text) as Gap)
        .filter((gap) => !now.has(keyOf(gap)))
        .map(({ emitter, from }) => ({ emitter, from })),
      ...{ ends: this.#ends, openCalls: [...this.#open.values()] },
      ...{ endedCalls: [...this.#ended], orphanedCalls: this.#orphaned },
    };
  }

  #push(leaf: NewLeaf): void {
    this.#ids.add(leaf.eventId);
    this.#leaves.push(leaf);
  }

  /** False for a number that was taken in before. */
  #place({ emitter, seq }: { readonly emitter: string; readonly seq: number }): boolean {
    const mark = this.#marks.get(emitter) ?? this.#known.get(emitter) ?? 0;
    if (seq <= mark) return this.#fill(emitter, seq);
    if (seq > mark + 1)
      this.#gaps.push({ emitter, from: mark + 1, to: seq - 1, noticedAtMs: this.#nowMs, isSealed: false });
    this.#marks.set(emitter, seq);
    return true;
  }

  #fill(emitter: string, seq: number): boolean {
    const at = this.#gaps.findIndex((gap) => gap.emitter === emitter && gap.from <= seq && seq <= gap.to);
    const gap = this.#gaps[at];
    if (!gap) return false;
    const rest = [
      { ...gap, to: seq - 1 },
      { ...gap, from: seq + 1 },
    ].filter(({ from, to }) => from <= to);
    this.#gaps.splice(at, 1, ...rest);
    if (gap.isSealed) this.#push(this.#filledLeaf(emitter, seq));
    return true;
  }

  /** False when the gap is not there any more just so, or was told of. */
  #tell(told: Omit<StoredGap, 'projectId'>): boolean {
    const gap = this.#gaps.find(({ emitter, from }) => emitter === told.emitter && from === told.from);
    if (gap?.to !== told.to || gap.isSealed) return false;
    gap.isSealed = true;
    return true;
  }

  #filledLeaf(emitter: string, seq: number): NewLeaf {
    const id = `gap/${emitter}/${seq}/filled`;
    const envelope = { id, kind: 'capture.gap.filled', time: this.#nowMs, emitter, from: seq, to: seq };
    return leafOfEnvelope({ v: 1, project: this.#projectId, ...envelope });
  }
}

function keyOf({ emitter, from }: { readonly emitter: string; readonly from: number }): string {
  return `${emitter}/${from}`;
}
