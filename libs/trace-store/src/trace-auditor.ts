import type { FactTable } from '@loom/trace-schema/stored-columns';

export type AuditedTable = FactTable | 'span_payloads' | 'span_texts';

/**
 * A row with the fields of its table, as the store has it: a value that is not what its field should hold is given as it
 * is. Rows of `span_payloads` come without their bytes, with `dataMark` that is the same for the same bytes.
 */
export type StoredFields = Readonly<Record<string, unknown>>;

/** What a check of the record reads. Isolation and errors are those of the reader. */
export interface TraceAuditor {
  /**
   * Every row of a table that has one of these ids, those that are there twice included. `eventId` finds none of payloads
   * and texts. `started` bounds the start of calls, unix nanoseconds, both ends included: without it the read is slower.
   */
  storedRows(query: {
    readonly projectId: string;
    readonly table: AuditedTable;
    readonly by: 'spanId' | 'eventId';
    readonly ids: readonly string[];
    readonly started?: { readonly from: string; readonly to: string } | null;
  }): Promise<StoredFields[]>;

  /**
   * Ids of the events that a table has rows of, in order, those after `after` or (null) from the first; at most 5,000. `copies`: rows that ought to
   * be one; the same fact that was written twice is one where the store allows that.
   */
  listEventIds(query: {
    readonly projectId: string;
    readonly table: FactTable;
    readonly after: string | null;
  }): Promise<{ readonly id: string; readonly copies: number }[]>;

  /**
   * Payloads or texts that belong to no call; at most 100. A request is of a call that was accepted, a response of one
   * that has ended, and neither of one whose content is erased: the hash in its row is gone with it.
   */
  listStrays(query: {
    readonly projectId: string;
    readonly table: 'span_payloads' | 'span_texts';
  }): Promise<{ readonly spanId: string; readonly part: string }[]>;

  /**
   * Derives what the store derives again, by the same statements, and gives what is another: at most
   * {@link deviationsMax} a table. A row that is written meanwhile may be among them: what is there twice is so.
   */
  findDeviations(query: DeviationQuery): Promise<Deviation[]>;
}

export const deviationsMax = 300;

export interface DeviationQuery {
  readonly projectId: string;
  /** What is of days before is not compared: its calls are gone. Unix nanoseconds; null when nothing is. */
  readonly retainedSince: string | null;
  /** Figures of end users of days up to this one may be less than their calls say. Unix nanoseconds, null when none are. */
  readonly erasedUntil: string | null;
  /** What attempts say of hours before this is not compared. */
  readonly contentSince: string | null;
}

export interface Deviation {
  readonly table: string;
  /** Its key, by field; empty when the table as a whole cannot be read. */
  readonly row: Readonly<Record<string, string>>;
  /** `unreadable`: the engine cannot read the table. */
  readonly what: 'changed' | 'added' | 'missing' | 'unreadable';
  /** Fields that are another, when it is changed. */
  readonly fields: readonly string[];
}
