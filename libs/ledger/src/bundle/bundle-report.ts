import type { BundleMeta } from './bundle-format.ts';
import type { GapReport } from './gap-watch.ts';
import type { Losses } from './leaf-tally.ts';
import type { MissingPart, PartCounts } from './unopened-parts.ts';

/** A checkpoint that the bundle shows. */
export interface ReportedCheckpoint {
  readonly size: number;
  /** Unix milliseconds. */
  readonly sealedAt: number;
}

/** What was found of a bundle that holds. Everything in it is signed and was checked. */
export interface BundleReport extends BundleMeta {
  /**
   * `incomplete` when something is missing without a record of why, a gap is open, an event is in no leaf because it could
   * not be read, or the period is not covered.
   */
  readonly verdict: 'verified' | 'incomplete';
  /**
   * That the leaves are all that was sealed in the period: those before were sealed before it, and the log is signed up to
   * its end. What a log that stands still has not signed is not covered by it.
   */
  readonly isPeriodCovered: boolean;
  readonly checkpoints: {
    /** Null when the leaves are those from the first on. */
    readonly start: ReportedCheckpoint | null;
    readonly end: ReportedCheckpoint;
    readonly newest: ReportedCheckpoint;
  };
  readonly leaves: { readonly total: number; readonly byKind: Readonly<Record<string, number>> };
  /** Requests and responses; and what else leaves are committed to: metadata of calls, records of changes. */
  readonly payloads: PartCounts;
  readonly texts: PartCounts;
  /** Leaves of calls that the bundle's filter did not match: they are proved to be there, and nothing of them is opened. */
  readonly leftOut: number;
  /** The first parts that are missing. */
  readonly missing: readonly MissingPart[];
  readonly gaps: GapReport;
  readonly losses: Losses;
  /** Ids of the first events that came, could not be read and are in no leaf: `<call id>/accepted`. */
  readonly unread: readonly string[];
  /** Of the newest checkpoint, by witnesses that are known. */
  readonly cosignatures: readonly { readonly name: string; readonly time: number }[];
  /** Names and ids of the keys that signed the manifest. */
  readonly exportedBy: readonly string[];
  /** The size of the prior checkpoint that the log continues; null when none was given. */
  readonly continues: number | null;
}

/** The verdict in one sentence, for people. */
export const verdictTexts: Readonly<Record<BundleReport['verdict'], string>> = {
  verified: 'VERIFIED: nothing in this bundle was changed, removed or added since it was sealed.',
  incomplete: 'INCOMPLETE: what is here is as it was sealed, but something is not here.',
};

/** What the log says of itself that is not on the record: counts that are not zero, with what they count. */
export function lossesInWords(losses: Losses): { readonly count: number; readonly what: string }[] {
  const { lostCalls, lostEvents, unreadable, setAside, orphaned, unread } = losses;
  return [
    { count: lostCalls, what: 'calls let through without a record' },
    { count: lostEvents, what: 'events lost' },
    { count: unreadable, what: 'records that could not be read' },
    { count: setAside, what: 'records set aside' },
    { count: orphaned, what: 'calls whose end had not come' },
    { count: unread, what: 'events that came, could not be read and are in no leaf' },
  ].filter(({ count }) => count > 0);
}
